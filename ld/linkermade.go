package ld

import (
	"debug/elf"
	"slices"
	"strings"

	"gocare/internal/elfobj"
)

// madeNames are the symbols that linkers define by themselves when something refers to them.
var madeNames = []string{
	"__executable_start", "__ehdr_start", "__etext", "_etext", "etext", "_edata", "edata", "__bss_start", "__bss_start__", "_bss_end__",
	"__bss_end__", "_end", "__end__", "end", "__preinit_array_start", "__preinit_array_end", "__init_array_start", "__init_array_end",
	"__fini_array_start", "__fini_array_end", "__rela_iplt_start", "__rela_iplt_end", "_DYNAMIC", "_GLOBAL_OFFSET_TABLE_",
}

// mayMake reports whether the linker might define a symbol that the original lacks, for code that is the first to refer to it. Where an input
// of the original refers to it, the linker had the choice.
func (o objects) mayMake(name string) bool {
	if !slices.Contains(madeNames, name) && !strings.HasPrefix(name, "__start_") && !strings.HasPrefix(name, "__stop_") {
		return false
	}
	return !slices.ContainsFunc(o, func(obj Object) bool {
		return obj.File.Type == elf.ET_REL && slices.ContainsFunc(obj.File.Symbols, func(s elfobj.Symbol) bool { return s.Name == name })
	})
}
