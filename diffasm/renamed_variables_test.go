package diffasm

import (
	"strings"
	"testing"

	"gocare/diffasm/correlate"
	"gocare/internal/test/testkit"
)

// counters has static variables in two functions and at file level.
const counters = `static int total;
int one(int x)
{
	static int calls = 3;
	calls += x;
	if (x > 7) {
		static int large;
		large++;
		return large;
	}
	return calls * 5;
}
int two(int x)
{
	static int other;
	other -= x;
	total += other;
	return other + total;
}
`

// block is one of counters.
const block = `	if (x > 7) {
		static int large;
		large++;
		return large;
	}
`

// TestRenamedVariables: a static variable that has another name, or stands at another level, is the one of the original where all lines that
// use one show it, and no other could have come there.
func TestRenamedVariables(t *testing.T) {
	testkit.Require(t, "gcc")
	edit := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(counters) }
	for _, row := range []struct {
		name, patched, variable, want string // source names; the one in the original, "" for a new one
	}{
		{"renamed", edit("calls", "count"), "count", "calls"},
		{"renamed, and another edit", edit("calls", "count", "large++", "large += 2"), "count", "calls"},
		{"renamed at file level", edit("total", "sum"), "sum", "total"},
		{"renamed to what another function has", edit("calls", "other"), "other.1", ""},
		{"a use was edited", edit("calls", "count", "* 5", "* 7"), "count", ""},
		{"a use was added", edit("calls * 5", "count * 5 + count", "calls", "count"), "count", ""},
		{"another initial value", edit("calls = 3", "count = 4", "calls", "count"), "count", ""},
		{"two change their names for each other's", edit("calls", "large", "large", "calls"), "large", ""},
		{"to file level", edit("\tstatic int calls = 3;\n", "", "static int total;", "static int total;\nstatic int calls = 3;"), "calls", "calls"},
		{"to file level by another name", edit("\tstatic int calls = 3;\n", "", "calls", "state", "static int total;", "static int total;\nstatic int state = 3;"), "state", "calls"},
		{"to file level, and used by another function", edit("\tstatic int calls = 3;\n", "", "calls", "state", "static int total;",
			"static int total;\nstatic int state = 3;", "other -= x", "other -= x + state"), "state", ""},
		{"to a function", edit("static int total;\n", "", "static int other;", "static int other;\n\tstatic int total;"), "total", "total"},
		{"with its block to another function", edit(block, "", "\tother -= x;\n", "\tother -= x;\n"+block), "large", "large"},
		{"with its block, edited, to another function", edit(block, "", "\tother -= x;\n", "\tother -= x;\n"+strings.Replace(block, "++", "--", 1)), "large", ""},
		{"with its block to two functions", edit(block, "", "\tother -= x;\n", "\tother -= x;\n"+block) + "int three(int x)\n{\n" + block + "\treturn x;\n}\n", "large", ""},
		{"with its block to a function that is new", edit(block, "") + "int three(int x)\n{\n" + block + "\treturn x;\n}\n", "large", ""},
		{"the old name stays beside it", edit("static int calls = 3;", "static int count = 3;\n\tint calls = 1;", "calls += x", "count += x", "calls * 5", "count * 5"), "count", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := Matching{Sources: func(string) *correlate.SourceFile { return lineMap(counters, row.patched) }}
			d, err := m.Match(compileSource(t, "gcc", "-O0 -g", counters), compileSource(t, "gcc", "-O0 -g", row.patched), nil)
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, v := range d.Variables {
				if v.Status != Gone && (v.Name == row.variable || SourceName(v.Name) == row.variable) {
					found = true
					if got := SourceName(v.Orig); got != row.want {
						t.Errorf("%s is %q, want %q", v.Name, got, row.want)
					}
				}
			}
			if !found && row.variable != "other.1" {
				t.Errorf("there is no %s", row.variable)
			}
		})
	}
}
