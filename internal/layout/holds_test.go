package layout_test

import (
	"testing"

	"gocare/internal/test/testkit"
)

func TestHolds(t *testing.T) {
	testkit.Require(t, "gcc")
	u := read(t, `
typedef struct { int a; } t;
struct s { int a; };
struct u { struct u *next; const struct s in[2]; struct { t x; } deep; } x;
struct s *y;
_Atomic struct s z;
int f(int a) { static struct s local; return a + local.a++; }
`)
	for _, tt := range []struct {
		variable, typ string
		want          bool
	}{
		{"x", "struct u", true},
		{"x", "struct s", true},
		{"x", "t", true},
		{"x", "union s", false},
		{"y", "struct s", false},
		{"z", "struct s", true},
		{"local", "struct s", true},
		{"none", "struct s", false},
	} {
		if got := u.Holds(tt.variable, tt.typ); got != tt.want {
			t.Errorf("%s holds %s: %v", tt.variable, tt.typ, got)
		}
	}
}
