package disasm

import (
	"debug/dwarf"
	"debug/elf"
	"errors"
	"io"

	"gocare/internal/elfobj"
)

// sectionShift sets the sections of an object apart in its debugging information: section n is at n << sectionShift there.
const sectionShift = 40

// debugInfo is what the debugging information of an object tells of its names and lines.
type debugInfo struct {
	*elfobj.Debug
	files map[string]int // numbers of sources in the text, from 1
	lines map[place]line
}

// line is a place in a source.
type line struct {
	file string
	line int
}

// debugOf reads the debugging information; nil where the object has none.
func debugOf(f *elfobj.File) (*debugInfo, error) {
	data, err := f.DWARFAt(func(section int) uint64 {
		if f.Sections[section].Flags&elf.SHF_ALLOC == 0 {
			return 0
		}
		return uint64(section) << sectionShift
	})
	if data == nil || err != nil {
		return nil, err
	}
	d := &debugInfo{Debug: data, files: map[string]int{}, lines: map[place]line{}}
	return d, d.readLines()
}

// placeAt is the place in the object of an address.
func placeAt(addr uint64) place {
	return place{int(addr >> sectionShift), addr & (1<<sectionShift - 1)}
}

// readLines notes the line of each instruction that begins one.
func (d *debugInfo) readLines() error {
	r := d.Reader()
	for {
		e, err := r.Next()
		if e == nil || err != nil {
			return err
		}
		if e.Tag == dwarf.TagCompileUnit {
			if err := d.unitLines(e); err != nil {
				return err
			}
		}
		r.SkipChildren()
	}
}

func (d *debugInfo) unitLines(unit *dwarf.Entry) error {
	lr, err := d.LineReader(unit)
	if lr == nil || err != nil {
		return err
	}
	for {
		var e dwarf.LineEntry
		if err := lr.Next(&e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if !e.EndSequence && e.File != nil && e.Line > 0 {
			d.lines[placeAt(e.Address)] = line{e.File.Name, e.Line}
		}
	}
}

// place writes the source line of an instruction.
func (w *writer) place(section int, in instruction) {
	if w.info == nil || w.check {
		return
	}
	if l, known := w.info.lines[place{section, in.offset}]; known {
		w.line("\t.loc\t%d %d", w.file(l.file), l.line)
	}
}

// file returns the number of a source, which a directive gives it at its first use.
func (w *writer) file(name string) int {
	n := w.info.files[name]
	if n == 0 {
		n = len(w.info.files) + 1
		w.info.files[name] = n
		w.line("\t.file\t%d %s", n, `"`+quoted([]byte(name))+`"`)
	}
	return n
}
