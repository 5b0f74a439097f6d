package arch

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"
)

// TestA64Fields compares what is stored with instructions as GNU as 2.40 writes them.
func TestA64Fields(t *testing.T) {
	for _, tt := range []struct {
		name        string
		typ         uint32
		before      uint32
		value, back uint64
		want        uint32
	}{
		{"bl forwards", 283, 0x94000000, 0x1000, 0x1000, 0x94000400},
		{"b back", 282, 0x14000000, minus(4), minus(4), 0x17ffffff},
		{"b as far back as it goes", 282, 0x14000000, minus(1 << 27), minus(1 << 27), 0x16000000},
		{"b.eq", 280, 0x54000000, minus(8), minus(8), 0x54ffffc0},
		{"tbz x3, 7", 279, 0x36380003, 0x20, 0x20, 0x36380103},
		{"adr x5", 274, 0x10000005, 0x1003, 0x1003, 0x70008005},
		{"adr x5 back", 274, 0x10000005, minus(1), minus(1), 0x70ffffe5},
		{"ldr x2, literal", 273, 0x58000002, 0x40, 0x40, 0x58000202},
		{"adrp x1", 275, 0x90000001, 0x12345000, 0x12345000, 0xb0091a21},
		{"adrp x1 back", 275, 0x90000001, minus(0x1000), minus(0x1000), 0xf0ffffe1},
		{"add x1, x1, :lo12:", 277, 0x91000021, 0x12345678, 0x678, 0x9119e021},
		{"ldrb", 278, 0x39400020, 0xabc, 0xabc, 0x396af020},
		{"ldrh", 284, 0x79400020, 0xabc, 0xabc, 0x79557820},
		{"ldr w", 285, 0xb9400020, 0xabc, 0xabc, 0xb94abc20},
		{"ldr x", 286, 0xf9400020, 0xab8, 0xab8, 0xf9455c20},
		{"ldr q", 299, 0x3dc00020, 0xab0, 0xab0, 0x3dc2ac20},
		{"what was there goes", 277, 0x913ffc21, 0, 0, 0x91000021},
		{"movz g1", 265, 0xd2a00000, 0x12345678, 0x12340000, 0xd2a24680},
		{"movk g3", 269, 0xf2e00000, 0x8765 << 48, 0x8765 << 48, 0xf2f0eca0},
		{"movz for a positive value", 270, 0x92800000, 5, 5, 0xd28000a0},
		{"movn for a negative value", 270, 0xd2800000, minus(5), minus(5), 0x92800080},
		{"tprel hi12", 549, 0x91400000, 0x123456, 0x123000, 0x91448c00},
		{"got slot from its page", 313, 0xf9400000, 0x7ff8, 0x7ff8, 0xf97ffc00},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := AArch64.Reloc(tt.typ)
			if !r.Fits(tt.value) {
				t.Errorf("0x%x does not fit %s", tt.value, r)
			}
			b := binary.LittleEndian.AppendUint32(nil, tt.before)
			r.Store(b, tt.value)
			if got := binary.LittleEndian.Uint32(b); got != tt.want {
				t.Errorf("stored 0x%08x, want 0x%08x", got, tt.want)
			}
			if got := r.Load(b); got != tt.back {
				t.Errorf("loaded 0x%x, want 0x%x", got, tt.back)
			}
		})
	}
}

