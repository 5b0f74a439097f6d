package srcpatch

import (
	"slices"
	"strings"
	"testing"
)

// TestOrigins: the patched file is told in lines of the original, by number, and what the patch says of them likewise.
func TestOrigins(t *testing.T) {
	const before = `int f(int x)
{
	static int n;
	n += x;
	return n;
}
int g(int x)
{
	static int n;
	n ^= x;
	return x;
}
`
	was := strings.SplitAfter(before, "\n")
	pick := func(lines ...int) (text string) {
		for _, n := range lines {
			text += was[n-1]
		}
		return text
	}
	for _, tt := range []struct {
		name, after string
		byPatch     []int
		want        []int
	}{
		{
			"functions change places, and the patch sees one move", pick(7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6),
			[]int{7, 8, 9, 10, 11, 12, 0, 0, 0, 0, 0, 0},
			[]int{7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6},
		},
		{
			"a function that moves is edited", pick(7, 8, 9) + "\tn = x;\n" + pick(11, 12, 1, 2, 3, 4, 5, 6),
			[]int{0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6},
			[]int{7, 8, 9, 0, 11, 12, 1, 2, 3, 4, 5, 6},
		},
		{
			"a new one takes the lines of its neighbour", "int e(int x)\n" + pick(2, 3, 5, 6, 1, 2, 3) + "\tn = e(x);\n" + pick(5, 6),
			[]int{0, 2, 3, 5, 6, 0, 0, 0, 0, 0, 0},
			[]int{0, 0, 0, 0, 0, 1, 2, 3, 0, 5, 6},
		},
		{
			"the patch knows as much", pick(1, 2, 3) + "\tn = x;\n" + pick(5, 6, 7, 8, 9, 10, 11, 12),
			[]int{1, 2, 3, 0, 5, 6, 7, 8, 9, 10, 11, 12},
			[]int{1, 2, 3, 0, 5, 6, 7, 8, 9, 10, 11, 12},
		},
		{
			"two functions exchange their names", strings.Replace(pick(1), "f", "g", 1) + pick(2, 3, 4, 5, 6) + strings.Replace(pick(7), "g", "f", 1) + pick(8, 9, 10, 11, 12),
			[]int{0, 2, 3, 4, 5, 6, 0, 8, 9, 10, 11, 12},
			[]int{0, 2, 3, 4, 5, 6, 0, 8, 9, 10, 11, 12},
		},
		{
			"the body goes to another function, most of it", strings.Replace(pick(1), "f", "h", 1) + pick(2, 3, 4, 5, 6, 1, 2) + "\treturn h(x);\n}\n",
			[]int{0, 2, 3, 4, 5, 6, 0, 0, 0, 0},
			[]int{0, 2, 3, 4, 5, 6, 0, 0, 0, 0},
		},
		{
			"a name that two have", pick(7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6, 1, 2, 6),
			[]int{7, 8, 9, 10, 11, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0},
			[]int{7, 8, 9, 10, 11, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := FileChange{Old: "a.c", New: "a.c", Before: []byte(before), After: []byte(tt.after), origin: tt.byPatch}
			if got := c.Origins(); !slices.Equal(got, tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}
