package patcher

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/fault"
	"gocare/ld"
	"gocare/planner"
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
		{
			"refused",
			diffasm.Function{Name: "bad", Status: diffasm.New, Reason: "new function"},
			"a.c: bad: new (new function), refused (new-tls)\n  refused: a.c:7: no (new-tls)\n  refused: a.c:8: size (data-size)",
		},
		{
			"skipped",
			diffasm.Function{Name: "skipped", Status: diffasm.New, Reason: "new function"},
			"a.c: skipped: new (new function), not in the patch: it is not there",
		},
		{"left out", diffasm.Function{Name: "other", Status: diffasm.Changed}, "a.c: other: changed, left out by the filter\n    was: none\n    now: none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store, err := buildtree.CreateStore(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			u := UnitReport{Source: "a.c", Functions: []diffasm.Function{tt.function}, LeftOut: []string{"other"}}
			if tt.function.Name == "bad" {
				u.Refused = []*fault.Error{
					fault.Refuse(fault.NewTLS, "a.c:7", "no").About("bad"), fault.Refuse(fault.DataSize, "a.c:8", "size"),
				}
			}
			skipped := []ld.Skipped{{Unit: "a.c", Function: "skipped", Reason: "it is not there"}}
			made := []Product{{Target: planner.Target{Path: "/root/prog"}, Units: []UnitReport{u}, Skipped: skipped}}
			if err := Decided(&planner.Plan{Same: []string{"b.c"}}, made).Save(store); err != nil {
				t.Fatal(err)
			}
			d, err := LoadDecisions(store.Dir())
			if err != nil {
				t.Fatal(err)
			}
			want := "/root/prog\n  " + tt.want + "\nb.c: unchanged (compiled to the same object)"
			if diff := cmp.Diff(want, strings.Join(d.Lines(true), "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRefusedFor: a refusal belongs to the unit that it names, if there is one, and once.
func TestRefusedFor(t *testing.T) {
	noted := fault.Refuse(fault.DataSize, "b.c:1", "noted")
	p := Product{Units: []UnitReport{{Source: "a.c"}, {Source: "b.c", Refused: []*fault.Error{noted}}}}
	e := func(where, what string) *fault.Error { return fault.Refuse(fault.TooShort, where, "%s", what) }
	p = p.refusedFor(errors.Join(noted, e("a.c: f", "short"), e("a.cc:3", "no unit's"), fmt.Errorf("more: %w", e("a.c", "wrapped"))))
	var got []string
	for _, list := range [][]*fault.Error{p.Refused, p.Units[0].Refused, p.Units[1].Refused} {
		var names []string
		for _, e := range list {
			names = append(names, e.What)
		}
		got = append(got, strings.Join(names, " "))
	}
	if diff := cmp.Diff([]string{"no unit's", "short wrapped", "noted"}, got); diff != "" {
		t.Error(diff)
	}
	if p = (Product{}).refusedFor(errors.New("a bare error")); len(p.Refused) != 1 || p.Refused[0].What != "a bare error" {
		t.Errorf("got %v", p.Refused)
	}
}

func TestLoadDecisionsOfNoRun(t *testing.T) {
	if _, err := LoadDecisions(t.TempDir()); fault.As(err) == nil || fault.As(err).Kind != fault.Refused {
		t.Errorf("got %v", err)
	}
}

// A refusal marks every function that it is about, by either of its names.
func TestRefusedMarks(t *testing.T) {
	refused := fault.Refuse(fault.NewTLS, "a.c", "refused").About("f").AlsoAbout("g", "old")
	functions := []diffasm.Function{{Name: "f"}, {Name: "g"}, {Name: "h", Orig: "old"}, {Name: "other"}}
	var marked []string
	for _, f := range newUnitDecisions(UnitReport{Functions: functions, Refused: []*fault.Error{refused}}).Functions {
		if len(f.Refused) > 0 {
			marked = append(marked, f.Name)
		}
	}
	if !slices.Equal(marked, []string{"f", "g", "h"}) {
		t.Errorf("marked %q", marked)
	}
}
