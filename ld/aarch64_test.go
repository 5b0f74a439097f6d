package ld

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"slices"
	"testing"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// a64Code is instructions in memory order.
func a64Code(ops ...uint32) (b []byte) {
	for _, op := range ops {
		b = binary.LittleEndian.AppendUint32(b, op)
	}
	return b
}

func TestArmStubSlot(t *testing.T) {
	// adrp x16, 2 pages on; ldr x17, [x16, #24]; add x16, x16, #24; br x17
	entry := []uint32{0xd0000010, 0xf9400e11, 0x91006210, 0xd61f0220}
	for _, tt := range []struct {
		name string
		code []byte
		want uint64 // 0 for no entry
	}{
		{"entry", a64Code(entry...), 0x12018},
		{"entry for indirect jumps", a64Code(append([]uint32{a64BTI}, entry...)...), 0x12018},
		{"head of the table", a64Code(append([]uint32{0xa9bf7bf0}, entry...)...), 0},
		{"another register", a64Code(0xd0000011, 0xf9400e11), 0},
		{"cut", a64Code(entry[0]), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if slot, ok := (arm64{}).stubSlot(tt.code, 0x10ffc&^0xfff|0x10); slot != tt.want || ok != (tt.want != 0) {
				t.Errorf("0x%x, %v", slot, ok)
			}
		})
	}
}

func TestArmPage(t *testing.T) {
	for _, tt := range []struct {
		name string
		code uint32
		want uint64
		ok   bool
	}{
		{"adrp forward", 0xd0000000, 0x12000, true},
		{"adrp back", 0xf0ffffe0, 0xf000, true},
		{"adr in its place", 0x10000060, 0x10000, true},
		{"another", a64Nop, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if page, ok := (arm64{}).page(a64Code(tt.code), 0x10010); page != tt.want || ok != tt.ok {
				t.Errorf("0x%x, %v", page, ok)
			}
		})
	}
}

// TestArmThreadOffset: accesses by slots become constants as GNU ld makes them, and nothing else is changed.
func TestArmThreadOffset(t *testing.T) {
	for _, tt := range []struct {
		name   string
		kind   arch.RelocKind
		code   uint32
		offset int64
		want   uint32 // 0 if it is left alone
	}{
		{"page of a slot", arch.TLSInitialExecPage, 0x90000004, 0x12345, 0xd2a00024},
		{"load of a slot", arch.TLSInitialExecOffset, 0xf9400084, 0x12345, 0xf28468a4},
		{"load into another register", arch.TLSInitialExecOffset, 0xf9400085, 0x12345, 0},
		{"page of a descriptor", arch.TLSDescPage, 0x90000000, 16, 0xd2a00000},
		{"load of a descriptor", arch.TLSDescOffset, 0xf9400001, 16, 0xf2800200},
		{"address of a descriptor", arch.TLSDescOffset, 0x91000000, 16, a64Nop},
		{"too far", arch.TLSDescPage, 0x90000000, 1 << 32, 0},
		{"before the thread pointer", arch.TLSDescPage, 0x90000000, -8, 0},
		{"another instruction", arch.TLSDescPage, a64Nop, 16, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := site{code: a64Code(tt.code)}
			ok := arm64{}.putThreadOffset(tt.kind, s, tt.offset)
			got := binary.LittleEndian.Uint32(s.code)
			if ok != (tt.want != 0) || ok && got != tt.want || !ok && got != tt.code {
				t.Errorf("%v, 0x%08x", ok, got)
			}
		})
	}
	if got := (arm64{}).threadOffset(&elfobj.Segment{Align: 64}); got != 64 {
		t.Errorf("the segment is %d bytes behind the thread pointer", got)
	}
	if got := (arm64{}).threadOffset(&elfobj.Segment{Align: 8}); got != 16 {
		t.Errorf("the segment is %d bytes behind the thread pointer", got)
	}
}

