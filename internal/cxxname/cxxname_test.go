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
