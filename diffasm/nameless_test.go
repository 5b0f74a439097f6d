package diffasm

import (
	"slices"
	"strings"
	"testing"

	"gocare/internal/arch"

	"github.com/google/go-cmp/cmp"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/diffasm/correlate"
	"gocare/diffasm/debuginfo"
	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

// TestNameless binds compound literals at file level to those of the original. In the patch, function f has to use those that
// the function named in as uses in the original; or the patch is refused with a code.
func TestNameless(t *testing.T) {
	for _, cc := range []string{"gcc", "clang"} {
		for _, row := range readVersions(t, "nameless", "as", "code") {
			t.Run(cc+"/"+row.name, func(t *testing.T) {
				testkit.Require(t, cc)
				lines := lineMap(row.before, row.after)
				o, p := compileSource(t, cc, "-O2 -g", row.before), compileSource(t, cc, "-O2 -g", row.after)
				for _, r := range []*debuginfo.Unit{nil, compileSource(t, cc, "-O2 -g", restored(lines))} {
					d, err := Matching{Sources: func(string) *correlate.SourceFile { return lines }}.Match(o, p, r)
					if err != nil {
						t.Fatal(err)
					}
					names, code := boundIn(t, d)
					if string(code) != row.said["code"] {
						t.Fatalf("got %q, want %q", code, row.said["code"])
					}
					if diff := cmp.Diff(nameless(o, row.said["as"]), names); diff != "" {
						t.Errorf("-want +got:\n%s", diff)
					}
				}
			})
		}
	}
}

// boundIn returns the nameless variables that f uses in the patch, or why there is none.
func boundIn(t *testing.T, d *Delta) (names []string, code fault.Code) {
	s, err := Decide(d, Options{})
	if e := fault.As(err); e != nil {
		return nil, e.Code
	}
	if err != nil {
		t.Fatal(err)
	}
	e, err := Emit(s)
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(e.Statics, func(n string) bool { return slices.Contains(d.Unproved, n) }) {
		return nil, "static-unproved"
	}
	back, err := Parse(&arch.X86_64, "patch.s", e.Asm)
	if err != nil {
		t.Fatal(err)
	}
	return nameless(back, "f.kpatch"), ""
}

// nameless lists the nameless variables that a function uses.
func nameless(f *debuginfo.Unit, fn string) (names []string) {
	if f.FunctionByName[fn] == nil {
		return nil
	}
	canon.Walk(f.File, f.FunctionByName[fn], func(n string) {
		if asm.IsNameless(n) && !strings.HasSuffix(n, ".kpnew") {
			names = append(names, n)
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}
