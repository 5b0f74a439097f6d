package ld

import (
	"slices"
	"testing"
)

// TestSlots: which slots of the original stand for a name.
func TestSlots(t *testing.T) {
	s := &slots{
		lazy:     map[versioned]uint64{{"f", "V1"}: 0x10, {"ifunc", ""}: 0x50},
		bound:    map[versioned]uint64{{"v", ""}: 0x20, {"f", "V2"}: 0x30},
		local:    map[uint64][]uint64{0x1000: {0x40, 0x48}},
		stubs:    map[uint64]uint64{0x40: 0x2000, 0x10: 0x2010},
		versions: map[string]string{"f": "V1"},
	}
	for _, tt := range []struct {
		name string
		b    binding
		lazy bool // a lazy slot will do
		want uint64
	}{
		{"bound", binding{kind: bindImport, name: "v"}, false, 0x20},
		{"lazy, for an address", binding{kind: bindImport, name: "f", version: "V1"}, false, 0},
		{"lazy, for a call", binding{kind: bindImport, name: "f", version: "V1"}, true, 0x10},
		{"another version", binding{kind: bindImport, name: "f", version: "V2"}, true, 0x30},
		{"the library's own, by the version that it reaches", binding{kind: bindImport, name: "f", own: true}, true, 0x10},
		{"none", binding{kind: bindImport, name: "f"}, true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, found := s.load(tt.b, tt.lazy); got != tt.want || found != (tt.want != 0) {
				t.Errorf("got 0x%x, %v, want 0x%x", got, found, tt.want)
			}
		})
	}
	if !s.bind("f") || !s.bind("v") || s.bind("ifunc2") {
		t.Error("a name is bound where it has a slot")
	}
	if stubs, bare := s.ofResolver(0x1000, "ifunc"); !slices.Equal(stubs, []uint64{0x2000}) || !slices.Equal(bare, []uint64{0x48, 0x50}) {
		t.Errorf("stubs %x, bare %x", stubs, bare)
	}
	if len(s.local[0x1000]) != 2 {
		t.Errorf("slots of the resolver are %x now", s.local[0x1000])
	}
}