func TestA64Ranges(t *testing.T) {
	for _, tt := range []struct {
		name string
		typ  uint32
		fits []uint64
		not  []uint64
	}{
		{"call", 283, []uint64{1<<27 - 4, minus(1 << 27)}, []uint64{1 << 27, minus(1<<27 + 4), 2}},
		{"conditional", 280, []uint64{1<<20 - 4, minus(1 << 20)}, []uint64{1 << 20, 1}},
		{"test and branch", 279, []uint64{1<<15 - 4, minus(1 << 15)}, []uint64{1 << 15, 3}},
		{"adr", 274, []uint64{1<<20 - 1, minus(1 << 20)}, []uint64{1 << 20}},
		{"adrp", 275, []uint64{1<<32 - 1<<12, minus(1 << 32)}, []uint64{1 << 32, 1 << 63}},
		{"lo12 of a word", 285, []uint64{0, 1<<40 | 4}, []uint64{2, 0x1001}},
		{"lo12 of a byte", 278, []uint64{1, ^uint64(0)}, nil},
		{"movw g0", 263, []uint64{0xffff}, []uint64{0x10000, ^uint64(0)}},
		{"movw g0, cut", 264, []uint64{0x10000, ^uint64(0)}, nil},
		{"movw g3", 269, []uint64{^uint64(0)}, nil},
		{"movw g0, signed", 270, []uint64{0xffff, minus(0x10000)}, []uint64{0x10000, minus(0x10001)}},
		{"tprel hi12", 549, []uint64{1<<24 - 1}, []uint64{1 << 24, ^uint64(0)}},
		{"tprel of a word", 556, []uint64{0xffc}, []uint64{0x1000, 2}},
		{"got slot from its page", 313, []uint64{0x7ff8}, []uint64{0x8000, 4}},
		{"32 bits of either sign", 258, []uint64{1<<32 - 1, minus(1 << 31)}, []uint64{1 << 32, minus(1<<31 + 1)}},
		{"all of 64 bits", 257, []uint64{^uint64(0), 1 << 63}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := AArch64.Reloc(tt.typ)
			for _, v := range tt.fits {
				if !r.Fits(v) {
					t.Errorf("0x%x does not fit %s", v, r)
				}
			}
			for _, v := range tt.not {
				if r.Fits(v) {
					t.Errorf("0x%x fits %s", v, r)
				}
			}
		})
	}
}

func TestA64Value(t *testing.T) {
	for typ, want := range map[uint32]uint64{
		275: 0x1000, // ADRP: from the page of the one to that of the other
		283: 0x0304, // CALL26
		277: 0x1203, // ADD, which cuts
		257: 0x1203, // ABS64
		261: 0x0304, // PREL32
		313: 0x1203, // the caller subtracts the page of the GOT
		999: 0x1203, // unknown
	} {
		if got := AArch64.Reloc(typ).Value(0x1203, 0xeff); got != want {
			t.Errorf("%s: 0x%x, want 0x%x", AArch64.Reloc(typ), got, want)
		}
	}
}

// TestA64RelocNames makes sure that every row is of a type that has a name, and that no number has two rows.
func TestA64RelocNames(t *testing.T) {
	seen := map[uint32]bool{}
	for _, r := range a64Relocs {
		if name := AArch64.Reloc(r.Number).Name; len(name) < 10 || name[:10] != "R_AARCH64_" || seen[r.Number] {
			t.Errorf("%d: %s, twice: %v", r.Number, name, seen[r.Number])
		}
		seen[r.Number] = true
	}
	for _, k := range []RelocKind{Abs64, PC32, Call, Jump, PagePC, PageOffset, GlobDat, TLSLocalExec, TLSDesc, Relative} {
		if AArch64.RelocOf(k).Kind != k {
			t.Errorf("no type of kind %d", k)
		}
	}
	if n := elf.R_AARCH64_CALL26; AArch64.Reloc(uint32(n)).String() != n.String() {
		t.Error("CALL26 has another name")
	}
}

func TestA64Hook(t *testing.T) {
	for _, tt := range []struct {
		name     string
		from, to uint64
		want     []byte
	}{
		{"forwards", 0x1000, 0x1100, a64(0x14000040)},
		{"backwards", 0x1000, 0xffc, a64(0x17ffffff)},
		{"as far as it goes", 0x1000, 0x1000 + 1<<27 - 4, a64(0x15ffffff)},
		{"too far", 0x1000, 0x1000 + 1<<27, nil},
		{"as far back as it goes", 1 << 32, 1<<32 - 1<<27, a64(0x16000000)},
		{"too far back", 1 << 32, 1<<32 - 1<<27 - 4, nil},
		{"no instruction there", 0x1000, 0x1102, nil},
	} {
		got, ok := AArch64.Hook(tt.from, tt.to)
		if !bytes.Equal(got, tt.want) || ok != (tt.want != nil) {
			t.Errorf("%s: % x, %v", tt.name, got, ok)
		}
	}
	if len(AArch64.Stub) != 8 || AArch64.UndoSize < AArch64.HookSize {
		t.Errorf("a stub of %d bytes, %d saved for a hook of %d", len(AArch64.Stub), AArch64.UndoSize, AArch64.HookSize)
	}
}

