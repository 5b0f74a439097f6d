package correlate

import (
	"slices"
	"strings"
	"testing"

	"gocare/diffasm/debuginfo"
)

func TestAssignments(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
		read       bool
	}{
		{"never written", "static int n = 3;\nint f(void) { return n; }", nil, true},
		{"a value", "static int n;\nvoid f(void) { n = 5; }", []string{"= 5"}, false},
		{"a value over two lines", "static int n;\nvoid f(void) {\nn =\n\tf(1, 2); }", []string{"= f(1, 2)"}, false},
		{"compared", "static int n;\nint f(void) { return n == 5; }", nil, true},
		{"counted", "static int n;\nvoid f(void) { n++; }", []string{"++"}, false},
		{"counted before", "static int n;\nvoid f(void) { --n; }", []string{"--"}, false},
		{"counted and read", "static int n;\nint f(void) { return n++; }", []string{"++"}, true},
		{"added to", "static int n;\nvoid f(void) { if (1) n += 2; }", []string{"+= 2"}, false},
		{"its address", "static int n;\nvoid f(void) { scan(1, &n); }", []string{"scan(1, &n)"}, true},
		{"a local variable gets its address", "static int n;\nvoid f(void) { int *p = &n; *p = 1; }", []string{"int *p = &n", "void f(void) { int *p = &n; *p = 1; }"}, true},
		{"its address, and a local variable", "static int n;\nvoid f(void) { int x = 1; set(&n, x); }", []string{"set(&n, x)", "void f(void) { int x = 1; set(&n, x); }"}, true},
		{"a bitwise and", "static int n;\nint f(void) { return 1 & n; }", nil, true},
		{"a logical and", "static int n;\nint f(void) { return f() && n; }", nil, true},
		{"an element", "static int n[4];\nvoid f(void) { n[2] = 1; }", []string{"[2]= 1"}, false},
		{"an array", "static int n[4];\nvoid f(void) { fill(n); }", []string{"fill(n)"}, true},
		{"the size of an array", "static int n[4];\nint f(void) { return sizeof(n); }", nil, true},
		{"an element of what it points to", "static int *const n = m;\nvoid f(void) { n[2] = 1; }", nil, true},
		{"a member", "static struct s n;\nvoid f(void) { n.a = 1; }", []string{".a= 1"}, false},
		{"what it points to", "static int *n;\nvoid f(void) { *n = 1; }", nil, true},
		{"a macro's argument", "static int n;\nvoid f(void) { SET(n, 1); }", []string{"SET(n, 1)"}, true},
		{"an operand", "static int n;\nvoid f(void) { asm(\"\" : \"=r\"(n)); }", []string{`asm("" : "=r"(n))`}, true},
		{"a function's argument", "static int n;\nvoid f(void) { put(n); }", nil, true},
		{"another of its name", "static int n;\nvoid f(void) { put(nn, n_); }", nil, false},
		{"in a comment", "static int n;\nvoid f(void) { /* n = 1 */ }", nil, false},
		{"an empty list", "static LIST(x) n = EMPTY(n);\nint f(void) { return 1; }", nil, false},
		{"an empty list over two lines", "static LIST(x) n =\n\tEMPTY(n);\nint f(void) { return EMPTY(m); }", nil, false},
		{"another one's initial value", "static int n = 3, *p = &n;", []string{"static int n = 3, *p = &n"}, true},
		{"a macro that stands for a value", "#define ONE 1\nstatic int n;\nvoid f(void) { n = ONE; }", []string{"= ONE #define ONE 1"}, false},
		{
			"a macro that writes", "static int n;\n#define SET(x) (n = (x))\nvoid f(void) { SET(1); }",
			[]string{"#define SET(x) (n = (x))", "= (x)", "void f(void) { SET(1); }", "#define SET(x) (n = (x)) void f(void) { SET(1); }"},
			false,
		},
		{"a parameter", "static int n;\nvoid f(int x)\n{ n = x; }\nint g(void)\n{ f(1); }", []string{"= x", "void f(int x)", "void f(int x) { n = x; }", "{ f(1); }"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lines := strings.Split(tt.text, "\n")
			d := &debuginfo.Declaration{Name: "n"}
			d.Line = slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "static") }) + 1
			got := newReadSource(lines).writesOf(&debuginfo.Declarations{All: []*debuginfo.Declaration{d}}, d)
			writes := got.texts()
			for i, w := range writes { // the macro's definition, behind what names it, is not looked at here
				if head, _, ok := strings.Cut(w, " #define SET"); ok {
					writes[i] = head
				}
			}
			if g, w := sortedSet(writes), sortedSet(tt.want); !slices.Equal(g, w) || got.read != tt.read {
				t.Errorf("writes %q, want %q; read %v", g, w, got.read)
			}
		})
	}
}

// Nothing is assigned to what is declared const.
func TestConstantKeepsItsValue(t *testing.T) {
	for text, want := range map[string]bool{
		"static const struct s n = {1};\nvoid f(void) { put(&n); }":                                          true,
		"static char *const n = m;\nvoid f(void) { put(&n); }":                                               true,
		"static const char *n = m;\nvoid f(void) { put(&n); }":                                               false,
		"static int g(const int x), n;\nvoid f(void) { put(&n); }":                                           false,
		"static struct s n = {1};\nvoid f(const int x) { put(&n); }":                                         false,
		"static const int m;\nstatic int n;\nvoid f(void) { put(&n); }":                                      false,
		"static const struct {\n\tint *a;\n\tstruct { int b; } c;\n} n[] = {{0}};\nvoid f(void) { put(n); }": true,
		"static struct {\n\tconst int a;\n} n[] = {{0}};\nvoid f(void) { put(n); }":                          false,
		"static const int m = 1;\nstatic struct {\n\tint a;\n} n;\nvoid f(void) { put(&n); }":                false,
	} {
		lines := strings.Split(text, "\n")
		d := &debuginfo.Declaration{Name: "n"}
		d.Line = slices.IndexFunc(lines, func(l string) bool { return len(wordsAt(l, "n")) > 0 }) + 1
		got := newReadSource(lines).writesOf(&debuginfo.Declarations{All: []*debuginfo.Declaration{d}}, d)
		if got.onlyInitial() != want {
			t.Errorf("%s: keeps its value %v", text, !want)
		}
	}
}
