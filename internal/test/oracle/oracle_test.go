package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadRun(t *testing.T) {
	p, err := readRun([]byte(`{"targets": [{"path": "/x/prog", "units": [
		{"source": "a.c", "functions": [{"name": "in"}, {"name": "short"}, {"name": "lost"}, {"name": "copy"}], "in_patch": ["in", "short"]},
		{"source": "b.c", "functions": [{"name": "in"}], "in_patch": ["in"]}],
		"skipped": [{"Unit": "a.c", "Function": "short", "reason": "too short"},
			{"Unit": "a.c", "Function": "copy", "reason": "the linker left it out of the original"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &patched{
		In:  map[unitFunction]bool{{"prog", "a.c", "in"}: true, {"prog", "b.c", "in"}: true},
		Out: map[unitFunction]string{{"prog", "a.c", "short"}: "too short", {"prog", "a.c", "lost"}: "no reason given"},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Error(diff)
	}
	if _, err := readRun([]byte(`{"targets": []}`)); err == nil {
		t.Error("no function in a patch is no error")
	}
}

func TestRan(t *testing.T) {
	c := covered{
		"f":      {"a.c": true, "b.c": false},
		"inline": {"header.h": true},
		"never":  {"header.h": false},
	}
	for _, tt := range []struct {
		unit, name string
		want       bool
	}{
		{"src/a.c", "f", true},
		{"src/b.c", "f", false}, // another function of that name ran
		{"src/a.c", "f.constprop.0", true},
		{"src/a.c", "inline", true},
		{"src/a.c", "never", false},
		{"src/a.c", "unknown", false},
	} {
		if got := c.ran(unitFunction{"prog", tt.unit, tt.name}); got != tt.want {
			t.Errorf("%s of %s: %v", tt.name, tt.unit, got)
		}
	}
}

func TestCompareAndMissed(t *testing.T) {
	good := func() *row { return &row{program: "lua", total: 100, patched: 98, ran: 59, counted: true} }
	r := good()
	r.tests = 2
	r.compare("patched", 0, map[string]string{"a": "1\n2\n", "b": ""}, map[string]string{"a": "1\n2\n", "b": ""})
	r.compare("traps", 1, map[string]string{"a": "1\n2\n", "b": ""}, map[string]string{"a": "1\n3\n", "c": ""})
	if r.passed != [2]int{2, 1} || len(r.problems) != 2 || !strings.Contains(r.problems[0], `traps: a: line 2: "3", want "2"`) {
		t.Errorf("passed %d, problems %q", r.passed, r.problems)
	}
	for _, tt := range []struct {
		name   string
		change func(*row)
		missed []string
	}{
		{"all reached", func(*row) {}, nil},
		{"not run", func(r *row) { r.ran = 58 }, []string{"less than 60 % of the patched functions ran"}},
		{"not run, no goal", func(r *row) { r.ran, r.program = 0, "bzip2" }, nil},
		{"not patched", func(r *row) { r.patched, r.total = 97, 100 }, []string{"less than 98 % of the functions are patched"}},
		{"failed", func(r *row) { r.passed[0] = 4 }, []string{"not every test passed"}},
		{"failed with traps", func(r *row) { r.passed[1] = 4 }, []string{"not every test passed"}},
		{"no tests", func(r *row) { r.tests, r.passed = 0, [2]int{} }, []string{"not every test passed"}},
	} {
		r := good()
		r.tests, r.passed = 5, [2]int{5, 5}
		tt.change(r)
		if got := r.missed(); !slices.Equal(got, tt.missed) {
			t.Errorf("%s: missed %q", tt.name, got)
		}
	}
	if err := summary(&strings.Builder{}, []*row{{program: "x"}}); err == nil {
		t.Error("a row without tests passes")
	}
}
