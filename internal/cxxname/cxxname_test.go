package cxxname

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadable(t *testing.T) {
	for text, want := range map[string]string{
		`a.cc: cannot patch function "_ZN4acct6Ledger3addEi": no`: `a.cc: cannot patch function "acct::Ledger::add(int)": no`,
		"call _Z3runv.part.0 and _Z3runv":                         "call run() [clone .part.0] and run()",
		"print_hello, _Zero, my_Z3fooi":                           "print_hello, _Zero, my_Z3fooi",
		"call _ZZL5setupvEN3$_08__invokeEi":                       "call setup()::$_0::__invoke(int)",
		"":                                                        "",
	} {
		if got := Readable(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestSpellings(t *testing.T) {
	for symbol, want := range map[string][]string{
		"print_hello":             {"print_hello"},
		"_ZN4acct6Ledger3addEi":   {"_ZN4acct6Ledger3addEi", "acct::Ledger::add(int)", "acct::Ledger::add"},
		"_Z5twiceIiET_S0_.isra.0": {"_Z5twiceIiET_S0_.isra.0", "int twice<int>(int)", "twice<int>"},
	} {
		if diff := cmp.Diff(want, Spellings(symbol)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestIsCalled(t *testing.T) {
	for _, tt := range []struct {
		symbol, name string
		want         bool
	}{
		{"step", "step", true},
		{"steps", "step", false},
		{"_Z4stepi", "step", true},
		{"_ZN4acct6Ledger4stepERKSt4pairIiiE", "step", true},
		{"_ZN4acct4stepIN3std3intEEEvi", "step", true},
		{"_ZN4step3addEi", "step", false},
		{"_ZN6LedgerclEi", "operator()", true},
	} {
		if got := IsCalled(tt.symbol, tt.name); got != tt.want {
			t.Errorf("%s, %s: got %v", tt.symbol, tt.name, got)
		}
	}
}

// TestIsCounted: names that have a number in the place of a name.
func TestIsCounted(t *testing.T) {
	for name, want := range map[string]bool{
		"_ZZ4mainENKUlvE_clEv":   true, // a lambda of main
		"_ZNK3$_0clEv":           true, // clang's, of the unit
		"_ZZ1fvEN1S1gEv":         true, // of a local class
		"_ZN3$_01gEv":            true,
		"_ZN4listUt_1gEv":        true, // of a class without a name
		"_Z1fv":                  false,
		"_ZN1A1fEv":              false,
		"_ZN1AC2Ev":              false,
		"_ZNSt6vectorIiE4pushEi": false,
		"main":                   false,
	} {
		if got := IsCounted(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestShown: of a private symbol and that of the same thing once it is not.
func TestShown(t *testing.T) {
	for symbol, want := range map[string]string{
		"_ZL5count":                              "count",
		"_ZL3inci":                               "_Z3inci",
		"_ZN2nsL5countE":                         "_ZN2ns5countE",
		"_ZN2ns2inL3incEPNS_1AE":                 "_ZN2ns2in3incEPNS_1AE",
		"_ZN12_GLOBAL__N_15countE":               "count",
		"_ZN12_GLOBAL__N_1L5countE":              "count",
		"_ZN2ns12_GLOBAL__N_13incEi":             "_ZN2ns3incEi",
		"_ZZL3inciE1n":                           "_ZZ3inciE1n",
		"_ZZN12_GLOBAL__N_13incEiE1n":            "_ZZ3inciE1n",
		"_ZGVZL3incvE1n":                         "_ZGVZ3incvE1n",
		"_ZN12_GLOBAL__N_13incEPNS_1AE":          "_ZN12_GLOBAL__N_13incEPNS_1AE", // S_ would be something else
		"_ZN12_GLOBAL__N_11A3getEv":              "_ZN12_GLOBAL__N_11A3getEv",     // the class is another one, then
		"_ZTVN12_GLOBAL__N_11AE":                 "_ZTVN12_GLOBAL__N_11AE",
		"_ZZL3inciEN1A3getEv":                    "_ZZL3inciEN1A3getEv",
		"_ZZL3inciE1n_0":                         "_ZZL3inciE1n_0",
		"_ZL5twiceIiET_S0_":                      "_Z5twiceIiET_S0_",
		"_ZL99":                                  "_ZL99",
		"_ZL":                                    "_ZL",
		"_Z3inci":                                "_Z3inci",
		"_ZN2ns5countE":                          "_ZN2ns5countE",
		"count":                                  "count",
		"_ZN12_GLOBAL__N_112_GLOBAL__N_15countE": "_ZN12_GLOBAL__N_112_GLOBAL__N_15countE",
	} {
		if got := Shown(symbol); got != want {
			t.Errorf("%s: got %s, want %s", symbol, got, want)
		}
	}
}

func TestFunctionOf(t *testing.T) {
	for _, tt := range []struct{ symbol, name, want string }{
		{"_ZZ4nextiE1n", "n", "next"},
		{"_ZZN2ns1A4nextEiE5count_0", "count", "next"},
		{"_ZZ4nextiE1n__12_", "n", "next"},
		{"_ZZ4nextIiET_S0_E1n", "n", "next"},
		{"_ZZ4stepE1n", "n", "step"},
		{"_ZZ4nextiE1n", "m", ""},
		{"_ZN2ns1nE", "n", ""},
		{"next.n", "n", ""},
	} {
		if got := FunctionOf(tt.symbol, tt.name); got != tt.want {
			t.Errorf("%s of %s: got %q, want %q", tt.name, tt.symbol, got, tt.want)
		}
	}
}
