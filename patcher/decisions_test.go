package patcher

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/fault"
)

// TestDecisionsLines: what a person reads of a function, once it was kept in a store and read again.
func TestDecisionsLines(t *testing.T) {
	for _, tt := range []struct {
		name     string
		function diffasm.Function
		want     string
	}{
		{"the same", diffasm.Function{Name: "f", Status: diffasm.Same, Reason: "same code", File: "a.c", Line: 3}, "a.c: f: unchanged (same code)"},
		{
			"line numbers alone are no change",
			diffasm.Function{Name: "f", Status: diffasm.LineOnly, Reason: "line numbers only"},
			"a.c: f: unchanged (line numbers only)",
		},
		{"an edit", diffasm.Function{
			Name: "f", Status: diffasm.Changed, Reason: "edit", File: "/src/a.c", Line: 3,
			Before: "ret", After: "nop", At: "/src/a.c:4",
		}, "a.c: f: changed (edit, a.c:3)\n    was: ret\n    now: nop  (a.c:4)"},
		{
			"a header",
			diffasm.Function{Name: "f", Status: diffasm.Changed, Reason: "header", File: "inc/a.h", Line: 2, Before: "ret"},
			"a.c: f: changed (header a.h:2)\n    was: ret\n    now: none",
		},
		{"a place that is not known", diffasm.Function{Name: "f", Status: diffasm.New, Reason: "new function"}, "a.c: f: new (new function)"},
		{"left out", diffasm.Function{Name: "other", Status: diffasm.Changed}, "a.c: other: changed, left out by the filter\n    was: none\n    now: none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store, err := buildtree.CreateStore(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			u := UnitReport{Source: "a.c", Functions: []diffasm.Function{tt.function}, LeftOut: []string{"other"}}
			made := []Product{{Target: Target{Path: "/root/prog"}, Units: []UnitReport{u}}}
			if err := Decided(&Plan{Same: []string{"b.c"}}, made).Save(store); err != nil {
				t.Fatal(err)
			}
			d, err := LoadDecisions(store.Dir())
			if err != nil {
				t.Fatal(err)
			}
			want := "/root/prog\n  " + tt.want + "\nb.c: unchanged (compiled to the same object)"
			if diff := cmp.Diff(want, strings.Join(d.Lines(), "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLoadDecisionsOfNoRun(t *testing.T) {
	if _, err := LoadDecisions(t.TempDir()); fault.As(err) == nil || fault.As(err).Kind != fault.Refused {
		t.Errorf("got %v", err)
	}
}
