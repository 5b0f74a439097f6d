package ld

import (
	"os"
	"path/filepath"
	"testing"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/test/testkit"
)

// TestMostTouched: no relocation has a linker rewrite bytes further away.
func TestMostTouched(t *testing.T) {
	for name, m := range map[string]linkedCode{"x86-64": x86{}, "aarch64": arm64{}} {
		for n := range uint32(2048) {
			before, after := m.touched(arch.RelocType{Number: n, Width: 8})
			if before > mostTouched || after > mostTouched {
				t.Errorf("%s, relocation %d: %d bytes before, %d behind", name, n, before, after)
			}
		}
	}
}

// TestRelas: relocations come in the order of their offsets, those outside of a range left out.
func TestRelas(t *testing.T) {
	testkit.Require(t, "gcc")
	source := filepath.Join(t.TempDir(), "relas.s")
	text := "\t.quad 0, 0, 0\n\t.reloc 8, R_X86_64_32, a\n\t.reloc 0, R_X86_64_32, b\n\t.reloc 16, R_X86_64_32, c\n\t.reloc 8, R_X86_64_NONE, d\n"
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(testkit.CC(t, t.TempDir(), "relas.o", "-c", source))
	if err != nil {
		t.Fatal(err)
	}
	file, err := elfobj.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	l := &link{objects: objects{{File: file}}}
	for _, tt := range []struct {
		from, to uint64
		want     int
	}{{0, 24, 4}, {0, 8, 1}, {8, 9, 2}, {9, 16, 0}, {16, 24, 1}, {17, 3, 0}} {
		relas, err := l.relas(inputSection{0, 1}, tt.from, tt.to)
		if err != nil || len(relas) != tt.want {
			t.Errorf("[%d, %d): %v, %v, want %d", tt.from, tt.to, relas, err, tt.want)
		}
		for _, r := range relas {
			if r.Offset < tt.from || r.Offset >= tt.to {
				t.Errorf("[%d, %d): offset %d", tt.from, tt.to, r.Offset)
			}
		}
	}
}
