package elfobj

import (
	"debug/elf"
	"testing"
)

// mergedPart is an object with one section of code, which refers to its second symbol.
func mergedPart(t *testing.T, symbols ...Symbol) *File {
	t.Helper()
	symtab, names := EncodeSymbols(symbols)
	data, err := EncodeObject(elf.EM_X86_64, []Section{
		{},
		{Name: ".text", Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Align: 1, Data: make([]byte, 16), Size: 16},
		{Name: ".rela.text", Type: elf.SHT_RELA, Link: 3, Info: 1, EntSize: relaSize, Align: 8, Data: EncodeRelas([]Rela{{Offset: 4, Type: 2, Symbol: 2, Addend: -4}})},
		{Name: ".symtab", Type: elf.SHT_SYMTAB, Link: 4, Info: 1, EntSize: 24, Align: 8, Data: symtab},
		{Name: ".strtab", Type: elf.SHT_STRTAB, Align: 1, Data: names},
		{Name: ".shstrtab", Type: elf.SHT_STRTAB, Align: 1},
	}, []int{1, 2, 3, 4, 5})
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestMerge(t *testing.T) {
	function := func(name string, value uint64, section int) Symbol {
		return Symbol{Name: name, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Vis: elf.STV_HIDDEN, Section: section, Value: value, Size: 4}
	}
	a := mergedPart(t, Symbol{}, function("f", 0, 1), function("g.lto_priv.0", 0, 0))
	b := mergedPart(t, Symbol{}, function("g.lto_priv.0", 8, 1), function("f", 0, 0))
	names := map[string]string{"g.lto_priv.0": "g.b_c"}
	f, from := Merge([]*File{a, b}, []map[string]string{names, names})

	second := len(a.Sections) + 1
	if len(f.Sections) != len(a.Sections)+len(b.Sections) || from[1] != 0 || from[second] != 1 {
		t.Fatalf("%d sections from %v", len(f.Sections), from)
	}
	for _, tt := range []struct {
		section int
		name    string
		bind    elf.SymBind
		at      int
		value   uint64
	}{
		{1, "g.b_c", elf.STB_LOCAL, second, 8},
		{second, "f", elf.STB_GLOBAL, 1, 0},
	} {
		relas, err := f.Relas(tt.section)
		if err != nil || len(relas) != 1 {
			t.Fatalf("section %d: %v, %v", tt.section, relas, err)
		}
		s := f.Symbols[relas[0].Symbol]
		if s.Name != tt.name || s.Bind != tt.bind || s.Section != tt.at || s.Value != tt.value || !s.Defined() || relas[0].Offset != 4 || relas[0].Addend != -4 {
			t.Errorf("section %d refers to %+v", tt.section, s)
		}
	}
	if a.Symbols[2].Section != int(elf.SHN_UNDEF) || a.Symbols[2].Name != "g.lto_priv.0" {
		t.Errorf("the object was changed: %+v", a.Symbols[2])
	}
}
