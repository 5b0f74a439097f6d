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
