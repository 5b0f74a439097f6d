package diffasm

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"gocare/diffasm/correlate"
	"gocare/internal/test/testkit"
)

// counts is a function with a static local, and a variable at file level.
const counts = `static int sum = 1;
int counted(int x)
{
	static int calls;
	sum += x;
	return sum * 3 + ++calls;
}
`

// stays is what a unit has besides.
const stays = "int stays(int x)\n{\n\treturn x * 7;\n}\n"

// TestMoved: of functions that go from one unit to another, the other unit's code takes the place, and what they keep is what they kept; where
// that is not known, nothing moved.
func TestMoved(t *testing.T) {
	testkit.Require(t, "gcc")
	edit := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(counts) }
	const called = "int counted(int x)\n{\n\treturn x ? x + 1 : stays(x);\n}\n"
	for _, row := range []struct {
		name            string
		orig, left      string // of the unit that loses something, beside what stays
		before, patched string // of the other one, likewise
		want            string
		flags           string // -O2 -g if empty
	}{
		{"as a whole", counts, "", "", counts, "counted, calls, sum", ""},
		{"edited", counts, "", "", edit("* 3", "* 5"), "counted, calls, sum", ""},
		{"a private one that others see now", edit("int counted", "static int counted") + "int f(int x)\n{\n\treturn counted(x);\n}\n", "int counted(int);\nint f(int x)\n{\n\treturn counted(x);\n}\n", "", counts, "calls, sum", ""},
		{"without variables", called, "", "", called, "counted", ""},
		{"without debug information", counts, "", "", counts, "", "-O2"},
		{"without debug information and variables, not optimised", called, "", "", called, "counted", "-O0"},
		{"weak now", called, "", "", "__attribute__((weak)) " + called, "", ""},
		{"hidden now", called, "", "", "__attribute__((visibility(\"hidden\"))) " + called, "", ""},
		{"a variable with another initial value", counts, "", "", edit("sum = 1", "sum = 2"), "", ""},
		{"a variable of another size", counts, "", "", edit("int sum", "long sum"), "", ""},
		{"a variable that others see now", counts, "", "", edit("static int sum", "int sum"), "", ""},
		{"a variable of the name that the unit had", counts, "", "static int sum = 1;\nint had(int x)\n{\n\treturn sum += x;\n}\n", counts + "int had(int x)\n{\n\treturn sum += x;\n}\n", "", ""},
		{"a variable that stays, and is kept no more", counts + "int also(void)\n{\n\treturn sum;\n}\n", "static int sum = 1;\nint also(void)\n{\n\treturn sum;\n}\n", "", counts, "", ""},
		{"a variable that is kept no more", counts, "", "", edit("\tsum += x;\n", ""), "", ""},
		{"a variable that was not kept", edit("sum += x", "sum = x", "return sum * 3 + ", "return x + "), "", "", counts, "", ""},
		{"a variable that neither keeps", edit("sum += x", "sum = x", "return sum * 3 + ", "return x + "), "", "", edit("sum += x", "sum = x", "return sum * 3 + ", "return x + "), "", ""},
		{"a variable that goes with no function", counts, "", "", edit("static int sum = 1;\n", "", "sum += x", "x += 1", "sum * 3", "x") + "static int sum = 1;\nint other(int x)\n{\n\treturn sum += x;\n}\n", "", ""},
		{"a variable that both declare and neither keeps, as of a header", "static long unused;\n" + counts, "static long unused;\n", "static long unused;\n", "static long unused;\n" + counts, "counted, calls, sum", ""},
		{"a variable that stays", counts + "int also(int x)\n{\n\treturn sum += x;\n}\n", "static int sum = 1;\nint also(int x)\n{\n\treturn sum += x;\n}\n", "", counts, "", ""},
		{"a variable that another function uses", counts, "", "", edit("counted", "recounted"), "", ""},
		{"called by what is gone", called + "int gone(int x)\n{\n\treturn counted(x) + x;\n}\n", "", "", called, "", ""},
		{"called by what is gone, not optimised", called + "int gone(int x)\n{\n\treturn counted(x) + x;\n}\n", "", "", called, "counted", "-O0 -g"},
		{"called by what stays", called + "int user(int x)\n{\n\treturn counted(x) + x;\n}\n", "int counted(int x);\nint user(int x)\n{\n\treturn counted(x) + x;\n}\n", "", called, "counted", ""},
		{"with another name", called + "extern int other(int x) __attribute__((alias(\"counted\")));\n", "", "", called, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			flags := row.flags
			if flags == "" {
				flags = "-O2 -g -fno-inline"
			}
			from := movedDelta(t, flags, stays+row.orig, stays+row.left)
			to := movedDelta(t, flags, "int stays(int x);\nint b(int x)\n{\n\treturn x;\n}\n"+row.before, "int stays(int x);\nint b(int x)\n{\n\treturn x;\n}\n"+row.patched)
			if got := movedNames(Moved(from, to, []string{"counted"})); got != row.want {
				t.Errorf("%q moved, want %q", got, row.want)
			}
		})
	}
}

func movedDelta(t *testing.T, flags, before, after string) *Delta {
	m := Matching{Plain: strings.Contains(flags, "-O0"), Sources: func(string) *correlate.SourceFile { return lineMap(before, after) }}
	d, err := m.Match(compileSource(t, "gcc", flags, before), compileSource(t, "gcc", flags, after), nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// movedNames lists what moved by its names in the source.
func movedNames(m Moves) string {
	names := slices.Sorted(maps.Keys(m.Functions))
	for _, symbol := range slices.Sorted(maps.Keys(m.Variables)) {
		if SourceName(symbol) != SourceName(m.Variables[symbol].Symbol) {
			symbol = fmt.Sprintf("%s as %s", symbol, m.Variables[symbol].Symbol)
		}
		names = append(names, SourceName(symbol))
	}
	return strings.Join(names, ", ")
}
