package diffasm

import (
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
)

// gcc counts what a function does (--coverage, -fprofile-generate) in arrays of its own, and describes them to its run-time library in one
// list of the unit, at start. Code with other counters gets new ones in the patch, which the library does not know: what is written at exit
// is what the original code did. clang (--coverage, -fprofile-generate, -fprofile-instr-generate) does the like.

// describedBy returns the function whose counters a variable of gcc describes, "" for other variables.
func describedBy(name string) string {
	function, _ := strings.CutPrefix(name, "__gcov_.")
	if function == name {
		return ""
	}
	return function
}

// counterOf returns the function of which a variable is an array of counters of gcc, "" for other variables.
func counterOf(name string) string {
	rest, found := strings.CutPrefix(name, "__gcov")
	kind, function, dot := strings.Cut(rest, ".")
	if !found || !dot || !asm.AllDigits(kind) {
		return ""
	}
	return function
}

// IsCounters reports whether a variable is what a compiler counts in, or has to say of that: it holds nothing for the program.
func IsCounters(symbol string) bool {
	for _, of := range []string{"__llvm_gcov_ctr", "__llvm_internal_gcov_", "__profc_", "__profd_", "__profvp_"} {
		if strings.HasPrefix(symbol, of) {
			return true
		}
	}
	return describedBy(symbol) != "" || counterOf(symbol) != ""
}

// counters makes the counters of functions that are described in another way now changed ones, which the patch gets copies of, and what
// describes them the same: only the library reads it, and it has the original's.
func (d *Delta) counters() {
	other := map[string]bool{}
	for i := range d.Variables {
		v := &d.Variables[i]
		if v.Status == Changed && strings.HasPrefix(v.Name, "__llvm_internal_gcov_") { // of __llvm_gcov_writeout
			v.Status, v.Code, v.Reason = Same, "", ""
		}
		if f := describedBy(v.Name); f != "" && v.Status == Changed && d.forLibrary(d.vars[i]) {
			other[f] = true
			v.Status, v.Code, v.Reason = Same, "", ""
		}
	}
	for i := range d.Variables {
		v := &d.Variables[i]
		f := counterOf(v.Name)
		switch {
		case f == "" || d.vars[i].o == nil || d.vars[i].p == nil:
		case other[f]:
			v.Status, v.Reason = Changed, "the function counts other things"
			v.counter = true
		case v.Status == Changed:
			v.counter = true
		}
	}
}

// forLibrary reports whether no code of either unit refers to a variable.
func (d *Delta) forLibrary(v varPair) bool {
	return !d.orig.IsGlobal(v.o.Name) && len(canon.UsersOf(d.orig.File, v.o.Name).Functions) == 0 && len(canon.UsersOf(d.patched.File, v.p.Name).Functions) == 0
}
