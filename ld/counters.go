package ld

import (
	"debug/elf"
	"slices"
	"strings"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// llvmCounters begins the names of sections in which clang has the counters of a profile and what it says of them. The program's list of
// them is what it was linked with; an addition counts for nobody.
const llvmCounters = "__llvm_prf_"

// counterLibrary are the functions by which code tells the run-time library of its counters, at start, and that it ends.
var counterLibrary = []string{"__gcov_init", "__gcov_exit", "llvm_gcov_init"}

// registersCounters reports whether the functions that a section of constructors or destructors lists do no more than that: without it,
// an addition counts for nobody.
func registersCounters(f *elfobj.File, s *elfSection) bool {
	entries, err := f.Relas(s.Index)
	if err != nil || len(entries) == 0 {
		return false
	}
	return !slices.ContainsFunc(entries, func(r elfobj.Rela) bool {
		to := &f.Symbols[r.Symbol]
		return !to.Defined() || !onlyRegisters(f, to.Section, to.Value+uint64(r.Addend))
	})
}

// onlyRegisters reports whether a function calls the library and refers to nothing else that is not defined beside it.
func onlyRegisters(f *elfobj.File, section int, at uint64) bool {
	i := slices.IndexFunc(f.Symbols, func(s elfobj.Symbol) bool {
		return s.Section == section && s.Value == at && s.Type == elf.STT_FUNC && s.Bind == elf.STB_LOCAL && s.Size > 0
	})
	if i < 0 {
		return false
	}
	relas, err := f.Relas(section)
	if err != nil {
		return false
	}
	calls := false
	for _, r := range relas {
		if r.Offset < at || r.Offset-at >= f.Symbols[i].Size {
			continue
		}
		to := &f.Symbols[r.Symbol]
		switch {
		case slices.Contains(counterLibrary, to.Name):
			calls = true
		case !to.Defined() || f.Sections[to.Section].Flags&elf.SHF_WRITE == 0 && !ofLLVM(f, to, r):
			return false
		}
	}
	return calls
}

// ofLLVM reports whether a relocation of an access refers to a function that clang makes for the library to call.
func ofLLVM(f *elfobj.File, to *elfobj.Symbol, r elfobj.Rela) bool {
	at := to.Value + uint64(r.Addend) + uint64(arch.Default().PCBias)
	return slices.ContainsFunc(f.Symbols, func(s elfobj.Symbol) bool {
		return s.Section == to.Section && s.Value == at && strings.HasPrefix(s.Name, "__llvm_gcov_")
	})
}
