package unwind

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// a64Program is a module at bias 0x400000: a leaf, a function that has pushed x29 and x30 (signed), one that never returns, and one whose
// table says nothing of its return address though it calls.
func a64Program(t testing.TB) []Module {
	b := &builder{ra: a64LR}
	cie := b.cie(1, "z", "", 0x0c, a64SP, 0)
	b.fde(cie, 0x1000, 0x100)                                          // leaf: CFA is sp, the return address in x30
	b.fde(cie, 0x1100, 0x100, 0x2d, 0x0e, 16, 0x9d, 2, 0x9e, 1)        // paciasp; stp x29, x30, [sp, -16]!
	b.fde(cie, 0x1200, 0x100, 0x07, a64LR)                             // _start
	b.fde(cie, 0x1300, 0x100, 0x0e, 16)                                // keeps no return address
	b.fde(cie, 0x1400, 0x100, 0x0e, 32, 0x9d, 4, 0x9e, 3, 0x05, 72, 2) // and d8, a vector register
	return []Module{{Start: 0x401000, End: 0x402000, Bias: 0x400000, Table: b.table(t)}}
}

func TestA64Walk(t *testing.T) {
	const sp, end, signature = 0x7ff0, 1 << 48, 0x2a << 48
	for _, tt := range []struct {
		name     string
		pc, lr   uint64
		stack    []uint64
		pcs      []uint64
		complete bool
		scan     uint64
	}{
		{"a leaf", 0x401010, 0x401250, nil, []uint64{0x401010, 0x401250}, true, 0},
		{"a leaf with a signed return address", 0x401010, 0x401250 | signature, nil, []uint64{0x401010, 0x401250}, true, 0},
		{"a frame with a signed return address", 0x401150, 0, []uint64{0, 0x401250 | signature}, []uint64{0x401150, 0x401250}, true, 0},
		{"a leaf of a frame", 0x401010, 0x401150, []uint64{0, 0x401450, 0, 0x401250, 0, 0}, []uint64{0x401010, 0x401150, 0x401450, 0x401250}, true, 0},
		{"a leaf that calls", 0x401010, 0x401090, nil, []uint64{0x401010, 0x401090}, false, sp},
		{"a frame that keeps nothing", 0x401150, 0, []uint64{0, 0x401350, 0, 0}, []uint64{0x401150, 0x401350}, false, sp},
		{"no rules: the register may hold where it returns", 0x500000, 0x401150, nil, []uint64{0x500000, 0x401150}, false, sp},
	} {
		t.Run(tt.name, func(t *testing.T) {
			regs := Regs{PC: tt.pc, SP: sp, Valid: AllValid}
			regs.Reg[a64LR] = tt.lr
			got := NewWalker(a64.Within(end), a64Program(t)).Walk(words(sp, tt.stack...), regs, 0)
			var pcs []uint64
			for _, f := range got.Frames {
				pcs = append(pcs, f.PC)
			}
			if diff := cmp.Diff(tt.pcs, pcs); diff != "" || got.Complete != tt.complete || got.ScanFrom != tt.scan {
				t.Errorf("complete %v (%s), from 0x%x; frames (-want +got):\n%s", got.Complete, got.Why, got.ScanFrom, diff)
			}
		})
	}
}

