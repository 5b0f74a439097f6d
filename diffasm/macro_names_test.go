package diffasm

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/diffasm/correlate"
	"gocare/diffasm/debuginfo"
	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

// TestMacroNames pairs variables by the lines that declare them, where macros make their names of __LINE__ or __COUNTER__ and
// they are those of others in the original. What becomes of each is written as NAME=NAME of the original, "new", "?" or a
// reason code; code is what Decide says.
func TestMacroNames(t *testing.T) {
	for _, cc := range []string{"gcc", "clang"} {
		for _, row := range readVersions(t, "macro-names", "want", "code") {
			t.Run(cc+"/"+row.name, func(t *testing.T) {
				testkit.Require(t, cc)
				lines := lineMap(row.before, row.after)
				o, p := compileSource(t, cc, "-O2 -g", row.before), compileSource(t, cc, "-O2 -g", row.after)
				restored, _ := tryCompile(t, cc, "-O2 -g", restored(lines))
				for _, r := range []*debuginfo.Unit{nil, restored} {
					d, err := Matching{Sources: func(string) *correlate.SourceFile { return lines }}.Match(o, p, r)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(row.said["want"], macroFates(d)); diff != "" {
						t.Errorf("-want +got:\n%s", diff)
					}
					_, err = Decide(d, Options{})
					code := ""
					if e := fault.As(err); e != nil {
						code = string(e.Code)
					}
					if code != row.said["code"] {
						t.Errorf("Decide: got %q (%v), want %q", code, err, row.said["code"])
					}
				}
			})
		}
	}
}

// restored is the patched text with the line numbers of the original.
func restored(s *correlate.SourceFile) string {
	var b strings.Builder
	last := 0
	for i, line := range s.After {
		if old := s.Origin[i]; old > 0 {
			if old != last+1 {
				fmt.Fprintf(&b, "#line %d \"a.c\"\n", old)
			}
			last = old
		} else {
			last = -2
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// macroFates says by their names in the source which variable of the original each is that macros made.
func macroFates(d *Delta) string {
	is := d.patched.Declarations().BySymbol
	var list []string
	for _, v := range d.Variables {
		p := is[v.Name]
		if v.Status == Gone || p == nil || !strings.Contains(p.Name, "_") {
			continue
		}
		list = append(list, fmt.Sprintf("%s=%s", p.Name, fate(d, v.Name, v.Orig, func(o *debuginfo.Declaration) string { return o.Name })))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}
