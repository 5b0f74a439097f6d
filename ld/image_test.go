package ld

import (
	"debug/elf"
	"testing"

	"gocare/internal/elfobj"
)

// testImage has text, a gap, read-only data, and data.
func testImage() *image {
	section := func(name string, flags elf.SectionFlag, addr uint64, data string) elfobj.Section {
		return elfobj.Section{Name: name, Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC | flags, Addr: addr, Size: uint64(len(data)), Data: []byte(data)}
	}
	bin := &elfobj.File{Type: elf.ET_EXEC, Machine: elf.EM_X86_64, Sections: []elfobj.Section{
		{},
		section(".text", elf.SHF_EXECINSTR, 0x1000, "\x90\x90\x90\x90"),
		section(".rodata", 0, 0x1010, "one\x00two\x00one\x00"),
		section(".data", elf.SHF_WRITE, 0x2000, "two\x00"),
	}}
	im, err := openImage(bin)
	if err != nil {
		panic(err)
	}
	return im
}

func TestLocate(t *testing.T) {
	im := testImage()
	for _, tt := range []struct {
		name  string
		addr  uint64
		want  Target
		found bool
	}{
		{"the start", 0x1000, Target{InOriginal, 0, 0}, true},
		{"inside", 0x1012, Target{InOriginal, 1, 2}, true},
		{"one past the end", 0x1004, Target{InOriginal, 0, 4}, true},
		{"between sections", 0x1008, Target{}, false},
		{"in front of all", 0xfff, Target{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, found := im.locate(tt.addr); got != tt.want || found != tt.found {
				t.Errorf("got %+v %v, want %+v %v", got, found, tt.want, tt.found)
			}
		})
	}
}

// TestStringAt: a string that stands once in what no one writes.
func TestStringAt(t *testing.T) {
	im := testImage()
	for _, tt := range []struct {
		name, text string
		want       uint64
	}{
		{"once", "two\x00", 0x1014},
		{"twice", "one\x00", 0},
		{"the end of another", "wo\x00", 0},
		{"in code", "\x90", 0},
		{"nowhere", "three\x00", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := im.stringAt(tt.text); got != tt.want {
				t.Errorf("got 0x%x, want 0x%x", got, tt.want)
			}
		})
	}
}
