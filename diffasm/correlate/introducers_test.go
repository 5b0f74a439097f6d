package correlate

import (
	"strings"
	"testing"
)

// What begins on a line is in its place where the patch leaves the line alone, or writes it anew with the same beginnings around it.
func TestIntroducers(t *testing.T) {
	before := strings.Split("f()\n{\n  a = [](int x) { return x; };\n  b = [](int x) { return -x; };\n  c = [](int x)\n  {\n    return x + 1;\n  };\n}", "\n")
	edit := func(line int, text ...string) *SourceFile {
		s := &SourceFile{Before: before}
		for i, old := range before {
			if i+1 != line {
				s.After, s.Origin = append(s.After, old), append(s.Origin, i+1)
				continue
			}
			for _, new := range text {
				s.After, s.Origin = append(s.After, new), append(s.Origin, 0)
			}
		}
		return s
	}
	for _, tt := range []struct {
		name      string
		s         *SourceFile
		old, line int
		want      bool
	}{
		{"a line that moved", edit(3, "  z = [](int x) { return 9; };", before[2]), 4, 5, true},
		{"another line", edit(3, before[2]), 4, 5, false},
		{"a lambda of another line", edit(2, "{", "  z = [](int x) { return 9; };"), 3, 3, false},
		{"its body", edit(3, "  a = [](int x) { return x * 2; };"), 3, 3, true},
		{"another one in its line", edit(3, "  z = [](int x) { return x; }; a = [](int x) { return x; };"), 3, 3, false},
		{"another one in its place", edit(3, "  z = [](int x) { return x; };"), 3, 3, false},
		{"one more behind", edit(3, "  a = [](int x) { return x; };", "  z = [](int x) { return 9; };"), 3, 3, false},
		{"another capture", edit(3, "  a = [x](int x) { return x; };"), 3, 3, false},
		{"a class before it", edit(3, "  struct s { int a; }; a = [](int x) { return x; };"), 3, 3, false},
		{"an index, a comment and a string", edit(3, `  a = [](int x) { return t[x] /* [](int) */ + "[](int)"[0]; };`), 3, 3, true},
		{"a line of a body", edit(7, "    return x + 2;"), 7, 7, true},
	} {
		if got := tt.s.InPlace(tt.old, tt.line); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
