package srcpatch

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/test/testkit"
)

// edit describes a change by marks in one text: lines starting with "-" are in the old file only, with "+" in the new
// one only, all others in both.
func edit(t *testing.T, name, marked string) FileChange {
	t.Helper()
	var before, after, body strings.Builder
	old, fresh := 0, 0
	for _, l := range splitLines(marked) {
		if l[0] != '+' {
			before.WriteString(l[1:])
			old++
		}
		if l[0] != '-' {
			after.WriteString(l[1:])
			fresh++
		}
		body.WriteString(l)
	}
	text := fmt.Sprintf("--- %s\n+++ %s\n@@ -1,%d +1,%d @@\n%s", name, name, old, fresh, &body)
	p, err := Parse("x", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Apply(fstest.MapFS{name: {Data: []byte(before.String()), Mode: 0o644}}, []*Patch{p})
	if err != nil {
		t.Fatal(err)
	}
	if string(c.Files[0].After) != after.String() {
		t.Fatalf("applied: %q", c.Files[0].After)
	}
	return c.Files[0]
}

// mark indents every line that carries no mark, so that rows can be read.
func mark(s string) string {
	var b strings.Builder
	for _, l := range splitLines(s) {
		if l[0] != '+' && l[0] != '-' {
			b.WriteString(" ")
		}
		b.WriteString(l)
	}
	return b.String()
}

var restoreRows = []struct {
	name, text string
	want       []int // lines of the restored file that are #line directives
}{
	{"include added", "#include <a>\n+#include <b>\nint x;\n", []int{3}},
	{"same number of lines", "#include <a>\n-int y;\n+int z;\nint x;\n", nil},
	{"line removed", "int a;\n-int b;\nint f(void)\n{\n return __LINE__;\n}\n", []int{2}},
	{"inside a function", "int f(int a)\n{\n+ a++;\n return a;\n}\n\nint g(void)\n{\n return __LINE__;\n}\n", []int{6}},
	{"two functions", "int f(int a)\n{\n+ a++;\n return a;\n}\nint g(int a)\n{\n- a++;\n- a++;\n return a;\n}\nint h;\n", []int{6, 11}},
	{"in a comment", "/* one\n+ two\n * int x; }\n } */\nint x;\n", []int{5}},
	{"comment behind code", "+int a; /* c\nint y;\n*/ int z;\nint x;\n", []int{4}},
	{"in a macro", "#define M(a) \\\n+ a + \\\n a\nint x = M(1);\n", []int{4}},
	{"in a macro call", "int x = F(1,\n+ 2,\n 3);\nint y;\n", []int{4}},
	{"call on many lines at the top level", "+int q;\nDEFINE(a,\n b)\nint y;\n", []int{2}},
	{"macro call without semicolon changed", "+DEFINE(a)\nint y;\n", []int{2}},
	{"#if on two lines", "#if A && \\\n+ C && \\\n B\nint y;\n#endif\nint z;\n", []int{4, 7}},
	{"directive with a comment", "#define A 1 /* x\n+ y\n z */\nint y;\n", []int{4}},
	{"initialiser", "int t[] = {\n+ 1,\n 2,\n};\nint y;\n", []int{5}},
	{"initialiser that ends indented", "int t[] = {\n+ 1,\n 2 };\nint y;\n", []int{4}},
	{"header of a function, which is changed anyway", "static int\n+__attribute__((noinline))\nf(int a)\n{\n return a;\n}\nint y;\n", []int{3}},
	{"string with a brace", "int f(void)\n{\n+ s(\"}\");\n s(\"{\", '\"', '{', '\\'');\n}\nint y;\n", []int{6}},
	{"string over two lines", "+int a;\nchar *s = \"a;\\\nint b;\";\nint y;\n", []int{2}},
	{"string over two lines changed", "char *s = \"a;\\\n+more;\\\nint b;\";\nint y;\n", []int{4}},
	{"branches that both open", "#ifdef A\nint f(void) {\n#else\nint f(int a) {\n#endif\n+ x();\n}\nint y;\n", []int{8}},
	{"branches that open more than they close", "#define BEGIN {\n#define END }\nint f(void) {\n if (1) {\n+ x();\n END\n}\nint y;\n", []int{8}},
	{"under an #if that may be off", "+int a;\n+#if 0\n+int b;\n#if 0\nint c;\n#endif\n+#endif\nint d;\n", []int{4, 9}},
	{"only under #if 0", "#if 0\n+int b;\nint c;\n#endif\nint d;\n#if 0\nint e;\n#else\nint f;\n#endif\nint g;\n", []int{3, 6}},
	{"include guard", "#ifndef H\n#define H\n+#define X\nint a;\n#endif\n", []int{4}},
	{"extern C", "#ifdef __cplusplus\nextern \"C\" {\n#endif\n+int a;\nint b;\n#ifdef __cplusplus\n}\n#endif\nint z;\n", []int{5}},
	{"brace of a column-0 struct", "struct s {\n+ int a;\n int b;\n} x;\nint y;\n", []int{5}},
	{"comment with an apostrophe", "// don't \\\n+ won't {\n// can't {\nint y;\n", []int{3}},
	{"#error with an apostrophe", "#if 0\n#error don't {\n#endif\n+int x;\nint y;\n", []int{5}},
	{"at the end", "int a;\n+int b;\n", nil},
	{"at the end, removed", "int a;\n-int b;\n", nil},
	{"function moved down", "-int f(int a)\n-{\n- return a;\n-}\nint y;\nint g(void)\n{\n x();\n}\n+int f(int a)\n+{\n+ return a;\n+}\nint z;\n", []int{1, 7, 12}},
	{"function moved and changed", "-int f(int a)\n-{\n- return a;\n-}\nint y;\n+int f(int a)\n+{\n+ return -a;\n+}\nint z;\n", []int{1, 7}},
	{"own #line later", "+int a;\nint b;\n#line 100 \"foo.y\"\nint c;\n+int d;\nint e;\n", []int{2, 4, 7}},
	{"own #line that happens to be the next number", "+int a;\nint b;\n#line 4\nint c;\n", []int{2, 4}},
	{"own #line by a macro", "#define N 50\n+int a;\nint b;\n#line N\n+int c;\nint d;\n", []int{3, 5}},
	{"own #line under an #if", "+int a;\n#if A\n#line 7\n#endif\nint b;\n+int c;\nint d;\n", []int{2, 4}},
	{"own #line on two lines", "+int a;\nint b;\n#line \\\n 7\nint c;\n+int d;\nint e;\n", []int{2, 4}},
	{"own #line too large", "+int a;\nint b;\n#line 99999999999\n+int c;\nint d;\n", []int{2, 4}},
	{"own #line with a file name added", "+int q;\nint a;\n+#line 7 \"x.y\"\nint b;\n+int r;\nint c;\n", []int{2, 4}},
	{"looks like a #line in a comment", "+int a;\n/*\n#line N\n*/\nint b;\n", []int{2, 4}},
	{"looks like a #line in a macro", "+int a;\n#define X \\\n#line N\nint b;\n", []int{2, 4}},
	{"looks like a #line", "+int a;\n#if 0\n#linear\n#endif\nint b;\n", []int{2, 4}},
	{"own #line added", "int a;\n+#line 7\nint b;\n", []int{2, 3}},
	{"own #line removed", "int a;\n-#line 7 \"x.y\"\nint b;\n", []int{2}},
}

func TestRestoreLines(t *testing.T) {
	for _, r := range restoreRows {
		t.Run(r.name, func(t *testing.T) {
			out := edit(t, "x.c", mark(r.text)).RestoreLines()
			var got []int
			for i, l := range splitLines(string(out)) {
				if strings.HasPrefix(l, "#line") {
					got = append(got, i+1)
				}
			}
			if d := cmp.Diff(r.want, got); d != "" {
				t.Errorf("%s\n%s", d, out)
			}
		})
	}
}

func TestRestoreLinesEnds(t *testing.T) {
	c := edit(t, "x.c", "+int a;\r\n int b;\r\n")
	if out := c.RestoreLines(); string(out) != "int a;\r\n#line 1\r\nint b;\r\n" {
		t.Errorf("got %q", out)
	}
	fresh := FileChange{New: "n.c", After: []byte("int a;\n")}
	if out := fresh.RestoreLines(); string(out) != "int a;\n" {
		t.Errorf("new file: got %q", out)
	}
}

func TestTouched(t *testing.T) {
	c := edit(t, "x.c", " 1\n-2\n+two\n+more\n 3\n+new\n 4\n-5\n 6\n")
	if d := cmp.Diff([]Range{{2, 3}, {4, 4}, {5, 6}}, c.TouchedOld()); d != "" {
		t.Error("old:", d)
	}
	if d := cmp.Diff([]Range{{2, 4}, {5, 6}, {7, 7}}, c.TouchedNew()); d != "" {
		t.Error("new:", d)
	}
	made := FileChange{Old: "x", New: "x", Before: c.Before, After: c.After}
	if d := cmp.Diff([]Range{{2, 6}}, made.TouchedOld()); d != "" {
		t.Error("compared from the ends:", d)
	}
	for _, r := range []struct {
		r           Range
		first, last int
		want        bool
	}{
		{Range{4, 4}, 3, 4, true},
		{Range{4, 4}, 4, 9, false},
		{Range{4, 4}, 1, 3, false},
		{Range{2, 4}, 3, 3, true},
		{Range{2, 4}, 4, 5, false},
		{Range{2, 4}, 1, 1, false},
	} {
		if got := r.r.touches(r.first, r.last); got != r.want {
			t.Errorf("%v touches %d to %d: %v", r.r, r.first, r.last, got)
		}
	}
}

// TestRestoreLinesGCC asks gcc for the number of every line: behind a directive of ours unchanged lines have the old
// one, up to the next change.
func TestRestoreLinesGCC(t *testing.T) {
	testkit.Require(t, "gcc")
	for _, r := range restoreRows {
		t.Run(r.name, func(t *testing.T) {
			c := edit(t, "x.c", tagged(mark(r.text)))
			out := c.RestoreLines()
			old, fresh := numbers(t, c.Before), numbers(t, out)
			settled := false
			for i, l := range splitLines(string(out)) {
				tag := tagOf(l)
				switch {
				case strings.HasPrefix(l, "#line") && !bytes.Contains(c.After, []byte(l)):
					settled = true
				case tag == "" || old[tag] == "":
					settled = settled && !strings.Contains(string(c.After), l)
				case settled && fresh[tag] != "" && fresh[tag] != old[tag]:
					t.Errorf("line %d (%s): gcc says %s, was %s\n%s", i+1, tag, fresh[tag], old[tag], out)
				}
			}
		})
	}
}

var (
	declared = regexp.MustCompile(`^[ +-]int ([a-z])\b[^{(]*;$`)
	tagName  = regexp.MustCompile(`\btag_[a-z]\b`)
)

// tagged gives each one-line declaration a name to find it by in gcc's output.
func tagged(marked string) string {
	var b strings.Builder
	for _, l := range splitLines(marked) {
		b.WriteString(declared.ReplaceAllString(strings.TrimSuffix(l, "\n"), l[:1]+"int tag_$1;") + "\n")
	}
	return b.String()
}

func tagOf(line string) string { return tagName.FindString(line) }

// numbers runs the preprocessor and returns "file:line" for each tag.
func numbers(t *testing.T, src []byte) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.c")
	src = regexp.MustCompile(`#include <.*>`).ReplaceAll(src, []byte("#undef x"))
	if err := os.WriteFile(file, src, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("gcc", "-E", "-x", "c", filepath.Base(file))
	cmd.Dir = filepath.Dir(file)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, src)
	}
	marker := regexp.MustCompile(`^# (\d+) ("[^"]*")`)
	line, name, at := 0, "", map[string]string{}
	for _, l := range strings.Split(string(out), "\n") {
		if m := marker.FindStringSubmatch(l); m != nil {
			line, _ = strconv.Atoi(m[1])
			name = m[2]
			continue
		}
		if tag := tagOf(l); tag != "" {
			at[tag] = fmt.Sprintf("%s:%d", name, line)
		}
		line++
	}
	return at
}
