package srcpatch

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// before is a source whose function f lies on lines 10 to 13, and the functions g and h on 5 to 8 and 15 to 18.
const before0 = `#include <stdio.h>
#define LIMIT 11
int x;

static int g(int a)
{
	return a;
}

int f(int a)
{
	log(a, LIMIT);
}

int h(int a)
{
	return x;
}

int k(int a)
{
	return 12;
}
`

// replaced is the change of a file by replacements.
func replaced(t *testing.T, name string, pairs ...string) FileChange {
	t.Helper()
	after := strings.NewReplacer(pairs...).Replace(before0)
	c := FileChange{Old: name, New: name, Before: []byte(before0), After: []byte(after)}
	return c.WithRuns(longestCommon(splitLines(before0), splitLines(after)))
}

// longestCommon lines two texts up as diff does.
func longestCommon(a, b []string) (runs []Run) {
	best := make([][]int, len(a)+1)
	for i := range best {
		best[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			best[i][j] = max(best[i+1][j], best[i][j+1])
			if a[i] == b[j] {
				best[i][j] = max(best[i][j], best[i+1][j+1]+1)
			}
		}
	}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j] && best[i][j] == best[i+1][j+1]+1:
			runs = append(runs, Run{i + 1, j + 1, 1})
			i, j = i+1, j+1
		case best[i+1][j] >= best[i][j+1]:
			i++
		default:
			j++
		}
	}
	return runs
}

