package unwind

import (
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// stackAt is memory that begins at an address.
type stackAt struct {
	base uint64
	data []byte
}

func (s stackAt) ReadAt(b []byte, off int64) (int, error) {
	at := uint64(off) - s.base
	if uint64(off) < s.base || at >= uint64(len(s.data)) {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(b, s.data[at:])
	if n < len(b) {
		return n, io.ErrUnexpectedEOF
	}
	return n, nil
}

// words is memory with words at base; it begins at the page boundary below.
func words(base uint64, values ...uint64) stackAt {
	s := stackAt{base: base &^ 4095}
	s.data = make([]byte, base&4095)
	for _, v := range values {
		s.data = binary.LittleEndian.AppendUint64(s.data, v)
	}
	return s
}

// program is a module at bias 0x400000 of functions that keep the CFA at rsp+8, rsp+16 or rbp+16.
func program(t testing.TB) []Module {
	b := &builder{}
	cie := b.cie(1, "z", "", standard...)
	b.fde(cie, 0x1000, 0x100)                         // leaf
	b.fde(cie, 0x1100, 0x100, 0x0e, 16)               // calls with one pushed word
	b.fde(cie, 0x1200, 0x100, 0x07, 16)               // _start: return address undefined
	b.fde(cie, 0x1300, 0x100, 0x0c, 6, 16, 0x86, 2)   // with a frame pointer
	b.fde(cie, 0x1400, 0x100, 0x0c, 6, 0)             // CFA never above
	b.fde(cie, 0x1500, 0x100, 0x3f)                   // a damaged program
	b.fde(cie, 0x1600, 0x100, 0x08, 16)               // return address "unchanged"
	b.fde(cie, 0x1700, 0x100, 0x0f, 3, 0x77, 0, 0x06) // CFA in memory
	b.fde(cie, 0x1800, 0x100, 0x07, 3, 0x0e, 16)      // loses rbx
	b.fde(cie, 0x1900, 0x100, 0x0c, 3, 0)             // needs rbx
	signal := b.cie(1, "zS", "", 0x0f, 3, 0x77, 0, 0x06, 0x10, 16, 2, 0x77, 8)
	b.fde(signal, 0x1aff, 0x10) // begins one byte before the restorer, as glibc's does
	return []Module{{Start: 0x401000, End: 0x402000, Bias: 0x400000, Table: b.table(t)}}
}

func TestWalk(t *testing.T) {
	const sp = 0x7010
	for _, tt := range []struct {
		name     string
		pc, bp   uint64
		stack    []uint64
		pcs, ats []uint64
		complete bool
		why      string
		scan     uint64 // offset from sp
		valid    uint64
	}{
		{
			name: "to the end", pc: 0x401000, stack: []uint64{0x401150, 0, 0x401250}, complete: true,
			pcs: []uint64{0x401000, 0x401150, 0x401250}, ats: []uint64{0x401000, 0x40114f, 0x40124f},
		},
		{
			name: "a call as the last instruction belongs to the caller", pc: 0x401000, stack: []uint64{0x401200, 0, 0x401250}, complete: true,
			pcs: []uint64{0x401000, 0x401200, 0x401250}, ats: []uint64{0x401000, 0x4011ff, 0x40124f},
		},
		{
			name: "a call before a gap", pc: 0x401000, stack: []uint64{0x401a00, 0}, why: "register 3 is not known", valid: 1,
			pcs: []uint64{0x401000, 0x401a00}, ats: []uint64{0x401000, 0x4019ff},
		},
		{
			name: "by frame pointer", pc: 0x401310, bp: sp + 8, stack: []uint64{1, 0x99, 0x401250}, complete: true,
			pcs: []uint64{0x401310, 0x401250}, ats: []uint64{0x401310, 0x40124f},
		},
		{
			name: "below a signal frame the address is exact", pc: 0x401000, complete: true,
			// The restorer's CFA is at [rsp], the interrupted address at [rsp+8]: the first instruction of a function.
			stack: []uint64{0x401b00, sp + 24, 0x401100, 0, 0x401250},
			pcs:   []uint64{0x401000, 0x401b00, 0x401100, 0x401250}, ats: []uint64{0x401000, 0x401b00, 0x401100, 0x40124f},
		},
		{
			name: "code without rules at the start", pc: 0x500000, stack: []uint64{0x401250}, why: "0x500000: no unwind data",
			pcs: []uint64{0x500000}, ats: []uint64{0x500000},
		},
		{
			name: "code without rules further up", pc: 0x401000, stack: []uint64{0x401150, 0, 0x500000}, why: "0x4fffff: no unwind data", scan: 8,
			pcs: []uint64{0x401000, 0x401150, 0x500000}, ats: []uint64{0x401000, 0x40114f, 0x4fffff},
		},
		{
			name: "the stack ends", pc: 0x401000, stack: []uint64{0x401150}, why: "memory at 0x7020 cannot be read",
			pcs: []uint64{0x401000, 0x401150}, ats: []uint64{0x401000, 0x40114f},
		},
		{
			name: "a loop", pc: 0x401400, bp: sp, stack: []uint64{0x401450, 0}, why: "does not go on",
			pcs: []uint64{0x401400}, ats: []uint64{0x401400},
		},
		{
			name: "damaged rules", pc: 0x401000, stack: []uint64{0x401550, 0}, why: "instruction 0x3f",
			pcs: []uint64{0x401000, 0x401550}, ats: []uint64{0x401000, 0x40154f},
		},
		{
			name: "a lost register that is needed", pc: 0x401800, stack: []uint64{0, 0x401950, 0}, why: "register 3 is not known",
			pcs: []uint64{0x401800, 0x401950}, ats: []uint64{0x401800, 0x40194f},
		},
		{
			name: "CFA expression", pc: 0x401700, stack: []uint64{sp + 24, 0, 0x401250}, complete: true,
			pcs: []uint64{0x401700, 0x401250}, ats: []uint64{0x401700, 0x40124f},
		},
		{
			name: "return to 0", pc: 0x401000, stack: []uint64{0}, why: "no unwind data",
			pcs: []uint64{0x401000, 0}, ats: []uint64{0x401000, ^uint64(0)},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			regs := Regs{PC: tt.pc, SP: sp, Valid: AllValid}
			if tt.valid != 0 {
				regs.Valid = tt.valid
			}
			regs.Reg[x86BP] = tt.bp
			got := NewWalker(&x86, program(t)).Walk(words(sp, tt.stack...), regs, 0)
			var pcs, ats []uint64
			for _, f := range got.Frames {
				pcs, ats = append(pcs, f.PC), append(ats, f.At)
			}
			if !slices.Equal(pcs, tt.pcs) || !slices.Equal(ats, tt.ats) {
				t.Errorf("frames %#x at %#x, want %#x at %#x", pcs, ats, tt.pcs, tt.ats)
			}
			if got.Complete != tt.complete || !strings.Contains(got.Why, tt.why) || got.Complete != (got.Why == "") {
				t.Errorf("complete %v: %q, want %v: %q", got.Complete, got.Why, tt.complete, tt.why)
			}
			want := uint64(sp) + tt.scan
			if tt.complete {
				want = 0
			}
			if got.ScanFrom != want {
				t.Errorf("scan from 0x%x, want 0x%x", got.ScanFrom, want)
			}
		})
	}
}

func TestWalkStopsAtDepth(t *testing.T) {
	var stack []uint64
	for range 100 {
		stack = append(stack, 0x401050)
	}
	got := NewWalker(&x86, program(t)).Walk(words(0x7000, stack...), Regs{PC: 0x401000, SP: 0x7000, Valid: AllValid}, 50)
	if len(got.Frames) != 50 || got.Complete || !strings.Contains(got.Why, "more than 50") || got.ScanFrom == 0 {
		t.Errorf("%d frames, %v, %q, scan from 0x%x", len(got.Frames), got.Complete, got.Why, got.ScanFrom)
	}
}

func TestWalkPastRestorerWithoutRules(t *testing.T) {
	const sp, code = 0x7000, 0x600000
	for _, tt := range []struct {
		name, code string
		complete   bool
	}{
		{"mov to rax", "\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05", true},
		{"mov to eax", "\xb8\x0f\x00\x00\x00\x0f\x05\xc3", true},
		{"another system call", "\xb8\x0e\x00\x00\x00\x0f\x05\xc3", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stack := make([]uint64, 40)
			stack[0] = code                                 // the handler returns to the restorer
			context := stack[1:]                            // struct ucontext
			context[5+15], context[5+16] = 0x7100, 0x401100 // rsp and rip of struct sigcontext
			stack[0x100/8+1] = 0x401250                     // return address of what was interrupted
			mem := twoPlaces{words(sp, stack...), stackAt{code, []byte(tt.code)}}
			got := NewWalker(&x86, program(t)).Walk(mem, Regs{PC: 0x401000, SP: sp, Valid: AllValid}, 0)
			if got.Complete != tt.complete {
				t.Fatalf("%+v", got)
			}
			if tt.complete && (!got.Frames[1].Signal || got.Frames[2].At != 0x401100 || len(got.Frames) != 4) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestWalkResumes has a handler in code without rules, on a stack of its own, as a JIT compiler's may be.
func TestWalkResumes(t *testing.T) {
	const alternate, interrupted = 0x7000, 0x90000
	for _, tt := range []struct {
		name   string
		frame  uint64   // what the handler returns to
		stack  []uint64 // that was interrupted, at 0x401150
		frames int
		more   []uint64
	}{
		{"to the end", 0x401b00, []uint64{0, 0x401250}, 4, nil},
		{"to code without rules", 0x401b00, []uint64{0, 0x500000, 1}, 4, []uint64{interrupted}},
		{"no signal frame", 0x401b40, []uint64{0, 0x401250}, 1, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mem := twoPlaces{
				words(alternate, 1, 2, 3, tt.frame, interrupted, 0x401150),
				words(interrupted, tt.stack...),
			}
			got := NewWalker(&x86, program(t)).Walk(mem, Regs{PC: 0x500000, SP: alternate, Valid: AllValid}, 0)
			if got.Complete || got.ScanFrom != alternate || len(got.Frames) != tt.frames || !slices.Equal(got.ScanMore, tt.more) {
				t.Fatalf("got %+v", got)
			}
			for i, f := range got.Frames {
				if f.Exact != (i == 0) {
					t.Errorf("frame %d: %+v", i, f)
				}
			}
			if tt.frames > 1 && got.Frames[2].At != 0x401150 {
				t.Errorf("got %+v", got)
			}
		})
	}
}

type twoPlaces [2]stackAt

func (p twoPlaces) ReadAt(b []byte, off int64) (int, error) {
	if uint64(off) >= p[1].base {
		return p[1].ReadAt(b, off)
	}
	return p[0].ReadAt(b, off)
}

func TestScan(t *testing.T) {
	ranges := []Range{{0x1000, 0x1010}, {0x2000, 0x2005}}
	mem := words(0x7000, 0x1000, 0x1001, 0x1010, 0x1011, 0x2005, 0x1fff)
	for _, tt := range []struct {
		name     string
		from, to uint64
		want     []Hit
		fails    bool
	}{
		{
			name: "start is no return address, end is one", from: 0x7000, to: 0x7030,
			want: []Hit{{0x7008, 0x1001, 0}, {0x7010, 0x1010, 0}, {0x7020, 0x2005, 1}},
		},
		{name: "aligned words only", from: 0x7009, to: 0x7017, want: nil},
		{name: "aligned up", from: 0x7009, to: 0x7018, want: []Hit{{0x7010, 0x1010, 0}}},
		{name: "nothing", from: 0x7010, to: 0x7010},
		{name: "unreadable end is an error", from: 0x7020, to: 0x8000, want: []Hit{{0x7020, 0x2005, 1}}, fails: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := x86.Scan(mem, tt.from, tt.to, ranges)
			if diff := cmp.Diff(tt.want, got); diff != "" || (err != nil) != tt.fails {
				t.Errorf("error %v; -want +got:\n%s", err, diff)
			}
		})
	}
}

func TestScanCrossesBuffers(t *testing.T) {
	values := make([]uint64, 20000)
	values[8191], values[8192], values[19999] = 0x1004, 0x1008, 0x100c
	got, err := x86.Scan(words(0x10000, values...), 0x10000, 0x10000+8*20000, []Range{{0x1000, 0x1010}})
	if err != nil || len(got) != 3 || got[2].Addr != 0x10000+8*19999 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestExpressions(t *testing.T) {
	for _, tt := range []struct {
		name string
		expr []byte
		want uint64
		err  string
	}{
		{name: "PLT entry, first half", expr: []byte{0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22}, want: 0x7008},
		{name: "const1u", expr: []byte{0x08, 0xff}, want: 0xff},
		{name: "const1s", expr: []byte{0x09, 0xff}, want: ^uint64(0)},
		{name: "const2u", expr: []byte{0x0a, 0xfe, 0xff}, want: 0xfffe},
		{name: "const2s", expr: []byte{0x0b, 0xfe, 0xff}, want: ^uint64(1)},
		{name: "const4u", expr: []byte{0x0c, 0xfe, 0xff, 0xff, 0xff}, want: 0xfffffffe},
		{name: "const4s", expr: []byte{0x0d, 0xfe, 0xff, 0xff, 0xff}, want: ^uint64(1)},
		{name: "const8u", expr: []byte{0x0e, 1, 0, 0, 0, 0, 0, 0, 0x80}, want: 0x8000000000000001},
		{name: "constu", expr: []byte{0x10, 0x80, 1}, want: 128},
		{name: "consts", expr: []byte{0x11, 0x80, 0x7f}, want: ^uint64(127)},
		{name: "addr has the bias", expr: []byte{0x03, 1, 0, 0, 0, 0, 0, 0, 0}, want: 0x400001},
		{name: "swap and minus", expr: []byte{0x31, 0x35, 0x16, 0x1c}, want: 4},
		{name: "over and plus", expr: []byte{0x31, 0x32, 0x14, 0x22}, want: 3},
		{name: "pick", expr: []byte{0x31, 0x32, 0x33, 0x15, 2}, want: 1},
		{name: "rot brings the third up", expr: []byte{0x31, 0x32, 0x33, 0x17}, want: 2},
		{name: "dup and mul", expr: []byte{0x37, 0x12, 0x1e}, want: 49},
		{name: "drop", expr: []byte{0x31, 0x32, 0x13}, want: 1},
		{name: "div is signed", expr: []byte{0x11, 0x78, 0x32, 0x1b}, want: ^uint64(3)},
		{name: "mod", expr: []byte{0x37, 0x34, 0x1d}, want: 3},
		{name: "neg, abs, not", expr: []byte{0x31, 0x1f, 0x19, 0x20}, want: ^uint64(1)},
		{name: "shr", expr: []byte{0x11, 0x7f, 0x08, 63, 0x25}, want: 1},
		{name: "shra", expr: []byte{0x11, 0x7f, 0x08, 63, 0x26}, want: ^uint64(0)},
		{name: "shift by 64", expr: []byte{0x31, 0x08, 64, 0x24}, want: 0},
		{name: "or, xor", expr: []byte{0x31, 0x32, 0x21, 0x31, 0x27}, want: 2},
		{name: "plus_uconst", expr: []byte{0x31, 0x23, 0x80, 1}, want: 129},
		{name: "comparison is signed", expr: []byte{0x11, 0x7f, 0x30, 0x2d}, want: 1},
		{name: "eq, ne", expr: []byte{0x31, 0x31, 0x29, 0x31, 0x2e}, want: 0},
		{name: "bra taken", expr: []byte{0x31, 0x31, 0x28, 1, 0, 0x32}, want: 1},
		{name: "bra not taken", expr: []byte{0x31, 0x30, 0x28, 1, 0, 0x32}, want: 2},
		{name: "skip", expr: []byte{0x31, 0x2f, 1, 0, 0x32}, want: 1},
		{name: "bregx", expr: []byte{0x92, 7, 8}, want: 0x7008},
		{name: "deref", expr: []byte{0x77, 0, 0x06}, want: 0x1122334455667788},
		{name: "deref_size", expr: []byte{0x77, 0, 0x94, 2}, want: 0x7788},
		{name: "nop", expr: []byte{0x31, 0x96}, want: 1},
		{name: "endless", expr: []byte{0x2f, 0xfd, 0xff}, err: "does not end"},
		{name: "growing", expr: []byte{0x31, 0x2f, 0xfc, 0xff}, err: "does not end"},
		{name: "empty", expr: nil, err: "empty stack"},
		{name: "too few operands", expr: []byte{0x31, 0x22}, err: "empty stack"},
		{name: "jump out", expr: []byte{0x2f, 0x00, 0x80}, err: "jump out"},
		{name: "division by zero", expr: []byte{0x31, 0x30, 0x1b}, err: "division by zero"},
		{name: "modulo zero", expr: []byte{0x31, 0x30, 0x1d}, err: "division by zero"},
		{name: "unreadable", expr: []byte{0x30, 0x06}, err: "cannot be read"},
		{name: "deref of 9 bytes", expr: []byte{0x77, 0, 0x94, 9}, err: "9 bytes"},
		{name: "vector register", expr: []byte{0x92, 17, 0}, err: "register 17"},
		{name: "unknown operation", expr: []byte{0xf0}, err: "0xf0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &state{bias: 0x400000, mem: newMemory(words(0x7000, 0x1122334455667788), make([]byte, chunkSize))}
			s.set(x86SP, 0x7000)
			s.set(x86PC, 0x401004)
			got, err := s.eval(tt.expr)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%#x, %v; want %q", got, err, tt.err)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Errorf("%#x, %v; want %#x", got, err, tt.want)
			}
		})
	}
}
