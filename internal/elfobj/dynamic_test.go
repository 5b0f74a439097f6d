package elfobj

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"strings"
	"testing"
)

// dynamicEntry returns the offset in sampleDynamic of the value of a dynamic entry.
func dynamicEntry(t *testing.T, data []byte, tag elf.DynTag) int {
	t.Helper()
	f, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range f.dynamic() {
		if e.tag == tag {
			return int(f.firstSegment(elf.PT_DYNAMIC).Offset) + dynSize*i + 8
		}
	}
	t.Fatalf("no %v", tag)
	return 0
}

func TestDynamicRefuses(t *testing.T) {
	for _, row := range []struct {
		name  string
		tag   elf.DynTag
		newer elf.DynTag // replaces tag, if set
		value uint64
		want  string
	}{
		{"symbols elsewhere", elf.DT_SYMTAB, 0, 0x9000, "2 at 0x9000 reach past"},
		{"hash elsewhere", elf.DT_HASH, 0, 0x9000, "DT_HASH at 0x9000 is not in the file"},
		{"no room for the GNU hash", elf.DT_HASH, elf.DT_GNU_HASH, 0x9000, "DT_GNU_HASH reaches past"},
		{"strings cut", elf.DT_STRSZ, 0, 3, "symbol 1: name: offset 0x1: string without an end"},
		{"relocations elsewhere", elf.DT_NEEDED, elf.DT_JMPREL, 0x9000, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			data := sampleDynamic()
			at := dynamicEntry(t, data, row.tag)
			order.PutUint64(data[at:], row.value)
			if row.newer != 0 {
				order.PutUint64(data[at-8:], uint64(row.newer))
			}
			f, err := Parse(data)
			if row.want == "" {
				if relas, err := f.DynRelas(); err != nil || relas != nil {
					t.Errorf("a table of no size: %v, %v", relas, err)
				}
				return
			}
			if f != nil || err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

func TestDynRelasOutsideFile(t *testing.T) {
	data := sampleDynamic()
	hash, needed := dynamicEntry(t, data, elf.DT_HASH), dynamicEntry(t, data, elf.DT_NEEDED)
	order.PutUint64(data[hash-8:], uint64(elf.DT_RELA))
	order.PutUint64(data[hash:], 0x9000)
	order.PutUint64(data[needed-8:], uint64(elf.DT_RELASZ))
	f, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if relas, err := f.DynRelas(); relas != nil || err == nil || !strings.Contains(err.Error(), "are not in the file") {
		t.Errorf("got %v, %v", relas, err)
	}
}

func TestNoteBuildID(t *testing.T) {
	note := func(name, desc string, kind uint32, align int) []byte {
		pad := func(b []byte) []byte { return append(b, make([]byte, -len(b)&(align-1))...) }
		b := words(uint32(len(name)), uint32(len(desc)), kind)
		return pad(append(pad(append(b, name...)), desc...))
	}
	gnu := note("GNU\x00", "\xab\xcd\xef", noteGNUBuildID, 4)
	for _, row := range []struct {
		name  string
		data  []byte
		align uint64
		want  string
	}{
		{"alone", gnu, 4, "abcdef"},
		{"behind another", append(note("stapsdt\x00", "x", 3, 4), gnu...), 4, "abcdef"},
		{"behind an 8-byte property", append(note("GNU\x00", "12345", 5, 8), note("GNU\x00", "\x01", 3, 8)...), 8, "01"},
		{"without alignment", gnu, 0, "abcdef"},
		{"other owner", note("XYZ\x00", "\xab", 3, 4), 4, ""},
		{"other type", note("GNU\x00", "\xab", 1, 4), 4, ""},
		{"cut", gnu[:18], 4, ""},
		{"size overflow", words(^uint32(0), ^uint32(0), 3, 0), 4, ""},
	} {
		if got := noteBuildID(row.data, row.align); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

func TestReadBuildID(t *testing.T) {
	note := append(words(4, 20, noteGNUBuildID), "GNU\x00"...)
	id := []byte("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff\x00\x11\x22\x33")
	data := sampleDynamic()
	at := uint64(len(data))
	data = append(append(data, note...), id...)
	segment := data[headerSize+segmentSize:]
	order.PutUint32(segment, uint32(elf.PT_NOTE))
	order.PutUint64(segment[8:], at)
	order.PutUint64(segment[32:], uint64(len(data))-at)
	if got, err := ReadBuildID(bytes.NewReader(data)); err != nil || got != hex.EncodeToString(id) {
		t.Errorf("got %q, %v", got, err)
	}
	f, err := Parse(data)
	if err != nil || f.BuildID() != hex.EncodeToString(id) {
		t.Errorf("BuildID: %q, %v", f.BuildID(), err)
	}
	for _, cut := range []int{0, 3, headerSize, headerSize + segmentSize, len(data) - 1} {
		if got, err := ReadBuildID(bytes.NewReader(data[:cut])); err == nil {
			t.Errorf("%d bytes gave %q", cut, got)
		}
	}
	order.PutUint16(data[56:], pnXNum)
	if _, err := ReadBuildID(bytes.NewReader(data)); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("65535 program headers: %v", err)
	}
}

func TestExtendedSegmentCount(t *testing.T) {
	data := sample(t)
	order.PutUint64(data[32:], headerSize)
	order.PutUint16(data[54:], segmentSize)
	order.PutUint16(data[56:], pnXNum)
	order.PutUint32(data[headerSize+shInfo:], 3)
	f, err := Parse(data)
	if err != nil || len(f.Segments) != 3 {
		t.Errorf("got %v, want 3 segments", err)
	}
	order.PutUint32(data[headerSize+shInfo:], 1<<30)
	if _, err := Parse(data); err == nil || !strings.Contains(err.Error(), "program headers") {
		t.Errorf("got %v", err)
	}
}
