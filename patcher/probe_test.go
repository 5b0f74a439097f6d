package patcher

import (
	"slices"
	"testing"
)

func TestProbeWithout(t *testing.T) {
	const complaint = "probe.c:1:12: error: use of undeclared identifier 'a'; did you mean 'b'?\nprobe.c:2:12: error: use of undeclared identifier 'c'\n"
	const source = "extern int other, ab;\nint f(void) { extern unsigned a [ 2 ] ; return a[0]; }\n"
	p := probe{names: []string{"a", "b", "c"}}.without(complaints(complaint), []byte(source))
	if !slices.Equal(p.names, []string{"a", "b"}) || !slices.Equal(p.inside, []string{"extern unsigned a [ 2 ] ;"}) {
		t.Errorf("got %q, %q", p.names, p.inside)
	}
}
