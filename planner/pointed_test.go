package planner

import "testing"

func TestPointersTo(t *testing.T) {
	for name, row := range map[string]struct {
		source string
		want   int
	}{
		"its address":            {"static int spot;\nint *f(void) { return &spot; }\n", 1},
		"in parentheses":         {"static int spot;\nint *f(void) { return &(spot); }\n", 1},
		"of a member":            {"static struct s spot;\nint *f(void) { return & spot.b; }\n", 1},
		"of both":                {"static int spot;\nint f(int a) { return a && spot; }\n", 0},
		"its value":              {"static int spot;\nint f(int a) { return spot + a; }\n", 0},
		"another name":           {"static int spot;\nint *f(void) { return &spots; }\n", 0},
		"an array":               {"\tstatic int spot[4];\n\treturn spot;\n", 1},
		"an element of an array": {"\tstatic int spot[4];\n\treturn spot[1];\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			if n := pointersTo("spot", []byte(row.source)); n != row.want {
				t.Errorf("%d places take the address, want %d", n, row.want)
			}
		})
	}
}