// TestArmPairOfSlots: a library's own pair of slots is used, or a neighbour's where there is room; a program's is the linker's to replace.
func TestArmPairOfSlots(t *testing.T) {
	slots := &slots{tls: map[tlsKey][]uint64{{kind: arch.TLSModule, offset: 16}: {0x20010}, {kind: arch.TLSDesc, offset: 8}: {0x20000}}}
	for _, tt := range []struct {
		name   string
		shared bool
		offset int64
		addend int64
		behind uint32 // what is behind the call
		code   fault.Code
	}{
		{"its own", true, 16, 0, a64ADRP, ""},
		{"a neighbour's", true, 8, 0, a64Nop, ""},
		{"none, and no room", true, 8, 0, a64ADRP, "new-tls-slot"},
		{"a part of the variable", true, 16, 4, a64Nop, "unsupported-relocation"},
		{"in a program", false, 16, 0, a64Nop, "unsupported-relocation"},
	} {
		bin := &image{machine: arm64{}, target: &arch.AArch64, kind: linkKind{shared: tt.shared}, sections: []OrigSection{{Name: ".got", Addr: 0x20000, Size: 0x20}}}
		r := &tlsReducer{newOutput(bin), slots}
		r.sections[outText].Data = a64Code(a64ADRP, 0x91000000, 0x94000000, tt.behind)
		var err error
		for n, typ := range []elf.R_AARCH64{elf.R_AARCH64_TLSGD_ADR_PAGE21, elf.R_AARCH64_TLSGD_ADD_LO12_NC} {
			p := &spot{out: outText, at: uint64(4 * n), ref: &reference{typ: arch.AArch64.Reloc(uint32(typ)), sym: &elfobj.Symbol{Name: "v"}, rela: elfobj.Rela{Addend: tt.addend}}}
			err = cmp.Or(err, r.pairInParts(p, tlsVariable{name: versioned{name: "v"}, offset: tt.offset}))
		}
		if e := fault.As(err); (e == nil) != (tt.code == "") || e != nil && e.Code != tt.code {
			t.Errorf("%s: %v", tt.name, err)
		}
		if add, _ := a64At(r.sections[outText].Data[4:]); tt.code == "" && add != 0x91004000 { // of 0x10, where in its page the slot is
			t.Errorf("%s: %#x", tt.name, add)
		}
	}
}

// TestArmSlotOfPart: a slot of the original holds where a variable begins, and nothing in it.
func TestArmSlotOfPart(t *testing.T) {
	slots := &slots{tls: map[tlsKey][]uint64{{kind: arch.TLSDesc, offset: 16}: {0x20000}}}
	for _, tt := range []struct {
		addend int64
		ok     bool
	}{{0, true}, {4, false}} {
		bin := &image{machine: arm64{}, target: &arch.AArch64, kind: linkKind{shared: true}, sections: []OrigSection{{Name: ".got", Addr: 0x20000, Size: 8}}}
		r := &tlsReducer{newOutput(bin), slots}
		r.sections[outText].Data = a64Code(a64ADRP)
		p := &spot{out: outText, ref: &reference{
			typ: arch.AArch64.Reloc(uint32(elf.R_AARCH64_TLSDESC_ADR_PAGE21)), sym: &elfobj.Symbol{Name: "v"}, rela: elfobj.Rela{Addend: tt.addend},
		}}
		if err := r.inParts(p, tlsVariable{name: versioned{name: "v"}, offset: 16}); (err == nil) != tt.ok {
			t.Errorf("%d bytes behind: %v", tt.addend, err)
		}
	}
}

