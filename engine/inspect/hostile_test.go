package inspect

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/arch"
)

// TestHostileRegion: what looks like a patch may hold sequences that a terminal obeys, and more functions than anybody wants to keep.
func TestHostileRegion(t *testing.T) {
	mem := region()
	copy(mem[regionAt+8:], "\x1b[2J\x00")
	copy(mem[regionAt+88:], "\x1b]0;x\x07\x00")
	copy(mem[regionAt+0x800:], "a\nb\x00")
	got, err := ReadRegions(&arch.X86_64, mem, regionMaps(), nil)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d regions, %v", len(got), err)
	}
	r := got[0]
	for what, text := range map[string]string{"id": r.ID, "BuildID": r.BuildID, "name": r.Functions[0].Name} {
		if strings.ContainsAny(text, "\x1b\x07\n") {
			t.Errorf("%s %q", what, text)
		}
	}
	left := 2 * functionMemory
	if _, err := readRegion(regionMemory{mem, &arch.X86_64, &left}, regionAt); err == nil || !strings.Contains(err.Error(), "too many functions") {
		t.Errorf("more functions than there is memory for: %v", err)
	}
}

// TestHostileName: a process calls itself what it likes.
func TestHostileName(t *testing.T) {
	var s ThreadStatus
	text := "7 (a) \x1b[31m\nb) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24"
	if err := parseStat([]byte(text), &s); err != nil || s.Comm != `a) \x1b[31m\x0ab` {
		t.Errorf("comm %q, %v", s.Comm, err)
	}
}

// TestHoledFile: an ELF file with a hole may be larger than any memory.
func TestHoledFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hole")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Skip(err)
	}
	o := Object{Path: "hole", file: path}
	if err := o.Load(); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("got %v", err)
	}
}

// TestManySegments: a file with so many segments that nobody could look for all of them in a process with as many mappings is none that can be patched.
func TestManySegments(t *testing.T) {
	for n, want := range map[int]bool{maxSegments: true, maxSegments + 1: false, 0xfffe: false} {
		file := make([]byte, 64+56*n)
		copy(file, "\x7fELF\x02\x01\x01")
		binary.LittleEndian.PutUint64(file[32:], 64)
		binary.LittleEndian.PutUint16(file[54:], 56)
		binary.LittleEndian.PutUint16(file[56:], uint16(n))
		if h, ok := readHeaders(bytes.NewReader(file)); ok != want || ok && len(h.segments) != n {
			t.Errorf("%d: %d segments, %v", n, len(h.segments), ok)
		}
	}
}
