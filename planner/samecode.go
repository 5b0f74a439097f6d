package planner

import (
	"debug/elf"
	"fmt"
	"strings"

	"gocare/internal/elfobj"
)

// writeSection writes what counts of a section that is loaded. What its place happens to be aligned to does not.
func writeSection(text *strings.Builder, f *elfobj.File, i int, relas []elfobj.Rela) {
	s := &f.Sections[i]
	if s.Flags&elf.SHF_ALLOC == 0 {
		return
	}
	fmt.Fprintf(text, "%d %s %v %v %d %q\n", i, s.Name, s.Type, s.Flags, s.Size, s.Data)
	for _, r := range relas {
		to := &f.Symbols[r.Symbol]
		fmt.Fprintf(text, "%d %d %q %d %d %d\n", r.Offset, r.Type, to.Name, to.Section, to.Value, r.Addend)
	}
}

// writeSymbols writes the symbols of an object.
func writeSymbols(text *strings.Builder, f *elfobj.File) {
	for i := range f.Symbols {
		s := &f.Symbols[i]
		fmt.Fprintf(text, "%q %v %v %v %d %d %d\n", s.Name, s.Type, s.Bind, s.Vis, s.Section, s.Value, s.Size)
	}
}