// TestA64FarHook: adrp and add lead to any byte of a page that is at most 4 GiB away.
func TestA64FarHook(t *testing.T) {
	far := AArch64.WithFarHooks()
	for _, tt := range []struct {
		name     string
		from, to uint64
		want     []byte
	}{
		{"to the same page", 0x1004, 0x1ffc, a64(0x90000010, 0x913ff210, 0xd61f0200)},
		{"forwards", 0x1ffc, 0x3008, a64(0xd0000010, 0x91002210, 0xd61f0200)},
		{"backwards", 0x3000, 0x2ffc, a64(0xf0fffff0, 0x913ff210, 0xd61f0200)},
		{"as far as it goes", 0x1ffc, 0x100000ffc, a64(0xf07ffff0, 0x913ff210, 0xd61f0200)},
		{"too far", 0x1ffc, 0x100001000, nil},
		{"as far back as it goes", 0x100000ffc, 0, a64(0x90800010, 0x91000210, 0xd61f0200)},
		{"too far back", 0x100001000, 0, nil},
		{"no instruction there", 0x1000, 0x1102, nil},
	} {
		got, ok := far.Hook(tt.from, tt.to)
		if !bytes.Equal(got, tt.want) || ok != (tt.want != nil) {
			t.Errorf("%s: % x, %v, want % x", tt.name, got, ok, tt.want)
		}
	}
	if far.HookSize != 12 || far.UndoSize != 12 || far.Reach != AArch64.DataReach || !far.FarHooks || far.WithFarHooks() != nil {
		t.Errorf("got %+v", far)
	}
	if AArch64.FarHooks || AArch64.HookSize != 4 || X86_64.WithFarHooks() != nil {
		t.Error("the target itself is another, or x86-64 has such hooks")
	}
}

func TestA64Leads(t *testing.T) {
	const at, none = 0x1000, 0
	for _, tt := range []struct {
		name string
		code uint32
		want uint64
	}{
		{"b", 0x14000002, at + 8},
		{"bl, back", 0x97fffffe, at - 8},
		{"b.eq", 0x54000040, at + 8},
		{"cbz w3", 0x34000043, at + 8},
		{"cbnz x3, back", 0xb5ffffc3, at - 8},
		{"tbz w3, #1", 0x36080043, at + 8},
		{"tbnz x3, #33, back", 0xb70fffc3, at - 8},
		{"ret", 0xd65f03c0, none},
		{"br x16", 0xd61f0200, none},
		{"adr x0", 0x10000040, none},
		{"ldr x0, by its distance", 0x58000040, none},
	} {
		to, ok := AArch64.Leads(at, a64(tt.code))
		if ok != (tt.want != none) || ok && to != tt.want {
			t.Errorf("%s: %#x, %v", tt.name, to, ok)
		}
	}
	if _, ok := AArch64.Leads(at, a64(0x14000002)[:3]); ok {
		t.Error("a part of an instruction leads somewhere")
	}
	if _, ok := X86_64.Leads(at, []byte{0xe9, 0, 0, 0, 0}); ok {
		t.Error("x86-64 needs none of it")
	}
}

