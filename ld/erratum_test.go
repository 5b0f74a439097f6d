package ld

import (
	"encoding/binary"
	"testing"

	"gocare/internal/arch"
)

// TestErratum: where the new code has an address made at the end of a page, what may use a wrong one is moved behind the code.
func TestErratum(t *testing.T) {
	const adrp, load, other, stores, use, pair = 0x90000000, 0xf9400042, 0x8b020042, 0xf9000042, 0xf9400001, 0xa9400801
	for _, tt := range []struct {
		name  string
		at    uint64 // of adrp
		code  []uint32
		moved uint64 // offset from there, 0 for none
	}{
		{"at once", 0xff8, []uint32{adrp, load, use, other}, 8},
		{"the last of its page", 0x1ffc, []uint32{adrp, load, use, other}, 8},
		{"after one more", 0xffc, []uint32{adrp, stores, other, use}, 12},
		{"elsewhere in its page", 0xff4, []uint32{adrp, load, use, other}, 0},
		{"no load between", 0xff8, []uint32{adrp, other, use, other}, 0},
		{"another register", 0xff8, []uint32{adrp | 5, load, use, other}, 0},
		{"without an offset of its own", 0xff8, []uint32{adrp, load, pair, other}, 0},
		{"later", 0xff8, []uint32{adrp, load, other, other, use}, 0},
		{"the end of the code", 0xff8, []uint32{adrp, load}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOutput(&image{target: &arch.AArch64, machine: arm64{}})
			text := &o.sections[outText]
			text.Data = append(make([]byte, tt.at), a64Code(tt.code...)...)
			size := uint64(len(text.Data))
			for _, r := range []struct {
				offset uint64
				kind   arch.RelocKind
			}{{tt.at, arch.PagePC}, {tt.at + 8, arch.PageOffset}, {tt.at + 12, arch.PageOffset}} {
				o.pending = append(o.pending, pendingReloc{out: outText, reloc: JoinedReloc{Offset: r.offset, Type: arch.RelocType{Kind: r.kind}}})
			}
			if err := o.erratum(); err != nil {
				t.Fatal(err)
			}
			if text.Align != 4096 {
				t.Errorf("aligned to %d bytes", text.Align)
			}
			if tt.moved == 0 {
				if uint64(len(text.Data)) != size {
					t.Error("something was moved")
				}
				return
			}
			word := func(at uint64) uint32 { return binary.LittleEndian.Uint32(text.Data[at:]) }
			leadsTo := func(at uint64) uint64 { return at + uint64(int64(int32(word(at)<<6))>>4) }
			at := tt.at + tt.moved
			if word(size) != use || leadsTo(at) != size || leadsTo(size+4) != at+4 {
				t.Errorf("at 0x%x: %x, there %x and %x", at, word(at), word(size), word(size+4))
			}
			for _, p := range o.pending {
				if p.reloc.Offset == at {
					t.Error("its relocation did not move")
				}
			}
		})
	}
}