// TestOnlyMoved has for each condition that sources can tell of the immediate rule a change that fails it.
func TestOnlyMoved(t *testing.T) {
	top := []string{"#include <stdio.h>\n", "#include <stdio.h>\n\n\n\n"}
	f := func(file string, lines ...int) (list []Place) {
		for _, l := range lines {
			list = append(list, Place{file, l})
		}
		return list
	}
	with := func(more ...string) []string { return append(append([]string{}, top...), more...) }
	for _, r := range []struct {
		name       string
		edit       []string
		old, fresh []Place
		pairs      []Pair
		whole      bool
		want       bool
	}{
		{"moved", top, f("x.c", 10, 12, 13), f("x.c", 13, 15, 16), []Pair{{12, 15}}, false, true},
		{"no numbers", top, f("x.c", 10, 13), f("x.c", 13, 16), nil, false, false},
		{"no places", top, nil, nil, []Pair{{12, 15}}, false, false},
		{"another function added", with("int h", "int fresh(int a)\n{\n\treturn a;\n}\n\nint h"), f("x.c", 10, 13), f("x.c", 13, 16), []Pair{{12, 15}}, false, true},
		{"another function edited", with("return x", "return -x"), f("x.c", 10, 13), f("x.c", 13, 16), []Pair{{12, 15}}, false, true},
		{"a prototype added", with("int x;", "int x;\nint h(int);"), f("x.c", 10, 13), f("x.c", 14, 17), []Pair{{12, 16}}, false, true},
		{"before its lines", top, f("x.c", 11, 13), f("x.c", 13, 16), []Pair{{10, 13}}, false, false},
		{"behind its lines", top, f("x.c", 10, 11), f("x.c", 13, 16), []Pair{{12, 15}}, false, false},
		{"behind its lines, but in the declaration", top, f("x.c", 10, 11), f("x.c", 13, 14), []Pair{{12, 15}}, true, true},
		{"not that line now", top, f("x.c", 10, 13), f("x.c", 13, 16), []Pair{{12, 16}}, false, false},
		{"one of two is not", top, f("x.c", 10, 13), f("x.c", 13, 16), []Pair{{12, 15}, {12, 14}}, false, false},
		{"the patched code is elsewhere", top, f("x.c", 10, 13), f("x.c", 18, 20), []Pair{{12, 15}}, false, false},
		{"a comment in the function", with("{\n\tlog", "{ /**/\n\tlog"), f("x.c", 10, 13), f("x.c", 13, 16), []Pair{{12, 15}}, false, false},
		{"a blank line in the function", with("\tlog", "\n\tlog"), f("x.c", 10, 13), f("x.c", 13, 17), []Pair{{12, 16}}, false, false},
		{"a line of it gone", with("\tlog(a, LIMIT);\n", ""), f("x.c", 10, 13), f("x.c", 13, 15), []Pair{{13, 15}}, false, false},
		{"a macro changed", with("LIMIT 11", "LIMIT 14"), f("x.c", 10, 13), f("x.c", 13, 16), []Pair{{11, 14}}, false, false},
		{"a variable added", with("int x;", "int x, y;"), f("x.c", 10, 13), f("x.c", 13, 16), []Pair{{12, 15}}, false, false},
		{"an include added", []string{"#include <stdio.h>\n", "#include <stdio.h>\n#include <x.h>\n"}, f("x.c", 10, 13), f("x.c", 11, 14), []Pair{{12, 13}}, false, false},
		{"an edited function is inlined", with("return a;", "return a + 1;"), f("x.c", 10, 7, 13), f("x.c", 13, 10, 16), []Pair{{12, 15}}, false, false},
		{"an edited function is mentioned", with("return a;", "return a + 1;", "log(a, LIMIT)", "log(a, LIMIT)"), f("x.c", 15, 17), f("x.c", 18, 20), []Pair{{17, 20}}, false, true},
		{"the number is in an edit", with("return x;", "return 15;"), f("x.c", 10, 13), f("x.c", 13, 16), []Pair{{12, 15}}, false, false},
		{"the old number is in an edit", with("return 12;", "return 13;"), f("x.c", 10, 13), f("x.c", 13, 16), []Pair{{12, 15}}, false, false},
		{"code of a file that did not change", top, f("y.h", 10, 13), f("y.h", 13, 16), []Pair{{12, 15}}, false, false},
		{"with code of a file that did not change", top, f("x.c", 10, 13), append(f("x.c", 13, 16), f("y.h", 3)...), []Pair{{12, 15}}, false, true},
		{"the same, and an edit", with("return x", "return -x"), f("x.c", 10, 13), append(f("x.c", 13, 16), f("y.h", 3)...), []Pair{{12, 15}}, false, false},
		{"the same, but the system's", with("return x", "return -x"), f("x.c", 10, 13), append(f("x.c", 13, 16), f("/usr/include/y.h", 3)...), []Pair{{12, 15}}, false, true},
		{"a #line in the file", []string{"#include <stdio.h>\n", "#include <stdio.h>\n\n\n\n", "return 12;", "return 12;\n#line 9"}, f("x.c", 10, 13), f("x.c", 13, 16), []Pair{{12, 15}}, false, false},
		{"a # 9 in the file", []string{"#include <stdio.h>\n", "#include <stdio.h>\n\n\n\n", "return 12;", "return 12;\n# 9"}, f("x.c", 10, 13), f("x.c", 13, 16), []Pair{{12, 15}}, false, false},
		{"between declarations", top, f("x.c", 9), f("x.c", 12), []Pair{{9, 12}}, true, false},
		{"some of it between declarations", top, f("x.c", 9, 10, 13), f("x.c", 12, 13, 16), []Pair{{12, 15}}, false, false},
	} {
		t.Run(r.name, func(t *testing.T) {
			e := NewEdits([]FileChange{replaced(t, "x.c", r.edit...)})
			if got := e.OnlyMoved(r.old, r.fresh, r.pairs, r.whole); got != r.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// A function that mentions an edited one, by way of a macro too, may hold a number of it.
func TestOnlyMovedMentions(t *testing.T) {
	for _, name := range []string{"g(1)", "VALUE"} {
		src := strings.NewReplacer("LIMIT 11", "VALUE g(2)", "log(a, LIMIT)", "log(a, "+name+")").Replace(before0)
		after := strings.NewReplacer("<stdio.h>\n", "<stdio.h>\n\n\n\n", "return a;", "return -a;").Replace(src)
		c := FileChange{Old: "x.c", New: "x.c", Before: []byte(src), After: []byte(after)}
		e := NewEdits([]FileChange{c.WithRuns(longestCommon(splitLines(src), splitLines(after)))})
		if e.OnlyMoved([]Place{{"x.c", 10}, {"x.c", 13}}, []Place{{"x.c", 13}, {"x.c", 16}}, []Pair{{12, 15}}, false) {
			t.Error(name)
		}
	}
}

func TestRuns(t *testing.T) {
	c := edit(t, "x.c", " 1\n-2\n+two\n+more\n 3\n 4\n+new\n 5\n")
	if d := cmp.Diff([]Run{{1, 1, 1}, {3, 4, 2}, {5, 7, 1}}, c.Runs()); d != "" {
		t.Error(d)
	}
	made := FileChange{Old: "x.c", New: "x.c", Before: c.Before, After: c.After}.WithRuns(c.Runs())
	if d := cmp.Diff(c.LineMap().origin, made.LineMap().origin); d != "" {
		t.Error(d)
	}
}

func TestOutline(t *testing.T) {
	src := `/* file */
#include <a.h>
#define TWO(a) \
	(a + 1)
typedef struct pair { int first, second; } pair_t;
enum colour { RED, GREEN = 3 };
static const int table[] = { RED, 7 };
int proto(int a);
static __attribute__((noinline)) int
func(int a)
{
#if A
	int x = 1;
#endif
	return a; // }
}

old(a)
	int a;
{
	return a;
}
int (*pointer)(int);
int value = proto(1);
`
	type row struct {
		First, Last int
		Kind        ItemKind
		Names       string
	}
	var got []row
	for _, it := range Outline([]byte(src)) {
		got = append(got, row{it.First, it.Last, it.Kind, strings.Join(it.names, " ")})
	}
	want := []row{
		{2, 2, OtherItem, ""},
		{3, 4, MacroItem, "TWO"},
		{5, 5, OtherItem, "pair first second pair_t"},
		{6, 6, OtherItem, "colour RED GREEN"},
		{7, 7, OtherItem, "table"},
		{8, 8, PrototypeItem, "proto"},
		{9, 16, FunctionItem, "func"},
		{18, 22, FunctionItem, "old"},
		{23, 23, OtherItem, "pointer"},
		{24, 24, OtherItem, "value"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestEditsFile finds changed files by the names that compilers give them.
func TestEditsFile(t *testing.T) {
	var changes []FileChange
	for _, name := range []string{"x.c", "src/x.c", "lib/y.c", "lib/sub/z.c"} {
		changes = append(changes, FileChange{Old: name, New: name, Before: []byte("int a;\n"), After: []byte("int b;\n")})
	}
	e := NewEdits(changes).In("/tree", "/tree/src")
	for name, want := range map[string]string{
		"x.c": "src/x.c", "./x.c": "src/x.c", "../x.c": "x.c", "/tree/x.c": "x.c", "/tree/src/x.c": "src/x.c", "../lib/y.c": "lib/y.c",
		"lib/y.c": "lib/y.c", "./lib/y.c": "lib/y.c", "/build/lib/y.c": "lib/y.c", "sub/z.c": "lib/sub/z.c", "/tree/other/lib/y.c": "",
		"/build/x.c": "x.c", "/usr/include/x.c": "", "y.h": "",
	} {
		got := ""
		if f := e.file(name); f != nil {
			got = f.name
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
