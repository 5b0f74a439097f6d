package elfobj

import (
	"bytes"
	"debug/elf"
	"testing"
)

// sample is a relocatable object with symbols, relocations, a note and a dynamic section.
func sample(t testing.TB) []byte {
	t.Helper()
	symtab, names := EncodeSymbols([]Symbol{
		{},
		{Type: elf.STT_SECTION, Section: 1},
		{Name: "puts", Version: "GLIBC_2.2.5", Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL},
	})
	note := append(words(4, 4, noteGNUBuildID), "GNU\x00\xde\xad\xbe\xef"...)
	data, err := EncodeObject(elf.EM_X86_64, []Section{
		{},
		{Name: ".text", Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Align: 16, Data: make([]byte, 16)},
		{
			Name: ".rela.text", Type: elf.SHT_RELA, Link: 3, Info: 1, Align: 8, EntSize: relaSize,
			Data: EncodeRelas([]Rela{{Offset: 4, Type: uint32(elf.R_X86_64_PC32), Symbol: 2, Addend: -4}}),
		},
		{Name: ".symtab", Type: elf.SHT_SYMTAB, Link: 4, Info: 2, Align: 8, EntSize: symbolSize, Data: symtab},
		{Name: ".strtab", Type: elf.SHT_STRTAB, Data: names},
		{Name: ".note", Type: elf.SHT_NOTE, Align: 4, Data: note},
		{Name: ".bss", Type: elf.SHT_NOBITS, Addr: 0x4000, Size: 64, Align: 8},
		{Name: ".shstrtab", Type: elf.SHT_STRTAB},
	}, []int{1, 2, 3, 4, 5, 7})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// sampleDynamic is a program without section headers: one PT_LOAD at 0x1000 that holds everything, PT_DYNAMIC.
func sampleDynamic() []byte {
	dynamic := func(entries ...uint64) []byte {
		var b []byte
		for _, e := range entries {
			b = order.AppendUint64(b, e)
		}
		return b
	}
	symtab, _ := EncodeSymbols([]Symbol{{}, {Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL}})
	data := make([]byte, headerSize+2*segmentSize)
	copy(data, elf.ELFMAG+"\x02\x01\x01")
	order.PutUint16(data[16:], uint16(elf.ET_DYN))
	order.PutUint16(data[18:], uint16(elf.EM_X86_64))
	order.PutUint64(data[32:], headerSize)
	order.PutUint16(data[54:], segmentSize)
	order.PutUint16(data[56:], 2)
	const base, symbolsAt = 0x1000, headerSize + 2*segmentSize
	stringsAt := symbolsAt + len(symtab)
	hashAt := stringsAt + 16
	dynamicAt := hashAt + 16
	order.PutUint32(symtab[symbolSize:], 1)
	data = append(data, symtab...)
	data = append(data, "\x00puts\x00libc.so\x00\x00\x00"...)
	data = append(data, words(1, 2, 0, 0)...)
	data = append(data, dynamic(uint64(elf.DT_SYMTAB), base+symbolsAt, uint64(elf.DT_STRTAB), uint64(base+stringsAt),
		uint64(elf.DT_STRSZ), 16, uint64(elf.DT_HASH), uint64(base+hashAt), uint64(elf.DT_NEEDED), 6, 0, 0)...)
	segment := func(at int, kind elf.ProgType, off, vaddr, size int) {
		b := data[at:]
		order.PutUint32(b, uint32(kind))
		order.PutUint64(b[8:], uint64(off))
		order.PutUint64(b[16:], uint64(vaddr))
		order.PutUint64(b[32:], uint64(size))
	}
	segment(headerSize, elf.PT_LOAD, 0, base, len(data))
	segment(headerSize+segmentSize, elf.PT_DYNAMIC, dynamicAt, base+dynamicAt, len(data)-dynamicAt)
	return data
}

func FuzzParse(f *testing.F) {
	f.Add(sample(f), 0, uint64(0))
	f.Add(sampleDynamic(), 0, uint64(0))
	f.Fuzz(func(t *testing.T, data []byte, at int, value uint64) {
		if at > 0 && at+8 <= len(data) {
			data = bytes.Clone(data)
			order.PutUint64(data[at:], value)
		}
		f, err := Parse(data)
		if (f == nil) == (err == nil) {
			t.Fatalf("file %v and error %v", f, err)
		}
		_, _ = ReadBuildID(bytes.NewReader(data))
		if err != nil {
			return
		}
		if n := len(f.Symbols) + len(f.DynSymbols); n > 2*len(data)/symbolSize {
			t.Fatalf("%d symbols from %d bytes", n, len(data))
		}
		relas, err := f.AllRelas()
		if err == nil {
			for section := range relas {
				if _, err := f.Relas(section); err != nil {
					t.Fatal(err)
				}
			}
		}
		_, _ = f.DynRelas()
		_, _, _ = f.BuildID(), f.Needed(), f.Soname()
		_, _ = f.BytesAt(value, value)
	})
}
