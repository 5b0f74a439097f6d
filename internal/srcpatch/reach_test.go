package srcpatch

import (
	"slices"
	"testing"
)

func TestOnlyCode(t *testing.T) {
	const source = "#define N 3\nint x;\nstatic inline int f(int a)\n{\n\treturn a;\n}\nstruct s { int a; };\n"
	for _, tt := range []struct {
		name, before, after string
		macros              []string
		want                bool
	}{
		{"a body", source, "#define N 3\nint x;\nstatic inline int f(int a)\n{\n\treturn a + 1;\n}\nstruct s { int a; };\n", nil, true},
		{"a macro", source, "#define N 4\nint x;\nstatic inline int f(int a)\n{\n\treturn a;\n}\nstruct s { int a; };\n", []string{"N"}, true},
		{"a macro that comes", source, "#define M 1\n" + source, []string{"M"}, true},
		{"a macro that goes", "#define M 1\n" + source, source, []string{"M"}, true},
		{"a macro with another one before", "#define N 1\n#undef N\n" + source, "#undef N\n" + source, []string{"N"}, true},
		{"a new function", source, "int g(int a) { return a; }\n" + source, nil, true},
		{"a member", source, "#define N 3\nint x;\nstatic inline int f(int a)\n{\n\treturn a;\n}\nstruct s { long a; };\n", nil, false},
		{"an attribute before members", "struct __attribute__((packed)) { int a; } x;\n", "struct __attribute__((packed)) { long a; } x;\n", nil, false},
		{"a variable", source, "int y;\n" + source, nil, false},
		{"another order", "int x;\nint y;\n", "int y;\nint x;\n", nil, false},
		{"a variable before a function", "int y; int f(void) { return 0; }\n", "float y; int f(void) { return 0; }\n", nil, false},
		{"a variable of a macro before a function", "VARIABLE(int) int f(void) { return 0; }\n", "VARIABLE(float) int f(void) { return 0; }\n", nil, false},
		{"an attribute of a function", "int __attribute__((cold)) f(int a) { return a; }\n", "int __attribute__((cold)) f(int a) { return a + 1; }\n", nil, true},
		{"a condition", "#if 1\nint x;\n#endif\n", "#if 0\nint x;\n#endif\n", nil, false},
		{"two heads of one body", "#if A\nint f(int a) {\n#else\nint f(long a) {\n#endif\n}\nint x;\n", "#if A\nint f(int a) {\n#else\nint f(long a) {\n#endif\n}\nlong x;\n", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			macros, got := FileChange{Old: "a.h", New: "a.h", Before: []byte(tt.before), After: []byte(tt.after)}.OnlyCode()
			if got != tt.want || !slices.Equal(macros, tt.macros) {
				t.Errorf("got %q, %t", macros, got)
			}
		})
	}
}

func TestReaches(t *testing.T) {
	for _, tt := range []struct {
		name, own, system string
		want              bool
	}{
		{"in a function", "int f(void) { return N; }\nint x;\n", "", false},
		{"in a declaration", "int x[N];\n", "", true},
		{"in the head of a function", "int f(int a[N]) { return 0; }\n", "", true},
		{"in a condition", "#if N > 2\nint x;\n#endif\n", "", true},
		{"in a macro", "#define M (N + 1)\nint f(void) { return M; }\n", "", false},
		{"in a macro of a declaration", "#define M (N + 1)\n#define K M\nint x[K];\n", "", true},
		{"put together", "#define T(n) TYPE_##n\nT(N) x;\n", "", true},
		{"put together in a function", "#define T(n) TYPE_##n\nint f(void) { T(N) x; }\n", "", false},
		{"a macro that looks like a function", "#define THING(x) static int x = (int)\nTHING(y) { N };\nTHING(z) { N }\n", "", true},
		{"a macro of the system's", "int x[M];\n", "#define M N\n", true},
		{"a declaration of the system's", "", "extern int x[N];\n", true},
		{"put together by the system", "int x;\n", "#define T(n) n##_t\nT(int) y;\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Reaches([]string{"N"}, []*Words{WordsOf([]byte(tt.own))}, []*Words{WordsOf([]byte(tt.system))}); got != tt.want {
				t.Errorf("got %t", got)
			}
		})
	}
	if Reaches(nil, []*Words{WordsOf([]byte("#define T(n) TYPE_##n\nT(N) x;\n"))}, nil) {
		t.Error("a change of no macro reaches something")
	}
}