// TestArmDisplace: the instruction that is left free behind an access leads from one variable to another.
func TestArmDisplace(t *testing.T) {
	const load, add, call = 0xf94000e5, 0x91000000, 0x94000000 // ldr x5, [x7]; add x0, x0, #0; bl
	slot, pair := arch.TLSInitialExecOffset, arch.TLSGeneralDynamicOffset
	for _, tt := range []struct {
		name     string
		kind     arch.RelocKind
		code     []uint32
		distance int64
		want     uint32 // the last instruction, 0 if all is left alone
	}{
		{"behind", slot, []uint32{load, a64Nop}, 8, 0x910020a5},              // add x5, x5, #8
		{"before", slot, []uint32{load, a64Nop}, -8, 0xd10020a5},             // sub x5, x5, #8
		{"pages behind", slot, []uint32{load, a64Nop}, 3 << 12, 0x91400ca5},  // add x5, x5, #3, lsl #12
		{"as far as can be", slot, []uint32{load, a64Nop}, 4095, 0x913ffca5}, // add x5, x5, #4095
		{"too far", slot, []uint32{load, a64Nop}, 4097, 0},                   //
		{"pages too far", slot, []uint32{load, a64Nop}, 1 << 24, 0},          //
		{"not free", slot, []uint32{load, load}, 8, 0},                       //
		{"at the end", slot, []uint32{load}, 8, 0},                           //
		{"of a pair", pair, []uint32{add, call, a64Nop}, 8, 0x91002000},      // add x0, x0, #8
		{"of a pair, not free", pair, []uint32{add, a64Nop, call}, 8, 0},     //
		{"of a pair, no call", pair, []uint32{add, load, a64Nop}, 8, 0},      //
		{"of a pair, at the end", pair, []uint32{add, call}, 8, 0},           //
		{"of a pair, in another register", pair, []uint32{add | 1, call, a64Nop}, 8, 0},
	} {
		code := a64Code(tt.code...)
		ok := arm64{}.displace(tt.kind, site{code: code}, tt.distance)
		want := slices.Clone(tt.code)
		if tt.want != 0 {
			want[len(want)-1] = tt.want
		}
		if ok != (tt.want != 0) || !bytes.Equal(code, a64Code(want...)) {
			t.Errorf("%s: %v, % x", tt.name, ok, code)
		}
	}
	if (x86{}).displace(slot, site{code: a64Code(load, a64Nop)}, 8) {
		t.Error("an access of x86-64 is displaced")
	}
}

// TestArmSlotOfNeighbour: a variable that the original has no slot of is reached by that of another, and the instruction behind.
func TestArmSlotOfNeighbour(t *testing.T) {
	page, load := elf.R_AARCH64_TLSIE_ADR_GOTTPREL_PAGE21, elf.R_AARCH64_TLSIE_LD64_GOTTPREL_LO12_NC
	for _, tt := range []struct {
		name  string
		kind  arch.RelocKind // of the original's slot
		free  uint32
		found bool
	}{
		{"a slot", arch.TLSOffset, a64Nop, true},
		{"a slot, and no room", arch.TLSOffset, a64ADRP, false},
		{"a descriptor", arch.TLSDesc, a64Nop, false},
	} {
		bin := &image{machine: arm64{}, target: &arch.AArch64, kind: linkKind{shared: true}, sections: []OrigSection{{Name: ".got", Addr: 0x20000, Size: 0x20}}}
		r := &tlsReducer{newOutput(bin), &slots{tls: map[tlsKey][]uint64{{kind: tt.kind, offset: 16}: {0x20008}}}}
		r.sections[outText].Data = a64Code(a64ADRP, a64Load, tt.free)
		var err error
		for n, typ := range []elf.R_AARCH64{page, load} {
			p := &spot{out: outText, at: uint64(4 * n), ref: &reference{typ: arch.AArch64.Reloc(uint32(typ)), sym: &elfobj.Symbol{Name: "v"}}}
			err = cmp.Or(err, r.inParts(p, tlsVariable{name: versioned{name: "v"}, offset: 20}))
		}
		e := fault.As(err)
		if (e == nil) != tt.found || e != nil && e.Code != fault.NewTLSSlot {
			t.Errorf("%s: %v", tt.name, err)
		}
		if want := a64Code(a64Load|1<<10, 0x91001000); tt.found && !bytes.Equal(r.sections[outText].Data[4:], want) { // of slot 8 in its page, 4 bytes behind
			t.Errorf("%s: % x", tt.name, r.sections[outText].Data)
		}
	}
}
