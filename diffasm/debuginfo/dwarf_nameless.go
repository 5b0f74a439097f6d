package debuginfo

import (
	"maps"
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/internal/cxxname"
)

// This file finds the functions of static locals that clang's debug information has in a function without a name: those of a function
// that is inlined wherever it is called get an entry of their own, which says nothing of the function (LLVM 14).

// UnknownFunction is the name of such a function where its variables have no symbols.
const UnknownFunction = "?"

// nameFunctions names such functions by the symbols of their variables, f.x or f.x.1, in C++ _ZZ1fvE1x.
func (r *dieReader) nameFunctions() {
	names := map[*die]map[string]bool{}
	for _, d := range r.dies {
		fn := r.origin(d).parent
		if d.tag != tagVariable || fn == nil || r.origin(fn).name != "" {
			continue
		}
		if names[fn] == nil {
			names[fn] = map[string]bool{}
		}
		for _, l := range d.located {
			names[fn][functionOf(l.sym, r.origin(d).name)] = true
		}
	}
	for fn, list := range names {
		switch all := slices.Collect(maps.Keys(list)); len(all) {
		case 0:
			fn.name = UnknownFunction
		case 1:
			fn.name = all[0]
		default: // it may be any of them
			fn.name = ""
		}
	}
}

// functionOf takes what clang adds for a static local off its symbol; "" if it is none.
func functionOf(sym, name string) string {
	if fn := cxxname.FunctionOf(sym, name); fn != "" {
		return fn
	}
	for {
		if fn, ok := strings.CutSuffix(sym, "."+name); ok {
			return fn
		}
		i := strings.LastIndexByte(sym, '.')
		if i <= 0 || !asm.AllDigits(sym[i+1:]) {
			return ""
		}
		sym = sym[:i]
	}
}
