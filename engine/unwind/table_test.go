package unwind

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/elfobj"
	"gocare/internal/test/testkit"
)

// TestTableWithoutSections finds the same FDEs through the program headers as through the section headers.
func TestTableWithoutSections(t *testing.T) {
	program := testkit.CCText(t, "int f(int n) { return n ? f(n - 1) + 1 : 0; } int main(void) { return f(3); }", []string{"-O0"})
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	want := parseFile(t, data)
	if want.Len() < 3 || want.Skipped() != 0 {
		t.Fatalf("%d FDEs, %d skipped", want.Len(), want.Skipped())
	}
	clear(data[40:48]) // e_shoff
	clear(data[60:64]) // e_shnum, e_shstrndx
	got := parseFile(t, data)
	if diff := cmp.Diff(want.fdes, got.fdes, cmp.AllowUnexported(fde{}, cie{})); diff != "" {
		t.Errorf("-with sections +without:\n%s", diff)
	}
}

func parseFile(t *testing.T, data []byte) *Table {
	t.Helper()
	f, err := elfobj.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	table, err := NewTable(f)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestTableHeaderRefused has PT_GNU_EH_FRAME lead nowhere.
func TestTableHeaderRefused(t *testing.T) {
	file := func(hdr ...byte) []byte {
		le := binary.LittleEndian
		data := make([]byte, 64+2*56+16)
		copy(data, "\x7fELF\x02\x01\x01")
		le.PutUint16(data[16:], 3)  // ET_DYN
		le.PutUint16(data[18:], 62) // EM_X86_64
		le.PutUint32(data[20:], 1)
		le.PutUint64(data[32:], 64)
		le.PutUint16(data[52:], 64)
		le.PutUint16(data[54:], 56)
		le.PutUint16(data[56:], 2)
		segment := func(at int, typ uint32, off, size uint64) {
			le.PutUint32(data[at:], typ)
			le.PutUint64(data[at+8:], off)
			le.PutUint64(data[at+16:], off)
			le.PutUint64(data[at+32:], size)
			le.PutUint64(data[at+40:], size)
		}
		segment(64, 1, 0, uint64(len(data)))
		segment(64+56, 0x6474e550, 64+2*56, 16)
		copy(data[64+2*56:], hdr)
		return data
	}
	for _, tt := range []struct {
		name string
		hdr  []byte
	}{
		{"version 2", []byte{2, 0x1b, 3, 0x3b, 4, 0, 0, 0}},
		{"no pointer", []byte{1, 0xff, 3, 0x3b}},
		{"indirect pointer", []byte{1, 0x9b, 3, 0x3b, 4, 0, 0, 0}},
		{"unknown format", []byte{1, 0x1d, 3, 0x3b, 4, 0, 0, 0}},
		{"pointer out of the file", []byte{1, 0x1b, 3, 0x3b, 0, 0, 1, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := elfobj.Parse(file(tt.hdr...))
			if err != nil {
				t.Fatal(err)
			}
			if table, err := NewTable(f); err == nil || table != nil {
				t.Errorf("%v, %v", table, err)
			}
		})
	}
}
