package kpatch

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files from their tables of offsets")

// A cell is a value at a literal offset. The golden files are made from tables of cells alone: no code of this package
// takes part, so that a mistake in the writer shows.
type cell struct {
	at    int
	value any // string, u16, u32, u64, shdr, sym, rela
}

type (
	u16  uint16
	u32  uint32
	u64  uint64
	shdr struct {
		Name, Type                uint32
		Flags, Addr, Offset, Size uint64
		Link, Info                uint32
		Align, EntSize            uint64
	}
	sym struct {
		Name    uint32
		Info    uint8
		Section uint16
		Value   uint64
		Size    uint64
	}
	rela struct {
		Offset       uint64
		Type, Symbol uint32 // in the order of the bytes
		Addend       int64
	}
)

// bytes returns the cell's value as it stands in the file.
func (c cell) bytes() []byte {
	var b []byte
	switch v := c.value.(type) {
	case string:
		return []byte(v)
	case sym: // between info and section stands the visibility, 0
		b = binary.LittleEndian.AppendUint32(b, v.Name)
		b = append(b, v.Info, 0)
		b = binary.LittleEndian.AppendUint16(b, v.Section)
		b = binary.LittleEndian.AppendUint64(b, v.Value)
		return binary.LittleEndian.AppendUint64(b, v.Size)
	default:
		b, err := binary.Append(nil, binary.LittleEndian, v)
		if err != nil {
			panic(err)
		}
		return b
	}
}

// goldenHeader is the patch header; the total size is added for each file.
var goldenHeader = []cell{
	{0, "KPATCH1\x00"},
	{8, "0001"},
	{88, "00112233445566778899aabbccddeeff00112233"},
	{136, u64(1700000000)},
	{152, u32(504)},
	{156, u32(504)},
}

// build writes the cells of the header and, 504 bytes further on, those of the object, then the SHA-256 of the whole,
// its own 32 bytes being zero, at the end.
func build(t *testing.T, object []cell, size int) []byte {
	file := place(t, goldenHeader, object, size)
	sum := sha256.Sum256(file)
	copy(file[len(file)-32:], sum[:])
	return file
}

// place writes the cells of the header with the total size and, 504 bytes further on, those of the object.
func place(t *testing.T, header, object []cell, size int) []byte {
	file := make([]byte, 504+size)
	covered := make([]bool, len(file))
	put := func(base int, c cell) {
		for i, b := range c.bytes() {
			if covered[base+c.at+i] {
				t.Fatalf("two values at 0x%x", c.at+i)
			}
			covered[base+c.at+i], file[base+c.at+i] = true, b
		}
	}
	for _, c := range header {
		put(0, c)
	}
	put(0, cell{160, u32(504 + size)})
	for _, c := range object {
		put(504, c)
	}
	return file
}

// goldenFile returns the golden file of that name, which must hold want; with -update it is written first.
func goldenFile(t *testing.T, name string, want []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", name+".kpatch")
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file, want) {
		t.Errorf("%s is not what its table says; run with -update", path)
	}
	return file
}

func TestGolden(t *testing.T) {
	for _, row := range []struct {
		name  string
		cells []cell
		size  int
		patch *Patch
	}{
		{"one", goldenOne, goldenOneSize, patchOne()},
		{"imports", goldenImports, goldenImportsSize, patchImports()},
		{"fixed", goldenFixed, goldenFixedSize, patchFixed()},
	} {
		t.Run(row.name, func(t *testing.T) {
			want := build(t, row.cells, row.size)
			file := goldenFile(t, row.name, want)
			got := mustEncode(t, row.patch)
			for i := range min(len(got), len(want)) {
				if got[i] != want[i] && i < len(want)-32 {
					t.Fatalf("object offset 0x%x: wrote 0x%02x, want 0x%02x", i-504, got[i], want[i])
				}
			}
			if !bytes.Equal(got, want) {
				t.Errorf("wrote %d bytes, want %d, or other digest", len(got), len(want))
			}
			decoded := mustDecode(t, file)
			if diff := cmp.Diff(row.patch.Functions, decoded.Functions); diff != "" {
				t.Errorf("functions:\n%s", diff)
			}
			if diff := cmp.Diff(row.patch.Meta, decoded.Meta); diff != "" {
				t.Errorf("metadata:\n%s", diff)
			}
		})
	}
}