func TestA64Lands(t *testing.T) {
	for code, want := range map[uint32]bool{
		0xd503245f: true, 0xd503249f: true, 0xd50324df: true, 0xd503233f: true, 0xd503237f: true, // bti c, j, jc; paciasp, pacibsp
		0xd503241f: false, 0xd503201f: false, 0xa9bf7bfd: false, // bti without a target, nop, stp
	} {
		if AArch64.Lands(a64(code)) != want {
			t.Errorf("%#x", code)
		}
	}
	if AArch64.Lands(nil) || !X86_64.Lands(nil) {
		t.Error("where nothing is, a jump lands; or x86-64 looks")
	}
}

func TestA64Unload(t *testing.T) {
	for _, tt := range []struct {
		name      string
		code      []byte
		want      []byte
		unchanged bool
	}{
		{"ldr x3, [x5, #8]", a64(0xf94004a3), a64(0x910000a3), false},
		{"ldr w3, [x5, #8]", a64(0xb94008a3), a64(0xb94008a3), true},
		{"str x3, [x5, #8]", a64(0xf90004a3), a64(0xf90004a3), true},
		{"ldr d3, [x5, #8]", a64(0xfd4004a3), a64(0xfd4004a3), true},
	} {
		typ, ok := AArch64.Unload(tt.code)
		if ok == tt.unchanged || !bytes.Equal(tt.code, tt.want) || ok && typ.Number != uint32(elf.R_AARCH64_ADD_ABS_LO12_NC) {
			t.Errorf("%s: % x, %v, %v", tt.name, tt.code, typ, ok)
		}
	}
	if _, ok := X86_64.Unload([]byte{0x48, 0x8b, 0x05, 0, 0, 0, 0}); ok {
		t.Error("x86-64 has no such pair of instructions")
	}
}

func TestA64Padding(t *testing.T) {
	for _, tt := range []struct {
		name string
		code []byte
		want int
	}{
		{"nops, traps and zeros", a64(0xd503201f, 0xd4200000, 0xd4207d00, 0, 0xd65f03c0), 16},
		{"a nop that is cut", a64(0xd503201f)[:3], 0},
		{"the start of a function that may be called through a pointer", a64(0xd503245f), 0},
		{"a hint to other threads", a64(0xd503203f), 0},
		{"nothing", nil, 0},
	} {
		if got := AArch64.Padding(tt.code); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func minus(n uint64) uint64 { return -n }

func TestA64Landing(t *testing.T) {
	const btiC, btiJC, paciasp, pacibsp, autiasp, autibsp, stp, ret = 0xd503245f, 0xd50324df, 0xd503233f, 0xd503237f, 0xd50323bf, 0xd50323ff, 0xa9bf7bfd, 0xd65f03c0
	for _, tt := range []struct {
		name             string
		old, replacement uint32
		keepOld, keepNew int
		undo             []byte
	}{
		{"bti c", btiC, btiC, 4, 0, nil},
		{"bti jc, and nothing", btiJC, stp, 4, 0, nil},
		{"both sign", paciasp, paciasp, 4, 4, nil},
		{"both sign with key B", pacibsp, pacibsp, 4, 4, nil},
		{"another key", paciasp, pacibsp, 4, 0, a64(autiasp)},
		{"the old one alone signs", paciasp, ret, 4, 0, a64(autiasp)},
		{"the old one alone signs with key B", pacibsp, btiC, 4, 0, a64(autibsp)},
		{"the new one alone signs", stp, paciasp, 0, 0, nil},
		{"a hint to other threads", 0xd503203f, paciasp, 0, 0, nil},
	} {
		keepOld, keepNew, undo := AArch64.Landing(a64(tt.old, ret), a64(tt.replacement, ret))
		if keepOld != tt.keepOld || keepNew != tt.keepNew || !bytes.Equal(undo, tt.undo) {
			t.Errorf("%s: %d, %d, % x", tt.name, keepOld, keepNew, undo)
		}
	}
	if o, n, undo := X86_64.Landing([]byte{0xf3, 0x0f, 0x1e, 0xfa}, nil); o != 0 || n != 0 || undo != nil {
		t.Errorf("x86-64: %d, %d, % x", o, n, undo)
	}
}
