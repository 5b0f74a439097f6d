package refload

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/test/testkit"
)

// golden reads one of the golden files of the format, whose recipe is a table of offsets beside them.
func golden(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(testkit.Root(t), "kpatch", "testdata", name+".kpatch"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const bias = 0x555555554000

func env() Env {
	symbols := map[string]uint64{"puts": 0x7ffff7c80e50, "environ": 0x7ffff7e22200}
	return Env{
		Base: 0x555555400000, Bias: bias, BuildID: "00112233445566778899aabbccddeeff00112233",
		Resolve: func(name string) (uint64, bool) { addr, ok := symbols[name]; return addr, ok },
		Read: func(addr uint64, b []byte) error {
			copy(b, fmt.Sprintf("%05x", addr&0xfffff))
			return nil
		},
	}
}

func TestLoadImports(t *testing.T) {
	e := env()
	img, err := Load(golden(t, "imports"), e)
	if err != nil {
		t.Fatal(err)
	}
	text := e.Base + 0x1000 + 0x380 // page boundary behind header and jump table, .kpatch.text at 0x380 of the object
	want := []Function{
		{Daddr: bias + 0x1040 + 0x80, Saddr: text, Dlen: 11, Slen: 5, Name: "f"},
		{Saddr: text + 0x10, Slen: 13, Name: "g"},
	}
	if diff := cmp.Diff(want, img.Functions); diff != "" {
		t.Errorf("functions:\n%s", diff)
	}
	u32 := func(addr uint64) uint64 { return uint64(int64(int32(le.Uint32(img.Bytes[addr-e.Base:])))) }
	u64 := func(addr uint64) uint64 { return le.Uint64(img.Bytes[addr-e.Base:]) }
	slot := func(n uint64) uint64 { return e.Base + 504 + 16 + 16*n }
	for _, row := range []struct {
		name      string
		got, want uint64
	}{
		{"jump into the original", text + 5 + u32(text+1), bias + 0x1040 + 0x20},
		{"call through the slot", text + 0x1c + u32(text+0x18), slot(0)},
		{"load from the slot", text + 0x17 + u32(text+0x13), slot(1) + 8},
		{"slot of puts", u64(slot(0) + 8), 0x7ffff7c80e50},
		{"slot of environ", u64(slot(1) + 8), 0x7ffff7e22200},
		{"slot code", u64(slot(0)), 0x9090000000_0225ff},
		{"pointer to f", u64(e.Base + 0x1000 + 0x1000 + 8), bias + 0x10c0},
		{"first writable byte", img.CodeSize, 0x2000},
		{"undo area", uint64(img.UserUndo), 0x1000 + 0x1080},
		{"header: undo area", uint64(le.Uint32(img.Bytes[184:])), 0x2080},
		{"header: info", uint64(le.Uint32(img.Bytes[188:])), 0x1000 + 0x3b0},
		{"header: size", le.Uint64(img.Bytes[176:]), 0x3000},
		{"header: jump table", uint64(le.Uint32(img.Bytes[164:])), 504},
	} {
		if row.got != row.want {
			t.Errorf("%s: 0x%x, want 0x%x", row.name, row.got, row.want)
		}
	}
	if undo := string(img.Bytes[img.UserUndo:][:10]); undo != "550c0\x00\x00\x00\x00\x00" {
		t.Errorf("undo area %q", undo)
	}
}

func TestLoadFixed(t *testing.T) {
	e := env()
	e.Bias, e.Base = 0, 0x10000
	img, err := Load(golden(t, "fixed"), e)
	if err != nil {
		t.Fatal(err)
	}
	if img.JmpOffset != 0 || img.Functions[0].Daddr != 0x401140 || img.Functions[0].Name != "main" {
		t.Errorf("%+v, jump table at %d", img.Functions, img.JmpOffset)
	}
	text := img.Sections[".kpatch.text"] - e.Base
	if got := le.Uint32(img.Bytes[text+3:]); got != 0x404008 {
		t.Errorf("32S: 0x%x", got)
	}
	e.Base = 0x555555400000
	if _, err := Load(golden(t, "fixed"), e); err == nil || !strings.Contains(err.Error(), "R_X86_64_32 cannot hold") {
		t.Errorf("far away: %v", err)
	}
}

// TestLoadRefuses changes single bytes of the golden file "imports" at offsets of its table.
func TestLoadRefuses(t *testing.T) {
	const object = 504
	section := func(n int) int { return object + 0x40 + 0x40*n }
	symbols, relas := object+0x508, object+0x430
	for _, row := range []struct {
		name string
		at   int
		put  string
		want string
	}{
		{"magic", 0, "X", "no patch file"},
		{"other binary", 88, "ff", "build ID ff11"},
		{"total size", 160, "\xff\xff", "total size"},
		{"run-time field", 164, "\x01", "run-time field at 164"},
		{"another machine", object + 18, "\x03", "e_machine 3"},
		{"NOTYPE import", symbols + 4*24 + 4, "\x10", "bound to address 0"},
		{"weak import", symbols + 4*24 + 4, "\x22", "bound to address 0"},
		{"absolute symbol", symbols + 24 + 6, "\xf1\xff", "crash the loader"},
		{"IFUNC symbol", symbols + 24 + 4, "\x0a", "refused type"},
		{"unknown import", object + 0x599, "q", "not in any shared library"},
		{"PLT32", relas + 8, "\x04", "R_X86_64_PLT32"},
		{"place past the section", relas, "\x2d", "outside .kpatch.text"},
		{"data import as code", relas + 24 + 16, "\xfc\xff\xff\xff\xff\xff\xff\xff", "where data is meant"},
		{"data not on a page", section(3) + 24, "\x10\x10", "protected against writing"},
		{"code behind data", section(2) + 24, "\x10\x10", "not executable"},
		{"id without end", 8, "abcdefgh", "without an end"},
		{"padding", 160, "\x37", "not padded"},
		{"ELF class", object + 4, "\x01", "no ELF64"},
		{"program headers", object + 56, "\x01", "e_phnum"},
		{"section headers", object + 44, "\x01", "section headers past the end"},
		{"section past the end", section(2) + 28, "\x01", "section 2 past the end"},
		{"section name", section(2) + 2, "\x01", "string at"},
		{"no symbol table", section(9) + 4, "\x01", "no symbol table"},
		{"symbol names", section(9) + 40, "\x63", "string at"},
		{"symbol in no section", symbols + 24 + 6, "\x63", "no such section"},
		{"relocations without addends", section(6) + 4, "\x09", "without addends"},
		{"relocations of no section", section(6) + 44, "\x63", "no section 99"},
		{"relocation's symbol", relas + 12, "\x63", "symbol 99 of 6"},
		{"no info", object + 0x5d3, "X", "no .kpatch.info"},
		{"no old size", object + 0x3c0, "\x00", "changed or new?"},
		{"zero data", section(3) + 4, "\x08", "outside .kpatch.data"},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := bytes.Clone(golden(t, "imports"))
			copy(file[row.at:], row.put)
			if _, err := Load(file, env()); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

func TestRange(t *testing.T) {
	e := env()
	e.Base += 1 << 32
	if _, err := Load(golden(t, "imports"), e); err == nil || !strings.Contains(err.Error(), elf.R_X86_64_PC32.String()) {
		t.Errorf("got %v", err)
	}
}

// TestLoadLibcarePlus loads a file of the form that LibcarePlus' tools make.
func TestLoadLibcarePlus(t *testing.T) {
	e := env()
	e.BuildID = ""
	e.Resolve = func(name string) (uint64, bool) { return 0x7ffff7c00000, name == "abs" || name == "strtol" }
	img, err := Load(golden(t, "foreign"), e)
	if err != nil {
		t.Fatal(err)
	}
	text := e.Base + 0x1000 + 0x2a8
	want := []Function{
		{Daddr: bias + 0x1070 + 0xe9, Saddr: text, Dlen: 10, Slen: 36, Name: "value.kpatch"},
		{Saddr: text + 0x24, Slen: 36, Name: "extra"},
	}
	if diff := cmp.Diff(want, img.Functions); diff != "" {
		t.Errorf("functions:\n%s", diff)
	}
	if img.UserUndo != 0x2700 || img.CodeSize != 0x2000 {
		t.Errorf("undo area at 0x%x, writable from 0x%x", img.UserUndo, img.CodeSize)
	}
}
