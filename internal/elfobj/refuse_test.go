package elfobj

import (
	"bytes"
	"debug/elf"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Offsets of the fields of a section header.
const (
	shType   = 4
	shOffset = 24
	shSize   = 32
	shLink   = 40
	shInfo   = 44
)

func TestParseSample(t *testing.T) {
	f, err := Parse(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	if f.BuildID() != "deadbeef" || f.Section(".bss").Data != nil || f.Section(".bss").Size != 64 || f.Section("") != nil {
		t.Errorf("build ID %q, .bss %+v", f.BuildID(), f.Section(".bss"))
	}
	want := Symbol{Index: 2, Name: "puts", Version: "GLIBC_2.2.5", Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL}
	if diff := cmp.Diff(want, f.Symbols[2]); diff != "" || f.Symbols[2].Defined() || !f.Symbols[1].Defined() {
		t.Error(diff)
	}
	relas, err := f.Relas(1)
	wantRelas := []Rela{{Offset: 4, Type: uint32(elf.R_X86_64_PC32), Symbol: 2, Addend: -4}}
	if diff := cmp.Diff(wantRelas, relas); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if none, err := f.Relas(5); none != nil || err != nil {
		t.Errorf("relocations of .note: %v, %v", none, err)
	}
	if f.TLS() != nil {
		t.Error("an object has no thread-local segment")
	}
}

func TestParseSampleDynamic(t *testing.T) {
	f, err := Parse(sampleDynamic())
	if err != nil {
		t.Fatal(err)
	}
	if len(f.DynSymbols) != 2 || f.DynSymbols[1].Name != "puts" {
		t.Errorf("symbols %+v", f.DynSymbols)
	}
	if diff := cmp.Diff([]string{"libc.so"}, f.Needed()); diff != "" {
		t.Error(diff)
	}
	size := uint64(len(f.raw))
	for _, row := range []struct {
		name    string
		addr, n uint64
		ok      bool
	}{
		{"start", 0x1000, 4, true},
		{"whole", 0x1000, size, true},
		{"past the end", 0x1000, size + 1, false},
		{"before", 0xfff, 1, false},
		{"behind", 0x1000 + size, 0, false},
		{"overflow", 0x1001, ^uint64(0), false},
	} {
		if b, ok := f.BytesAt(row.addr, row.n); ok != row.ok || ok && uint64(len(b)) != row.n {
			t.Errorf("%s: %d bytes, %v", row.name, len(b), ok)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := sample(t)
	section := func(n int) int { return headerSize + n*sectionSize }
	put := func(at int, size int, value uint64) func() []byte {
		return func() []byte {
			data := bytes.Clone(good)
			switch size {
			case 1:
				data[at] = byte(value)
			case 2:
				order.PutUint16(data[at:], uint16(value))
			case 4:
				order.PutUint32(data[at:], uint32(value))
			default:
				order.PutUint64(data[at:], value)
			}
			return data
		}
	}
	f, err := Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	symbols, relas := int(f.Section(".symtab").Offset), int(f.Section(".rela.text").Offset)
	names := f.Section(".shstrtab")
	for _, row := range []struct {
		name string
		data func() []byte
		want string
	}{
		{"empty", func() []byte { return nil }, "not an ELF file"},
		{"cut header", func() []byte { return good[:50] }, "need 64"},
		{"cut file", func() []byte { return good[:len(good)-1] }, "past the end"},
		{"32 bits", put(4, 1, 1), "ELFCLASS32"},
		{"big-endian", put(5, 1, 2), "ELFDATA2MSB"},
		{"section header size", put(58, 2, 40), "e_shentsize is 40"},
		{"section headers past the end", put(40, 8, 1<<40), "past the end"},
		{"too many sections", put(60, 2, 60000), "do not fit"},
		{"extended section count", func() []byte {
			data := put(60, 2, 0)()
			order.PutUint64(data[section(0)+shSize:], 1<<60)
			return data
		}, "do not fit"},
		{"names in no section", put(62, 2, 99), "section names: section 99"},
		{"name past the table", put(section(1), 4, 1<<20), "past the string table"},
		{"name without an end", put(int(names.Offset+names.Size)-1, 1, 'x'), "without an end"},
		{"section past the end", put(section(1)+shOffset, 8, 1<<40), "section 1: offset"},
		{"section size", put(section(1)+shSize, 8, ^uint64(0)), "section 1: offset"},
		{"symbol table size", put(section(3)+shSize, 8, 71), "no whole number of symbols"},
		{"symbol names in no section", put(section(3)+shLink, 4, 99), "string table in section 99"},
		{"symbol name", put(symbols+symbolSize, 4, 1<<20), "symbol 1: name"},
		{"symbol in no section", put(symbols+symbolSize+6, 2, 99), "symbol 1: section 99 of 8"},
		{"no extended index", put(symbols+symbolSize+6, 2, uint64(elf.SHN_XINDEX)), "no extended section index"},
		{"program header size", put(56, 2, 1), "e_phentsize is 0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if f, err := Parse(row.data()); f != nil || err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
	for _, row := range []struct {
		name string
		data func() []byte
		want string
	}{
		{"relocation's symbol", put(relas+12, 4, 3), "entry 0 at 0x4: symbol 3 of 3"},
		{"no addends", put(section(2)+shType, 4, uint64(elf.SHT_REL)), "without addends"},
		{"table size", put(section(2)+shSize, 8, 23), "no whole number of relocations"},
		{"for no section", put(section(2)+shInfo, 4, 99), "applies to section 99"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f, err := Parse(row.data())
			if err != nil {
				t.Fatal(err)
			}
			if relas, err := f.AllRelas(); relas != nil || err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
	if _, err := Parse([]byte("hello")); !errors.Is(err, ErrNotELF) {
		t.Errorf("got %v", err)
	}
}

// TestOverlappingTablesAreBounded checks that many section headers for one table cannot multiply memory.
func TestOverlappingTablesAreBounded(t *testing.T) {
	const copies = 64
	table := EncodeRelas(make([]Rela, 1000))
	sections := []Section{{}, {Name: ".shstrtab", Type: elf.SHT_STRTAB}, {Name: "t", Type: elf.SHT_RELA, Data: table}}
	fileOrder := []int{1, 2}
	for range copies {
		sections = append(sections, Section{Name: "t", Type: elf.SHT_RELA})
	}
	data, err := EncodeObject(elf.EM_X86_64, sections, fileOrder)
	if err != nil {
		t.Fatal(err)
	}
	first := headerSize + 2*sectionSize
	for i := range copies { // let every copy point at the one table
		copy(data[first+(i+1)*sectionSize+shOffset:], data[first+shOffset:first+shLink])
	}
	f, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.AllRelas(); err == nil || !strings.Contains(err.Error(), "overlaps") {
		t.Errorf("got %v", err)
	}
}

func TestEncodeObjectRefuses(t *testing.T) {
	_, err := EncodeObject(elf.EM_X86_64, []Section{{}, {Name: "a", Align: 3}}, []int{1})
	if err == nil || !strings.Contains(err.Error(), "power of two") {
		t.Errorf("alignment: %v", err)
	}
	if _, err := EncodeObject(elf.EM_X86_64, make([]Section, 0xff00), nil); err == nil {
		t.Error("65280 sections were accepted")
	}
}

func TestVersionLoops(t *testing.T) {
	names := newStrtab([]byte("\x00V1\x00"))
	need := words(0x10001, 0, 16, 0, 0, 2<<16, 1, 0) // one record, one name: index 2 is V1
	order.PutUint16(need, 1)
	order.PutUint16(need[2:], 1)
	tables := dynTables{verneed: need, needCount: 1}
	versions, err := tables.versionNames(names)
	if diff := cmp.Diff(map[uint16]string{2: "V1"}, versions); diff != "" || err != nil {
		t.Error(err, diff)
	}
	order.PutUint16(need[2:], 0xffff)
	order.PutUint32(need[16+12:], 1<<31) // next name far away
	if _, err := tables.versionNames(names); err == nil {
		t.Error("a record past the table was accepted")
	}
	creeping := words(4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4) // each record's successor overlaps it
	tables = dynTables{verneed: creeping, needCount: 1 << 62}
	if _, err := tables.versionNames(names); err == nil || !strings.Contains(err.Error(), "more records than fit") {
		t.Errorf("overlapping needs: %v", err)
	}
	tables = dynTables{verdef: append(creeping, creeping...), verdefEntries: 1 << 62}
	if _, err := tables.versionNames(names); err == nil {
		t.Error("overlapping definitions were accepted")
	}
}
