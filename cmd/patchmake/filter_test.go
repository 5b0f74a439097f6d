package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A long line, a comment say, does not end the list.
func TestParseFilterLongLine(t *testing.T) {
	got := parseFilter([]byte("one\n# " + strings.Repeat("x", 1<<17) + "\ntwo # so\n"))
	if diff := cmp.Diff(map[string]bool{"one": true, "two": true}, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzParseFilter: every line that is no comment is a name, and the names written one a line are the same filter.
func FuzzParseFilter(f *testing.F) {
	f.Add("one\n two # comment\n\n#three\r\nfour five\n")
	f.Fuzz(func(t *testing.T, text string) {
		names := parseFilter([]byte(text))
		var again []string
		for name := range names {
			if name == "" || name != strings.TrimSpace(name) || strings.ContainsAny(name, "#\n") || !strings.Contains(text, name) {
				t.Fatalf("name %q", name)
			}
			again = append(again, name)
		}
		slices.Sort(again)
		if diff := cmp.Diff(names, parseFilter([]byte(strings.Join(again, "\n")))); diff != "" {
			t.Fatal(diff)
		}
	})
}

// A function of C++ is meant by its symbol, or as it is written, with its parameters or without.
func TestFilterKeeps(t *testing.T) {
	const add = "_ZN4acct6Ledger3addEi"
	for _, tt := range []struct {
		f      filter
		symbol string
		want   bool
	}{
		{filter{}, add, true},
		{filter{Globs: []string{"acct::*"}}, add, true},
		{filter{Globs: []string{"acct::Ledger::add(int)"}}, add, true},
		{filter{Globs: []string{"acct::*"}}, "acct", false},
		{filter{Names: map[string]bool{"acct::Ledger::add": true}}, add, true},
		{filter{Names: map[string]bool{add: true}}, add, true},
		{filter{Names: map[string]bool{"add": true}}, add, false},
	} {
		if got := tt.f.keeps(tt.symbol); got != tt.want {
			t.Errorf("%+v keeps %s: %v", tt.f, tt.symbol, got)
		}
	}
}
