package ld

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// TestDescriptorOfNeighbour: a variable of the module that has no descriptor is reached by that of the closest one that nobody can replace, and
// its distance.
func TestDescriptorOfNeighbour(t *testing.T) {
	local := func(offset uint64) tlsKey { return tlsKey{kind: arch.TLSDesc, offset: offset} }
	named := tlsKey{kind: arch.TLSDesc, name: versioned{name: "w"}}
	for _, tt := range []struct {
		name     string
		slots    map[tlsKey][]uint64
		v        tlsVariable
		program  bool
		slot     uint64 // 0: refused
		distance int64
	}{
		{"behind it", map[tlsKey][]uint64{local(16): {0x20000}}, tlsVariable{offset: 20}, false, 0x20000, 4},
		{"before it", map[tlsKey][]uint64{local(16): {0x20000}}, tlsVariable{offset: 0}, false, 0x20000, -16},
		{"the closest", map[tlsKey][]uint64{local(0): {0x20000}, local(16): {0x20010}}, tlsVariable{offset: 12}, false, 0x20010, -4},
		{"two as close", map[tlsKey][]uint64{local(0): {0x20010}, local(16): {0x20000}}, tlsVariable{offset: 8}, false, 0x20000, -8},
		{"of another kind", map[tlsKey][]uint64{{kind: arch.TLSOffset, offset: 16}: {0x20000}}, tlsVariable{offset: 20}, false, 0, 0},
		{"one that may be of another module", map[tlsKey][]uint64{named: {0x20000}}, tlsVariable{offset: 20}, false, 0, 0},
		{"for one that may be", map[tlsKey][]uint64{local(16): {0x20000}}, tlsVariable{offset: 20, byName: true}, false, 0, 0},
		{"for one of a library, in a program", map[tlsKey][]uint64{local(16): {0x20000}}, tlsVariable{offset: 20}, true, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bin := &image{
				machine: arm64{}, target: &arch.AArch64, kind: linkKind{shared: !tt.program},
				sections: []OrigSection{{Name: ".got", Addr: 0x20000, Size: 0x20}},
			}
			r := &tlsReducer{newOutput(bin), &slots{tls: tt.slots}}
			r.sections[outText].Data, r.sections[outData].Data = a64Code(a64ADRP, 0), []byte{1}
			tt.v.name = versioned{name: "v"}
			p := &spot{out: outText, ref: &reference{typ: arch.AArch64.Reloc(uint32(elf.R_AARCH64_TLSDESC_ADR_PAGE21)), sym: &elfobj.Symbol{Name: "v"}}}
			call := &spot{out: outText, ref: &reference{typ: arch.AArch64.Reloc(uint32(elf.R_AARCH64_TLSDESC_CALL)), sym: p.ref.sym}}
			err, callErr := r.inParts(p, tt.v), r.descriptorCall(call, tt.v)
			if tt.slot == 0 {
				if e := fault.As(err); e == nil || e.Code != "new-tls-slot" || callErr == nil {
					t.Errorf("got %v, %v", err, callErr)
				}
				return
			}
			if err != nil || callErr != nil {
				t.Fatal(err, callErr)
			}
			if err := r.inParts(p, tt.v); err != nil { // no second one
				t.Fatal(err)
			}
			const own, code = 8, 16
			abs := arch.AArch64.RelocOf(arch.Abs64)
			page := pendingReloc{out: outText, reloc: JoinedReloc{0, arch.AArch64.RelocOf(arch.PagePC), Target{InPatch, outData, own}, 0}}
			page.reloc.Type = r.pending[len(r.pending)-1].reloc.Type
			want := []pendingReloc{
				{out: outData, reloc: JoinedReloc{own, abs, Target{InPatch, outText, code}, 0}},
				{out: outData, reloc: JoinedReloc{own + 8, abs, Target{InOriginal, 0, tt.slot - 0x20000}, 0}},
				page, page,
			}
			if diff := cmp.Diff(want, r.pending, cmp.AllowUnexported(pendingReloc{}, versioned{})); diff != "" || page.reloc.Type.Kind != arch.PagePC {
				t.Errorf("-want +got:\n%s", diff)
			}
			data := r.sections[outData].Data
			if len(data) != own+24 || int64(binary.LittleEndian.Uint64(data[own+16:])) != tt.distance {
				t.Errorf("% x", data)
			}
			if !bytes.Equal(r.sections[outText].Data[code:], arm64{}.resolver()) {
				t.Errorf("% x", r.sections[outText].Data)
			}
		})
	}
	if (x86{}).resolver() != nil {
		t.Error("descriptors are made for x86-64")
	}
}
