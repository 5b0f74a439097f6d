package link

import (
	"debug/elf"
	"encoding/binary"
	"testing"

	"gocare/engine/inspect"
	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/kpname"
	"gocare/kpatch"
)

const (
	paciasp = 0xd503233f
	btiC    = 0xd503245f
	autiasp = 0xd50323bf
	nop     = 0xd503201f
	ret     = 0xd65f03c0
)

// a64Object is an object whose functions, at textAddr+0x20 and +0x28, begin with an instruction; checked: the processor checks indirect calls to it.
func a64Object(t *testing.T, first uint32, checked bool) *inspect.Object {
	features := uint32(2) // PAC
	if checked {
		features |= 1 // and BTI
	}
	return a64ObjectWith(t, first, features)
}

// a64ObjectWith is the same with a mask of features: 1 for BTI, 2 for PAC, 4 for GCS.
func a64ObjectWith(t *testing.T, first, features uint32) *inspect.Object {
	t.Helper()
	le := binary.LittleEndian
	const notesAt, codeAt = 64 + 2*56, 64 + 2*56 + 32
	b := make([]byte, codeAt+0x100)
	copy(b, "\x7fELF\x02\x01\x01")
	le.PutUint16(b[16:], uint16(elf.ET_DYN))
	le.PutUint16(b[18:], uint16(elf.EM_AARCH64))
	le.PutUint32(b[20:], 1)
	le.PutUint64(b[32:], 64)
	le.PutUint16(b[52:], 64)
	le.PutUint16(b[54:], 56)
	le.PutUint16(b[56:], 2)
	segment := func(at int, typ elf.ProgType, offset, addr, size uint64) {
		le.PutUint32(b[at:], uint32(typ))
		le.PutUint64(b[at+8:], offset)
		le.PutUint64(b[at+16:], addr)
		le.PutUint64(b[at+32:], size)
		le.PutUint64(b[at+40:], size)
		le.PutUint64(b[at+48:], 8)
	}
	segment(64, elf.PT_LOAD, codeAt, textAddr, 0x100)
	segment(64+56, elf.PT_NOTE, notesAt, 0, 32)
	for i, v := range []uint32{4, 16, 5, 0x00554e47, 0xc0000000, 4, features, 0} { // GNU, features
		le.PutUint32(b[notesAt+4*i:], v)
	}
	le.PutUint32(b[codeAt+0x20:], first)
	le.PutUint32(b[codeAt+0x24:], ret)
	le.PutUint32(b[codeAt+0x28:], first)
	f, err := elfobj.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if f.ChecksBranches() != (features&1 != 0) || f.ChecksReturns() != (features&4 != 0) {
		t.Fatalf("features %#x: %v, %v", features, f.ChecksBranches(), f.ChecksReturns())
	}
	return &inspect.Object{Name: "prog", Bias: bias, ELF: f}
}

// a64Sample is a patch of the function at textAddr+0x20, whose replacement begins with one instruction behind another.
func a64Sample(t *testing.T, before, first uint32) *kpatch.Patch {
	t.Helper()
	text := make([]byte, 36)
	binary.LittleEndian.PutUint32(text, before)
	binary.LittleEndian.PutUint32(text[4:], first)
	data, err := kpatch.Encode(&kpatch.Patch{
		ID: "0001", BuildID: "00112233445566778899aabbccddeeff00112233", Machine: &arch.AArch64,
		Sections: []kpatch.Section{
			{},
			{Name: kpname.Text, Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Size: 36, Align: 16, Data: text},
			{Name: ".text", Type: elf.SHT_NOBITS, Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Addr: textAddr, Size: 0x100, Align: 16},
		},
		Symbols:   []kpatch.Symbol{{}},
		Functions: []kpatch.Function{{Name: "f", Old: kpatch.Location{Section: 2, Offset: 0x20}, New: kpatch.Location{Section: 1, Offset: 4}, OldSize: 16, NewSize: 32}},
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := kpatch.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestLandingPad: a hook leaves what code is called at through pointers, and says where it is.
func TestLandingPad(t *testing.T) {
	for _, tt := range []struct {
		name             string
		old, replacement uint32
		before           uint32 // in front of the replacement
		checked, refused bool
		keepOld, keepNew int
		put              uint32 // what is before then
	}{
		{"bti c", btiC, btiC, nop, true, false, 4, 0, nop},
		{"bti c, not checked", btiC, ret, nop, false, false, 4, 0, nop},
		{"both sign", paciasp, paciasp, nop, true, false, 4, 4, nop},
		{"the old one signs, not checked", paciasp, ret, nop, false, false, 0, 0, nop},
		{"the old one signs", paciasp, ret, nop, true, false, 4, -4, autiasp},
		{"the old one signs, and there is no room", paciasp, ret, ret, true, true, 0, 0, ret},
		{"the new one signs", ret, paciasp, nop, true, false, 0, 0, nop},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := a64Sample(t, tt.before, tt.replacement)
			image, err := Place(p, a64Object(t, tt.old, tt.checked), p.Machine, base, resolve)
			if tt.refused {
				if e := fault.As(err); e == nil || e.Code != "landing-pad" {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			text := uint64(base) + elfOffset + section(t, p, kpname.Text).Offset + 4
			want := Function{
				Name: "f", Old: bias + textAddr + 0x20 + inspect.Addr(tt.keepOld), New: inspect.Addr(text) + inspect.Addr(tt.keepNew),
				OldSize: uint32(16 - tt.keepOld), NewSize: uint32(32 - tt.keepNew),
			}
			if image.Functions[0] != want {
				t.Errorf("got %+v, want %+v", image.Functions[0], want)
			}
			info := image.Bytes[image.Layout.UserInfo:]
			if binary.LittleEndian.Uint64(info) != uint64(want.Old) || binary.LittleEndian.Uint32(info[16:]) != want.OldSize {
				t.Errorf("the image says 0x%x, %d bytes", binary.LittleEndian.Uint64(info), binary.LittleEndian.Uint32(info[16:]))
			}
			if got := binary.LittleEndian.Uint32(image.Bytes[text-4-uint64(base):]); got != tt.put {
				t.Errorf("in front of the replacement is %#x", got)
			}
		})
	}
}

// TestLandingPadInFunction: what is in front of a replacement may belong to another function.
func TestLandingPadInFunction(t *testing.T) {
	p := a64Sample(t, nop, ret)
	p.Functions = append(p.Functions, kpatch.Function{Name: "other", New: kpatch.Location{Section: 1}, NewSize: 4})
	data, err := kpatch.Encode(p)
	if err == nil {
		p, err = kpatch.Decode(data)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Place(p, a64Object(t, paciasp, true), p.Machine, base, resolve); fault.As(err) == nil || fault.As(err).Code != fault.LandingPad {
		t.Errorf("got %v", err)
	}
}
