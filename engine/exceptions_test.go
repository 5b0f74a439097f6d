package engine

import (
	"testing"

	"gocare/engine/inspect"
	"gocare/kpatch"
)

// TestSlots: each unwinder is told once, in a slot of its own, and only what was told, and is still there, forgets.
func TestSlots(t *testing.T) {
	type slots = [kpatch.FrameObjects]inspect.Addr
	for _, tt := range []struct {
		name         string
		list         []inspect.Addr
		taken        slots
		untold, told map[inspect.Addr]int
	}{
		{"new", []inspect.Addr{1, 2}, slots{}, map[inspect.Addr]int{1: 0, 2: 1}, nil},
		{"all told", []inspect.Addr{1, 2}, slots{1, 2}, nil, map[inspect.Addr]int{1: 0, 2: 1}},
		{"another came", []inspect.Addr{3, 1}, slots{1}, map[inspect.Addr]int{3: 1}, map[inspect.Addr]int{1: 0}},
		{"one is gone", []inspect.Addr{2}, slots{1, 2}, nil, map[inspect.Addr]int{2: 1}},
		{"its slot was freed", []inspect.Addr{2, 3}, slots{0, 2}, map[inspect.Addr]int{3: 0}, map[inspect.Addr]int{2: 1}},
		{"no slot is left", []inspect.Addr{5, 6}, slots{1, 2, 3, 4}, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var list []unwinder
			for _, at := range tt.list {
				list = append(list, unwinder{register: at})
			}
			for what, pair := range map[string]struct {
				got  []knower
				want map[inspect.Addr]int
			}{"untold": {untold(list, tt.taken), tt.untold}, "told": {told(list, tt.taken), tt.told}} {
				if len(pair.got) != len(pair.want) {
					t.Errorf("%s: %v, want %v", what, pair.got, pair.want)
				}
				for _, k := range pair.got {
					if slot, ok := pair.want[k.register]; !ok || slot != k.slot {
						t.Errorf("%s: %d in slot %d, want %v", what, k.register, k.slot, pair.want)
					}
				}
			}
		})
	}
}
