package layout_test

import (
	"testing"

	"gocare/internal/layout"
	"gocare/internal/test/testkit"
)

func TestShareContent(t *testing.T) {
	testkit.Require(t, "gcc")
	u := read(t, `
enum e { A };
struct opaque;
typedef int (*hook)(int);
struct list { struct list *next; char *name; };
int number; double real; enum e choice; unsigned char bytes[8]; char one;
char buffer[8], *line;
hook call, table[2];
struct { char name[8]; struct { long n; } in; } counted;
struct list list, *head;
union { hook h; char *p; } either;
struct opaque *unknown; void *any;
_Atomic int atomic;
`)
	for _, tt := range []struct {
		was, is string
		want    bool
	}{
		{"number", "real", true},
		{"number", "choice", true},
		{"number", "bytes", true},
		{"number", "one", true},
		{"number", "counted", true},
		{"number", "atomic", true},
		{"number", "buffer", false},
		{"number", "line", false},
		{"number", "call", false},
		{"number", "list", false},
		{"buffer", "line", true},
		{"buffer", "head", true},
		{"line", "counted", true},
		{"call", "table", true},
		{"call", "either", true},
		{"call", "line", false},
		{"counted", "table", false},
		{"number", "unknown", true},
		{"call", "any", true},
		{"number", "missing", true},
		{"missing", "number", true},
	} {
		if got := layout.ShareContent(u, tt.was, u, tt.is); got != tt.want {
			t.Errorf("%s and %s: %v", tt.was, tt.is, got)
		}
	}
}
