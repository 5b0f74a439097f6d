package diffasm

import (
	"strings"
	"testing"

	"gocare/diffasm/correlate"
	"gocare/internal/test/testkit"
)

// keepsCallback is a function whose address gets into memory by a macro, a table and an assignment.
const keepsCallback = `#define GIVE(f) kept = f
#define MADE(n) kept = n##_made
static int (*kept)(int);
/* first and old_made are called through kept */
static int first(int x)
{
	return x + 1;
}
static int old_made(int x)
{
	return x + 2;
}
static int (*table[2])(int) = { first, 0 };
void set(int x)
{
	if (x)
		GIVE(first);
	else
		MADE(old);
}
int call(int x)
{
	return kept(x) + table[0](x);
}
`

// TestRenamedInSource: a private function that is renamed and edited is the one of the original where every line that names it shows it.
func TestRenamedInSource(t *testing.T) {
	testkit.Require(t, "gcc")
	edit := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(keepsCallback) }
	for _, row := range []struct {
		name, patched, function, want string // the function's name in the original, "" for a new one
	}{
		{"renamed and edited", edit("first(", "second(", "first,", "second,", "(first)", "(second)", "x + 1", "x + 100"), "second", "first"},
		{"only renamed", edit("first", "second"), "second", "first"},
		{"another one in a place of the table", edit("first(", "second(", "first, 0", "0, second", "(first)", "(second)", "x + 1", "x + 100"), "second", ""},
		{"no longer given by code", edit("first(", "second(", "first,", "second,", "GIVE(first)", "kept = 0", "x + 1", "x + 100"), "second", ""},
		{"another prototype", edit("first(int x)", "second(unsigned x)", "first,", "second,", "(first)", "(second)", "x + 1", "x / 3"), "second", ""},
		{"the old name means something else", edit("first(int", "second(int", "first,", "second,", "(first)", "(second)", "x + 1", "x + 100",
			"int call", "int first;\nint call"), "second", ""},
		{"a macro makes its name", edit("old_made(", "new_made(", "MADE(old)", "MADE(new)", "x + 2", "x + 200"), "new_made", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := Matching{Sources: func(string) *correlate.SourceFile { return lineMap(keepsCallback, row.patched) }}
			d, err := m.Match(compileSource(t, "gcc", "-O0 -g", keepsCallback), compileSource(t, "gcc", "-O0 -g", row.patched), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range d.Functions {
				if f.Name == row.function && f.Status != Gone && f.Orig != row.want {
					t.Errorf("%s is %q, want %q", f.Name, f.Orig, row.want)
				}
			}
		})
	}
}
