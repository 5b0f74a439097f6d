package kpatch

import (
	"testing"

	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// gated is a patch of a function of two bytes, whose hook is in padding 16 bytes behind it.
func gated() *Patch {
	p := small()
	hook := p.Functions[0]
	hook.Old, hook.OldSize = Location{hook.Old.Section, hook.Old.Offset + 16}, 5
	gate := p.Functions[0]
	gate.OldSize, gate.Via = 2, hook.Old
	p.Functions = []Function{hook, gate}
	return p
}

// TestGate: a gate is read as it was written, by a relocation that is of no use elsewhere in the table.
func TestGate(t *testing.T) {
	data, err := Encode(gated())
	if err != nil {
		t.Fatal(err)
	}
	p, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	want := gated().Functions
	for i, f := range p.Functions {
		if f.OldSize != want[i].OldSize || f.IsGate() != want[i].IsGate() || f.Via.Offset != want[i].Via.Offset || f.Old.Offset != want[i].Old.Offset {
			t.Errorf("entry %d: got %+v, want %+v", i, f, want[i])
		}
	}
}

// TestDamagedGate: an entry that is half a gate is refused.
func TestDamagedGate(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(entries []byte, relocs []Reloc)
	}{
		{"without the flag", func(b []byte, _ []Reloc) { b[InfoEntrySize+40] = 0 }},
		{"to the patch", func(_ []byte, relocs []Reloc) {
			for i := range relocs {
				if relocs[i].Type.Kind == arch.GlobDat {
					relocs[i].Symbol = relocs[1].Symbol
				}
			}
		}},
		{"in another field", func(_ []byte, relocs []Reloc) { relocs[1].Type = arch.X86_64.RelocOf(arch.GlobDat) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data, err := Encode(gated())
			if err != nil {
				t.Fatal(err)
			}
			p, err := Decode(data)
			if err != nil {
				t.Fatal(err)
			}
			info := p.section(kpname.Info)
			tt.damage(info.Data, info.Relocs)
			if _, err := decodeFunctions(p); fault.As(err) == nil || fault.As(err).Code != fault.FormatCorrupt {
				t.Errorf("got %v", err)
			}
		})
	}
}
