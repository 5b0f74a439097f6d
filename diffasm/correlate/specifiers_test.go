package correlate

import (
	"strings"
	"testing"

	"gocare/diffasm/debuginfo"
)

func TestSaysStatic(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		column     int // of n on the last line, 0 for unknown
		want       bool
	}{
		{"static", "static int n;", 0, true},
		{"static, lines before", "static struct s\n\t*const\n\tn = 0;", 0, true},
		{"behind another one", "static int m = 1, n;", 0, true},
		{"behind a list", "static int m[] = { 1, 2 }, n;", 0, true},
		{"of a type in braces", "static struct { int a; int b; } n;", 0, true},
		{"of a packed type in braces", "static struct __attribute__((packed)) { int a; } n;", 0, true},
		{"a pointer to a function", "static int (*n)(int);", 0, true},
		{"by a macro", "#define local static\nlocal int n;", 0, true},
		{"automatic", "int n;", 0, false},
		{"in a function on one line", "static int f(void) { int n;", 0, false},
		{"behind a function on one line", "static int f(void) { return 0; } int n;", 0, false},
		{"behind a static one", "static int m; int n;", 0, false},
		{"a parameter", "static int f(int n)", 0, false},
		{"a pointer to a function as a parameter", "static int f(int (*n)(int))", 0, false},
		{"of a loop", "static int m; for (int n = 0;", 0, false},
		{"two of a name, the static one", "static int n; int f(void) { int n;", 12, true},
		{"two of a name, the automatic one", "static int n; int f(void) { int n;", 33, false},
		{"two of a name, it is not told which", "static int n; int f(void) { int n;", 0, true},
		{"a macro declares it", "static DECLARE(n_of_it);", 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lines := strings.Split(tt.text, "\n")
			m := &sources{forStatic: map[*string][]string{}}
			d := &debuginfo.Declaration{Name: "n", Line: len(lines), Column: tt.column}
			if got := m.saysStatic(d, lines); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestInOrderOf(t *testing.T) {
	for _, tt := range []struct {
		name, before, after string // functions by blank, values by comma
		want                bool
	}{
		{"one value each", "a b", "b a", true},
		{"as before", "a,b", "a,b", true},
		{"the other way", "a,b", "b,a", false},
		{"in one function now", "a b", "a,b", false},
		{"in two functions now", "a,b", "a b", true},
		{"both ways, as before", "a,b,a", "a,b,a", true},
		{"both ways, otherwise", "a,b,a", "a,b", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, after := assigned(tt.before), assigned(tt.after)
			if got := after.inOrderOf(&before); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func assigned(text string) (a assignments) {
	for _, values := range strings.Fields(text) {
		for _, v := range strings.Split(values, ",") {
			a.writes = append(a.writes, write{text: v, in: values})
		}
	}
	return a
}
