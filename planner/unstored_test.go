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
