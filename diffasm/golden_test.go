package diffasm_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"gocare/diffasm"
	"gocare/internal/arch"
	"gocare/internal/fault"
)

var update = flag.Bool("update", false, "rewrite the golden archives")

// TestGolden runs every archive: original.s and patched.s (and restored.s), the words of keep, identity and allow as
// options, against want.delta (what Match says) and want.s (what Emit writes) or want.err (the refusals).
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, path, ar)
		})
	}
}

func golden(t *testing.T, path string, ar *txtar.Archive) {
	in := map[string]string{}
	var kept []txtar.File
	for _, f := range ar.Files {
		in[f.Name] = string(f.Data)
		if !strings.HasPrefix(f.Name, "want.") {
			kept = append(kept, f)
		}
	}
	got := run(t, in)
	if *update {
		ar.Files = append(kept, got...)
		if err := os.WriteFile(path, txtar.Format(ar), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := map[string]string{}
	for name, data := range in {
		if strings.HasPrefix(name, "want.") {
			want[name] = data
		}
	}
	have := map[string]string{}
	for _, f := range got {
		have[f.Name] = string(f.Data)
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func run(t *testing.T, in map[string]string) (out []txtar.File) {
	orig, patched := parse(t, in, "original.s"), parse(t, in, "patched.s")
	var restored *diffasm.File
	if in["restored.s"] != "" {
		restored = parse(t, in, "restored.s")
	}
	fail := func(err error) []txtar.File {
		return append(out, txtar.File{Name: "want.err", Data: []byte(refusals(err))})
	}
	d, err := diffasm.Match(orig, patched, restored)
	if err != nil {
		return fail(err)
	}
	out = append(out, txtar.File{Name: "want.delta", Data: []byte(describe(d))})
	s, err := diffasm.Decide(d, options(in))
	if err != nil {
		return fail(err)
	}
	e, err := diffasm.Emit(s)
	if err != nil {
		return fail(err)
	}
	if s.Empty() {
		return append(out, txtar.File{Name: "want.empty"})
	}
	out = append(out, txtar.File{Name: "want.selection", Data: []byte(selection(s, e))})
	return append(out, txtar.File{Name: "want.s", Data: e.Asm})
}

func parse(t *testing.T, in map[string]string, name string) *diffasm.File {
	target := &arch.X86_64
	if strings.TrimSpace(in["machine"]) == arch.AArch64.Name {
		target = &arch.AArch64
	}
	f, err := diffasm.Parse(target, name, []byte(in[name]))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func options(in map[string]string) (o diffasm.Options) {
	among := func(name string) func(string) bool {
		text, ok := in[name]
		if !ok {
			return nil
		}
		words := strings.Fields(text)
		return func(s string) bool { return slices.Contains(words, s) }
	}
	allowed := strings.Fields(in["allow"])
	allow := func(code fault.Code) bool { return slices.Contains(allowed, string(code)) }
	return diffasm.Options{Keep: among("keep"), Identity: among("identity"), Allow: allow}
}

// describe writes everything of a delta that is not unchanged.
func describe(d *diffasm.Delta) string {
	var b strings.Builder
	for _, f := range d.Functions {
		if f.Status != diffasm.Same {
			fmt.Fprintf(&b, "%s (%s): %s, %s, %s:%d", f.Name, f.Orig, f.Status, f.Reason, f.File, f.Line)
			if f.Before != "" || f.After != "" {
				fmt.Fprintf(&b, ", %q -> %q", f.Before, f.After)
			}
			b.WriteByte('\n')
		}
	}
	for _, v := range d.Variables {
		if v.Status != diffasm.Same {
			fmt.Fprintf(&b, "variable %s (%s): %s, %s\n", v.Name, v.Orig, v.Status, v.Reason)
		}
	}
	return b.String()
}

// selection writes what goes into the patch under which name and what does not.
func selection(s *diffasm.Selection, e *diffasm.Emitted) string {
	var b strings.Builder
	for _, f := range e.Functions {
		fmt.Fprintf(&b, "%s for %q %q: %s\n", f.Symbol, f.Orig, f.Parts, f.Reason)
	}
	for _, f := range s.LeftOut {
		fmt.Fprintf(&b, "left out: %s\n", f.Name)
	}
	for _, f := range s.Skipped {
		fmt.Fprintf(&b, "skipped: %s, %s\n", f.Name, f.Reason)
	}
	if len(s.NewVars())+len(e.Globals) > 0 {
		fmt.Fprintf(&b, "new variables %q, new globals %q\n", s.NewVars(), e.Globals)
	}
	return b.String()
}

// refusals writes each error of a joined error with its code and hint.
func refusals(err error) string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		s := ""
		for _, e := range joined.Unwrap() {
			s += refusals(e)
		}
		return s
	}
	var e *fault.Error
	if !errors.As(err, &e) {
		return err.Error() + "\n"
	}
	return fmt.Sprintf("%s: %s\n\thint: %s\n", e.Code, e.Error(), e.Hint)
}
