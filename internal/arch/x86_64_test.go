package arch

import (
	"bytes"
	"debug/elf"
	"math"
	"testing"
)

func TestByMachine(t *testing.T) {
	if got, ok := ByMachine(elf.EM_X86_64); !ok || got != &X86_64 {
		t.Errorf("EM_X86_64: %v, %v", got, ok)
	}
	if got, ok := ByMachine(elf.EM_AARCH64); !ok || got != &AArch64 {
		t.Errorf("EM_AARCH64: %v, %v", got, ok)
	}
	if got, ok := ByMachine(elf.EM_386); ok {
		t.Errorf("EM_386: %v", got)
	}
}

func TestX86Reloc(t *testing.T) {
	tests := []struct {
		typ     elf.R_X86_64
		kind    RelocKind
		width   uint64
		fromPC  bool
		tls     bool
		fits    []uint64
		rejects []uint64
	}{
		{typ: elf.R_X86_64_NONE, kind: None},
		{typ: elf.R_X86_64_64, kind: Abs64, width: 8, fits: []uint64{0, 1 << 63, math.MaxUint64}},
		{typ: elf.R_X86_64_32, kind: Abs32, width: 4, fits: []uint64{0, math.MaxUint32}, rejects: []uint64{1 << 32, math.MaxUint64}},
		{typ: elf.R_X86_64_32S, kind: Abs32S, width: 4, fits: []uint64{math.MaxInt32, math.MaxUint64}, rejects: []uint64{1 << 31, 1 << 32}},
		{typ: elf.R_X86_64_PC32, kind: PC32, width: 4, fromPC: true, fits: []uint64{math.MaxUint64 - 1<<31 + 1}, rejects: []uint64{math.MaxUint64 - 1<<31}},
		{typ: elf.R_X86_64_PLT32, kind: Call, width: 4, fromPC: true},
		{typ: elf.R_X86_64_REX_GOTPCRELX, kind: GOTLoadRelax, width: 4, fromPC: true},
		{typ: elf.R_X86_64_GLOB_DAT, kind: GlobDat, width: 8, fits: []uint64{math.MaxUint64}},
		{typ: elf.R_X86_64_TPOFF32, kind: TLSLocalExec, width: 4, tls: true},
		{typ: elf.R_X86_64_TLSDESC, kind: TLSDesc, width: 16, tls: true},
		{typ: elf.R_X86_64_PC16, width: 2, fromPC: true, fits: []uint64{math.MaxInt16}, rejects: []uint64{1 << 15}},
		{typ: elf.R_X86_64_COPY, kind: Copy},
		{typ: 99, kind: Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.typ.String(), func(t *testing.T) {
			r := X86_64.Reloc(uint32(tt.typ))
			if r.Number != uint32(tt.typ) || r.String() != tt.typ.String() {
				t.Errorf("number %d, name %s", r.Number, r)
			}
			if r.Kind != tt.kind || r.Width != tt.width || r.FromPC != tt.fromPC || r.Kind.TLS() != tt.tls {
				t.Errorf("got %+v", r)
			}
			for _, v := range tt.fits {
				if !r.Fits(v) {
					t.Errorf("0x%x does not fit", v)
				}
			}
			for _, v := range tt.rejects {
				if r.Fits(v) {
					t.Errorf("0x%x fits", v)
				}
			}
		})
	}
}

// TestX86RelocOf makes sure that every kind has one type, and that the type is of that kind.
func TestX86RelocOf(t *testing.T) {
	for k := None; k <= TLSDesc; k++ {
		if k >= PC64 && k <= GOTOffset {
			continue // of machines whose instructions hold an address in parts
		}
		if r := X86_64.RelocOf(k); r.Kind != k || r.Name == "" {
			t.Errorf("kind %d: %+v", k, r)
		}
	}
}

func TestX86RelocField(t *testing.T) {
	tests := []struct {
		typ   elf.R_X86_64
		value uint64
		want  []byte
	}{
		{elf.R_X86_64_64, 0x8877665544332211, []byte{0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0xff}},
		{elf.R_X86_64_32, 0xfffffffe, []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{elf.R_X86_64_PC32, math.MaxUint64 - 1, []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{elf.R_X86_64_PC32, 5, []byte{5, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{elf.R_X86_64_NONE, 0, bytes.Repeat([]byte{0xff}, 9)},
	}
	for _, tt := range tests {
		r, b := X86_64.Reloc(uint32(tt.typ)), bytes.Repeat([]byte{0xff}, 9)
		if r.Store(b, tt.value); !bytes.Equal(b, tt.want) {
			t.Errorf("%v of 0x%x: % x", r, tt.value, b)
		}
		if got := r.Load(b); got != tt.value {
			t.Errorf("%v: stored 0x%x, loaded 0x%x", r, tt.value, got)
		}
	}
}

func TestX86Hook(t *testing.T) {
	tests := []struct {
		name     string
		from, to uint64
		want     []byte
	}{
		{"forwards", 0x1000, 0x1105, []byte{0xe9, 0x00, 0x01, 0x00, 0x00}},
		{"backwards", 0x1000, 0x1000, []byte{0xe9, 0xfb, 0xff, 0xff, 0xff}},
		{"as far as it goes", 0x1000, 0x1005 + 1<<31 - 1, []byte{0xe9, 0xff, 0xff, 0xff, 0x7f}},
		{"too far", 0x1000, 0x1005 + 1<<31, nil},
		{"too far back", 1 << 32, 1<<32 + 4 - 1<<31, nil},
	}
	for _, tt := range tests {
		got, ok := X86_64.Hook(tt.from, tt.to)
		if !bytes.Equal(got, tt.want) || ok != (tt.want != nil) {
			t.Errorf("%s: % x, %v", tt.name, got, ok)
		}
	}
	if len(X86_64.Stub) != 8 || X86_64.UndoSize < X86_64.HookSize {
		t.Errorf("a stub of %d bytes, %d saved for a hook of %d", len(X86_64.Stub), X86_64.UndoSize, X86_64.HookSize)
	}
}

func TestX86Padding(t *testing.T) {
	for _, tt := range []struct {
		name string
		code []byte
		want int
	}{
		{"nops and traps", []byte{0x90, 0xcc, 0x66, 0x90, 0x0f, 0x1f, 0x40, 0x00, 0xc3}, 8},
		{"long nop", []byte{0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, 0xc3}, 10},
		{"nop that is cut", []byte{0x0f, 0x1f, 0x40}, 0},
		{"zeros", []byte{0, 0}, 0},
		{"the start of a function that may be jumped to", []byte{0xf3, 0x0f, 0x1e, 0xfa}, 0},
		{"a hint to other threads", []byte{0xf3, 0x90}, 0},
		{"code", []byte{0xc3}, 0},
		{"nothing", nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := X86_64.Padding(tt.code); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestPages(t *testing.T) {
	for _, tt := range []struct{ n, down, up uint64 }{{0, 0, 0}, {1, 0, 4096}, {4096, 4096, 4096}, {8191, 4096, 8192}} {
		if d, u := X86_64.PageDown(tt.n), X86_64.PageUp(tt.n); d != tt.down || u != tt.up {
			t.Errorf("%d: down to %d, up to %d", tt.n, d, u)
		}
	}
}

func TestFill(t *testing.T) {
	b := make([]byte, 5)
	if Fill(b, []byte{1, 2}); !bytes.Equal(b, []byte{1, 2, 1, 2, 1}) {
		t.Errorf("% x", b)
	}
}
