package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/srcpatch"
	"gocare/internal/test/trial"
)

func TestDirectives(t *testing.T) {
	for _, tt := range []struct {
		name, source string
		options      []string
		program      bool
	}{
		{"none", "int main(void) { return 0; }", nil, true},
		{"options", `/* { dg-options "-fwrapv -w" } */ /* { dg-additional-options "-O" } */`, []string{"-fwrapv", "-w", "-O"}, true},
		{"in braces", `/* { dg-options { "-fwrapv" } } */`, []string{"-fwrapv"}, true},
		{"ours", `/* { dg-options "-mpc64"  { target { i?86-*-* x86_64-*-* } } } */`, []string{"-mpc64"}, true},
		{"another machine's", `/* { dg-additional-options "-mcheck-zero-division" { target { loongarch*-*-* } } } */`, nil, true},
		{"run", `/* { dg-do run } */`, nil, true},
		{"compiled only", `/* { dg-do compile } */`, nil, false},
		{"of no concern", `/* { dg-require-effective-target alloca } */`, nil, true},
	} {
		if options, program := directives([]byte(tt.source), "x86_64"); !slices.Equal(options, tt.options) || program != tt.program {
			t.Errorf("%s: %q, %v", tt.name, options, program)
		}
	}
}

func TestSamples(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.c", "a.c", "a.x", "sub/c.c", "builtins/abs.c", "builtins/abs-lib.c", "builtins/lib/main.c"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("int x;"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ globs, want string }{
		{"*", "a b"}, {"**", "a b builtins/abs sub/c"}, {"b sub/*", "b sub/c"}, {"x", ""},
	} {
		list, err := samples(dir, "x86_64", strings.Fields(tt.globs))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range list {
			if names = append(names, s.name); s.name == "builtins/abs" != (len(s.files) == 2) {
				t.Errorf("%s: further sources %q", s.name, s.files)
			}
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.globs, got, tt.want)
		}
	}
}

// An edit is found again by what applies patches, in each function's body.
func TestNewEdit(t *testing.T) {
	source := []byte(`struct s { int x; };
int f(struct s *p /* { */,
      int (*q)(const char *)) { return p->x; }

int
g (x)
     int x;
{
  return '{';
}
int table[] = { 1 };
`)
	var bodies []string
	for _, b := range findBodies(source) {
		bodies = append(bodies, b.function+" "+strings.TrimSpace(string(source[b.at:b.at+9])))
	}
	if want := []string{"f return p", "g return"}; !slices.Equal(bodies, want) {
		t.Fatalf("bodies %q, want %q", bodies, want)
	}
	tree, seen := fstest.MapFS{"prog.c": {Data: source}}, map[string]bool{}
	for salt := range 32 {
		e, ok := newEdit(source, strings.Repeat("x", salt))
		if !ok {
			t.Fatal("nothing to edit")
		}
		seen[e.function] = true
		parsed, err := srcpatch.Parse("fix.patch", e.patch)
		if err != nil {
			t.Fatal(err)
		}
		change, err := srcpatch.Apply(tree, []*srcpatch.Patch{parsed})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(e.source), string(change.Files[0].After)); diff != "" {
			t.Error(diff)
		}
		if !strings.Contains(string(e.source), "{\n") || len(e.source) < len(source)+20 {
			t.Errorf("edited: %s", e.source)
		}
	}
	if len(seen) != 2 {
		t.Errorf("only %v are edited", seen)
	}
	if _, ok := newEdit([]byte("int x = 1;\n"), ""); ok {
		t.Error("a source without functions is edited")
	}
}

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		out  string
		want trial.Outcome
	}{
		{`{"error": {"code": "label-escape", "message": "it does"}}`, trial.Refused},
		{`{"error": {"code": "nothing-changed"}}`, trial.Same},
		{`{"error": {"code": "bug"}}`, trial.Wrong},
		{`{"error": {"code": "failed"}}`, trial.Wrong},
		{`{"error": {}}`, trial.Wrong},
		{"panic: no", trial.Wrong},
	} {
		f := functions{total: 3, patched: 2, leftOut: map[string]int{"x": 1}}
		v := judge(f, trial.Result{Status: 1, Out: tt.out})
		if v.Outcome != tt.want {
			t.Errorf("%s: %s", tt.out, v.Outcome)
		}
		if v.Outcome == trial.Refused && (v.patched != 0 || v.leftOut["label-escape"] != 3) {
			t.Errorf("refused: %+v", v)
		}
	}
}

func TestCount(t *testing.T) {
	document := []byte(`{"targets": [{"units": [{"source": "prog.c", "functions": [
		{"name": "in"}, {"name": "in.constprop.0"}, {"name": "caller", "reason": "inlined in"}, {"name": "short"}, {"name": "out"}],
		"in_patch": ["in", "in.constprop.0", "caller", "short"]}],
		"skipped": [{"Unit": "prog.c", "Function": "short", "reason": "\"short\" is 1 bytes long and a jump needs 5"}]}]}`)
	got, err := count(document, &edit{function: "in"})
	if err != nil {
		t.Fatal(err)
	}
	want := functions{
		total: 5, patched: 3, leftOut: map[string]int{"NAME is N bytes long and a jump needs N": 1}, others: []string{"caller (inlined in)"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(functions{})); diff != "" {
		t.Error(diff)
	}
	if got, err = count(document, nil); err != nil || len(got.others) > 0 {
		t.Errorf("without an edit: %+v, %v", got, err)
	}
}

func TestGood(t *testing.T) {
	for _, tt := range []struct {
		name string
		row  row
		want bool
	}{
		{"all passed", row{kind: identity, count: map[trial.Outcome]int{trial.Passed: 3, trial.Unfit: 1}, functions: functions{total: 100, patched: 98}}, true},
		{"few patched", row{kind: identity, count: map[trial.Outcome]int{trial.Passed: 3}, functions: functions{total: 100, patched: 97}}, false},
		{"few edited", row{kind: edited, count: map[trial.Outcome]int{trial.Passed: 3, trial.Refused: 1, trial.Same: 1}, functions: functions{total: 100, patched: 3}}, true},
		{"wrong", row{kind: edited, count: map[trial.Outcome]int{trial.Passed: 3, trial.Wrong: 1}}, false},
		{"nothing run", row{kind: edited, count: map[trial.Outcome]int{trial.Unfit: 3}}, false},
	} {
		if got := tt.row.good(); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
		if err := summary(&strings.Builder{}, []*row{&tt.row}); (err == nil) != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
