package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
	"gocare/internal/test/trial"
)

// TestLive tries a few pairs all the way.
func TestLive(t *testing.T) {
	testkit.Require(t, "csmith", "gcc", "clang", "diff", "ptrace", "go")
	dir := t.TempDir()
	programs, err := trial.Build(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("pairs", func(t *testing.T) { testPairs(t, programs) })
	t.Run("missed edits", func(t *testing.T) { testMissedEdits(t, programs) })
}

func testPairs(t *testing.T, programs *trial.Programs) {
	o, err := options(func(name string) string { return map[string]string{"N": "4", "SEED": "10048"}[name] })
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	err = tryAll(t.Context(), &out, o, programs, t.TempDir())
	t.Log(out.String())
	if err != nil {
		t.Error(err)
	}
}

// A patch that does not hold the edits is found out: it leaves the program as it was.
func testMissedEdits(t *testing.T, programs *trial.Programs) {
	o, err := options(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := newPair(programs, dir, 10048, o)
	if v := p.try(t.Context()); v.Outcome != trial.Passed || !v.changed {
		t.Fatalf("with its edits: %+v", v)
	}
	p.arguments = []string{"--identity", "*"}
	if err := os.RemoveAll(p.Dir); err != nil {
		t.Fatal(err)
	}
	v := p.try(t.Context())
	if v.Outcome != trial.Wrong {
		t.Errorf("without its edits: %+v", v)
	}
	keep := filepath.Join(dir, "keep")
	if err := p.keep(keep, v); err != nil {
		t.Fatal(err)
	}
	said, err := os.ReadFile(filepath.Join(keep, "10048", "repeat"))
	if err != nil || !strings.HasPrefix(string(said), "make random N=1 SEED=10048 ") {
		t.Errorf("kept: %v, %s", err, said)
	}
}

func TestJudge(t *testing.T) {
	plain, other := trial.Result{Out: "checksum = 1\n"}, trial.Result{Out: "checksum = 2\n"}
	made := trial.Result{}
	said := func(code string) trial.Result {
		return trial.Result{Status: 1, Out: `{"error": {"code": "` + code + `", "message": "it is"}}`}
	}
	for _, tt := range []struct {
		name                      string
		made, want, original, got trial.Result
		outcome                   trial.Outcome
		changed                   bool
	}{
		{"patched", made, other, plain, other, trial.Passed, true},
		{"patched, no difference", made, plain, plain, plain, trial.Passed, false},
		{"as the original", made, other, plain, plain, trial.Wrong, false},
		{"crashed", made, plain, plain, trial.Result{Status: -1, Out: plain.Out}, trial.Wrong, false},
		{"more on standard error", made, plain, plain, trial.Result{Out: plain.Out, Err: "carectl: error"}, trial.Wrong, false},
		{"refused", said("data-size"), other, plain, trial.Result{}, trial.Refused, false},
		{"nothing changed", said("nothing-changed"), plain, plain, trial.Result{}, trial.Same, false},
		{"a change was not seen", said("nothing-changed"), other, plain, trial.Result{}, trial.Wrong, false},
		{"a bug", said("bug"), other, plain, trial.Result{}, trial.Wrong, false},
		{"no answer", trial.Result{Status: 2, Err: "panic"}, other, plain, trial.Result{}, trial.Wrong, false},
	} {
		v := judge(tt.made, tt.want, tt.original, func() trial.Result { return tt.got })
		if v.Outcome != tt.outcome || v.changed != tt.changed {
			t.Errorf("%s: %+v", tt.name, v)
		}
	}
}

func TestOptions(t *testing.T) {
	o, err := options(func(name string) string {
		return map[string]string{"COMPILERS": "clang", "LEVELS": "O1 O3", "SEED": "7"}[name]
	})
	if err != nil || o.pairs != 1000 || o.seed != 7 || len(o.rows) != 2 || o.rows[1] != (trial.Config{Compiler: "clang", Level: "O3"}) {
		t.Errorf("%+v, %v", o, err)
	}
	on, err := options(func(name string) string { return map[string]string{"MACHINE": "aarch64", "LEVELS": "O2"}[name] })
	if err != nil || on.rows[0] != (trial.Config{Compiler: "aarch64-linux-gnu-gcc", Level: "O2"}) {
		t.Errorf("%+v, %v", on, err)
	}
	for _, name := range []string{"N", "SEED", "MACHINE"} {
		if _, err := options(func(n string) string { return map[string]string{name: "x"}[n] }); err == nil {
			t.Errorf("%s=x", name)
		}
	}
}

// What goes wrong fails the run, and so does a run that says nothing.
func TestSummary(t *testing.T) {
	rows := []trial.Config{{Compiler: "gcc", Level: "O2"}}
	for _, tt := range []struct {
		name string
		list []verdict
		good bool
	}{
		{"good", []verdict{{Outcome: trial.Passed, changed: true}, {Outcome: trial.Refused, why: "data-size: x"}, {Outcome: trial.Unfit, why: "no"}}, true},
		{"wrong", []verdict{{Outcome: trial.Passed, changed: true}, {Outcome: trial.Wrong, why: "x"}}, false},
		{"nothing to see", slices.Repeat([]verdict{{Outcome: trial.Passed}}, 8), false},
		{"one alone", []verdict{{Outcome: trial.Passed}}, true},
	} {
		table, out := newTable(rows), &strings.Builder{}
		for _, v := range tt.list {
			p := &pair{on: &machine{}}
			p.Config = rows[0]
			table.add(out, p, v)
		}
		if err := table.summary(out); (err == nil) != tt.good {
			t.Errorf("%s: %v\n%s", tt.name, err, out)
		}
		if tt.name == "good" && !strings.Contains(out.String(), "data-size  seed 0 (): x") {
			t.Errorf("no example:\n%s", out)
		}
	}
}