func TestA64Scan(t *testing.T) {
	mem := words(0x7000, 0x401150|0x55<<48, 0x401150|1<<40, 7)
	got, err := a64.Within(1<<39).Scan(mem, 0x7000, 0x7018, []Range{{0x401100, 0x401200}})
	want := []Hit{{Addr: 0x7000, Value: 0x401150}, {Addr: 0x7008, Value: 0x401150}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	got, _ = a64.Within(1<<48).Scan(mem, 0x7000, 0x7018, []Range{{0x401100, 0x401200}})
	if diff := cmp.Diff(want[:1], got); diff != "" {
		t.Errorf("addresses of 48 bits (-want +got):\n%s", diff)
	}
}

func TestA64SignalFrame(t *testing.T) {
	const sp, frame = 0x7000, 128 + 176
	stack := make([]byte, 4096)
	put := func(at int, v uint64) { binary.LittleEndian.PutUint64(stack[at:], v) }
	put(frame+8+8*a64LR, 0x401250)
	put(frame+8+8*a64SP, sp+2048)
	put(frame+8+8*a64PC, 0x401010)
	code := append([]byte{}, a64.restorers[0]...)
	mem := twoMemories{stackAt{sp, stack}, stackAt{0x900000, code}}
	got := NewWalker(&a64, a64Program(t)).Walk(mem, Regs{PC: 0x900000, SP: sp, Valid: AllValid}, 0)
	if !got.Complete || len(got.Frames) != 3 || !got.Frames[0].Signal || got.Frames[1].PC != 0x401010 || got.Frames[1].SP != sp+2048 {
		t.Errorf("got %+v", got)
	}
}

// twoMemories reads from the second where the first has nothing.
type twoMemories [2]stackAt

func (m twoMemories) ReadAt(b []byte, off int64) (int, error) {
	if n, err := m[0].ReadAt(b, off); n > 0 {
		return n, err
	}
	return m[1].ReadAt(b, off)
}

func TestA64Contexts(t *testing.T) {
	const base, secret, stack, code = 0x10000, 0x1234567890abcdef, 0x7000, 0x401150
	data := make([]byte, 4096)
	put := func(at int, v uint64) { binary.LittleEndian.PutUint64(data[at:], v) }
	put(64+88, code^secret) // a jmp_buf
	put(64+104, stack^secret)
	put(64, 19)
	const context = 1024 // a ucontext_t
	put(context+176+288, 528<<32|0x46508001)
	put(context+184+8*31, stack)
	put(context+184+8*32, code)
	put(context+184+8*1, 0x401250)
	likely := func(sp, pc uint64) bool { return sp == stack && pc == code }
	found, err := a64.Contexts(stackAt{base, data}, base, base+4096, secret, likely)
	if err != nil || len(found) != 2 || found[0].Addr != base+64 || found[1].Addr != base+context {
		t.Fatalf("%v, %+v", err, found)
	}
	regs, err := found[0].Regs(data[64:64+found[0].Size()], secret, likely)
	if err != nil || regs.PC != code || regs.SP != stack || regs.Reg[19] != 19 || regs.Reg[a64LR] != code {
		t.Errorf("jmp_buf: %v, %+v", err, regs)
	}
	if _, err := found[1].Regs(data[context:context+found[1].Size()], secret, likely); err != nil {
		t.Errorf("ucontext_t: %v", err)
	}
	regs = Regs{PC: code, Valid: 2, Reg: [maxRegs]uint64{1: 0x401250}}
	swap := []byte{0x1f, 0x20, 0x03, 0xd5, 0xfe, 0x03, 0x01, 0xaa, 0xc0, 0x03, 0x5f, 0xd6} // nop; mov x30, x1; ret
	for i, want := range []bool{true, false} {
		if to, ok := a64.resumed(stackAt{code, swap[8*i:]}, regs); ok != want || ok && to != 0x401250 {
			t.Errorf("%x: 0x%x, %v", swap[8*i:], to, ok)
		}
	}
}

func TestA64Calls(t *testing.T) {
	for code, want := range map[uint32]bool{
		0x94000010: true,  // bl
		0xd63f0100: true,  // blr x8
		0xd73f0909: true,  // blraa x8, x9
		0xd63f091f: true,  // blraaz x8
		0x14000010: false, // b
		0xd61f0100: false, // br x8
		0xd65f03c0: false, // ret
	} {
		b := binary.LittleEndian.AppendUint32(nil, code)
		if got := a64.ReturnsTo(bytes.NewReader(b), 4); got != want {
			t.Errorf("0x%08x: %v", code, got)
		}
	}
}
