package planner

import (
	"strings"
	"testing"
)

func TestPrivateVariables(t *testing.T) {
	for _, tt := range []struct{ name, source, want string }{
		{"plain", "static int a;\nstatic unsigned long b = 3;", "a b"},
		{"pointer, array", "static char *p = 0;\nstatic const char *q;\nstatic int list[4][ 2 ] = {\n1 };", "list p q"},
		{"const", "static const int a = 1;\nstatic int const b = 1;\nstatic char *const c = 0;\nstatic const int *const d = 0;", ""},
		{"qualified", "static volatile int a;\nstatic const char *volatile b;\nstatic struct s c = {0};", "a b c"},
		{"functions", "static int f(int x);\nstatic int g(void) { int a = 1; return a; }\nstatic int\nh(void)\n{\n}", ""},
		{"within functions", "int f(void)\n{\n\tstatic int a = 1;\n}", ""},
		{"others", "int a = 1;\nextern int b;\nstatics c;\n// static int d;", ""},
		{"twice", "static int a;\nstatic int a = 1;", "a"},
	} {
		if got := strings.Join(privateVariables([]byte(tt.source)), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestDeclaresPrivate(t *testing.T) {
	for _, tt := range []struct {
		name, source string
		want         bool
	}{
		{"alone", "static int spot;\n", true},
		{"first", "static int spot, other;\n", true},
		{"behind another", "static struct s one, *spot;\n", true},
		{"behind a value", "static int one = 1,\n\tspot[2];\n", true},
		{"a function's", "int f(void)\n{\n\tstatic int spot;\n}\n", false},
		{"a parameter", "static int f(int spot, int x);\n", false},
		{"public", "int spot, other;\n", false},
		{"part of a name", "static int spots;\n", false},
	} {
		if got := declaresPrivate([]byte(tt.source), "spot"); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
