package statics

import (
	"slices"
	"testing"
)

// TestMake checks that a seed always makes the same pair, and that pairs are of use: edited, with statics of one name.
func TestMake(t *testing.T) {
	namesakes := 0
	for seed := range int64(50) {
		p, q := Make(seed, "a"), Make(seed, "a")
		if p.before.files != q.before.files || p.after.files != q.after.files || !slices.Equal(p.Flags, q.Flags) {
			t.Errorf("seed %d makes different pairs", seed)
		}
		if p.before.files == p.after.files {
			t.Errorf("seed %d: nothing was edited", seed)
		}
		for _, f := range p.orig.funcs {
			seen := map[string]bool{}
			for _, v := range f.locals() {
				if seen[v.name] {
					namesakes++
				}
				seen[v.name] = true
			}
		}
	}
	if namesakes < 50 {
		t.Errorf("only %d variables have a namesake in their function", namesakes)
	}
}

// TestSettle checks what makes a variable another one: it counts for the same where the patch changes it in place.
func TestSettle(t *testing.T) {
	v := &variable{id: 1, name: "n", kind: u32}
	w := &variable{id: 2, name: "n", kind: u32}
	unitOf := func(v *variable) *unit {
		return &unit{funcs: []*function{{name: entry, body: []*node{{action: declare, vars: []*variable{v}}}}}}
	}
	for _, tt := range []struct {
		name string
		at   int // region of the patched line
		same bool
	}{{"in place", 0, true}, {"elsewhere", 1, false}} {
		p := &Pair{orig: unitOf(v), patched: unitOf(w).clone()}
		p.before.lines, p.after.lines = map[int]int{1: 5}, map[int]int{2: 5}
		p.Settle(func(int) (int, bool) { return 0, false }, func(_ int, patched bool) int {
			if patched {
				return tt.at
			}
			return 0
		})
		if got := p.patched.funcs[0].locals()[0].id == 1; got != tt.same {
			t.Errorf("%s: the same %v, want %v", tt.name, got, tt.same)
		}
	}
}
