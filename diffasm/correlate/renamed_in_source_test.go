package correlate

import (
	"strings"
	"testing"

	"gocare/diffasm/debuginfo"
	"gocare/internal/srcpatch"
)

// TestAround: the lines of what is declared around a place. What compilers declare by themselves has no line.
func TestAround(t *testing.T) {
	text := newSourceText(strings.Split(`static int table[] = {
	1, 2 };
int f(void)
{
	return table[0];
}`, "\n"))
	ds := &debuginfo.Declarations{
		All:  []*debuginfo.Declaration{{Name: "made", File: "a.c"}, {Name: "table", File: "a.c", Line: 1}},
		Code: []*debuginfo.Declaration{{Name: "made_too", File: "a.c"}, {Name: "f", File: "a.c", Line: 3}},
	}
	for _, tt := range []struct {
		name              string
		line, first, last int
	}{
		{"a variable", 2, 1, 2},
		{"a function", 5, 3, 6},
		{"nothing", 0, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if first, last := text.around(ds, srcpatch.Place{File: "a.c", Line: tt.line}); first != tt.first || last != tt.last {
				t.Errorf("got %d to %d, want %d to %d", first, last, tt.first, tt.last)
			}
		})
	}
}
