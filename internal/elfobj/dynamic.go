package elfobj

import (
	"debug/elf"
	"fmt"
)

// dynEntry is one entry of the dynamic section.
type dynEntry struct {
	tag   elf.DynTag
	value uint64
}

// dynTables is where the tables of dynamic linking lie, found through section headers or through PT_DYNAMIC.
type dynTables struct {
	symbols                  []byte
	strings                  []byte
	versym, verneed, verdef  []byte // to the end of their section or segment; nil if absent
	needCount, verdefEntries uint64
}

func (f *File) parseDynsym() ([]Symbol, error) {
	t, err := f.dynTables()
	if err != nil || t == nil {
		return nil, err
	}
	names := newStrtab(t.strings)
	symbols, err := decodeSymbols(t.symbols, nil, names)
	if err != nil {
		return nil, fmt.Errorf("dynamic symbols: %w", err)
	}
	versions, err := t.versionNames(names)
	if err != nil {
		return nil, fmt.Errorf("symbol versions: %w", err)
	}
	for i := range symbols {
		if 2*i+2 <= len(t.versym) {
			index := order.Uint16(t.versym[2*i:])
			symbols[i].Version, symbols[i].Older = versions[index&0x7fff], index&0x8000 != 0
		}
	}
	return symbols, nil
}

// dynTables goes by the section headers where there are any: the segments of separate debug files lead to other bytes.
func (f *File) dynTables() (*dynTables, error) {
	if len(f.Sections) == 0 {
		return f.dynTablesFromSegments()
	}
	sec := f.firstOfType(elf.SHT_DYNSYM)
	if sec == nil {
		return nil, nil
	}
	if uint64(sec.Link) >= uint64(len(f.Sections)) {
		return nil, fmt.Errorf("section %s: string table in section %d of %d", sec.Name, sec.Link, len(f.Sections))
	}
	t := &dynTables{symbols: sec.Data, strings: f.Sections[sec.Link].Data}
	if s := f.firstOfType(elf.SHT_GNU_VERSYM); s != nil {
		t.versym = s.Data
	}
	if s := f.firstOfType(elf.SHT_GNU_VERNEED); s != nil {
		t.verneed, t.needCount = s.Data, uint64(s.Info)
	}
	if s := f.firstOfType(elf.SHT_GNU_VERDEF); s != nil {
		t.verdef, t.verdefEntries = s.Data, uint64(s.Info)
	}
	return t, nil
}

func (f *File) dynTablesFromSegments() (*dynTables, error) {
	entries := f.dynamic()
	values := map[elf.DynTag]uint64{}
	for _, e := range entries {
		values[e.tag] = e.value
	}
	if values[elf.DT_SYMTAB] == 0 || values[elf.DT_STRTAB] == 0 {
		return nil, nil
	}
	num, err := f.dynSymbolCount(values)
	if err != nil {
		return nil, err
	}
	symbols := f.BytesFrom(values[elf.DT_SYMTAB])
	if num > uint64(len(symbols))/symbolSize {
		return nil, fmt.Errorf("dynamic symbols: %d at 0x%x reach past their segment", num, values[elf.DT_SYMTAB])
	}
	strings := f.BytesFrom(values[elf.DT_STRTAB])
	if size := values[elf.DT_STRSZ]; size <= uint64(len(strings)) {
		strings = strings[:size]
	}
	return &dynTables{
		symbols:       symbols[:num*symbolSize],
		strings:       strings,
		versym:        f.BytesFrom(values[elf.DT_VERSYM]),
		verneed:       f.BytesFrom(values[elf.DT_VERNEED]),
		verdef:        f.BytesFrom(values[elf.DT_VERDEF]),
		needCount:     values[elf.DT_VERNEEDNUM],
		verdefEntries: values[elf.DT_VERDEFNUM],
	}, nil
}

// dynSymbolCount finds the length of the dynamic symbol table, which PT_DYNAMIC does not say, from a hash table.
func (f *File) dynSymbolCount(values map[elf.DynTag]uint64) (uint64, error) {
	if addr := values[elf.DT_HASH]; addr != 0 {
		b, ok := f.BytesAt(addr, 8)
		if !ok {
			return 0, fmt.Errorf("dynamic symbols: DT_HASH at 0x%x is not in the file", addr)
		}
		return uint64(order.Uint32(b[4:])), nil
	}
	if addr := values[elf.DT_GNU_HASH]; addr != 0 {
		return gnuHashCount(f.BytesFrom(addr))
	}
	return 0, nil
}

// gnuHashCount walks a DT_GNU_HASH table: header of four words (buckets, first hashed symbol, bloom words, shift), bloom
// words of 8 bytes, buckets, and one chain word a symbol, whose lowest bit ends a chain.
func gnuHashCount(b []byte) (uint64, error) {
	errShort := fmt.Errorf("dynamic symbols: DT_GNU_HASH reaches past its segment")
	if len(b) < 16 {
		return 0, errShort
	}
	buckets, first, bloom := uint64(order.Uint32(b)), uint64(order.Uint32(b[4:])), uint64(order.Uint32(b[8:]))
	chains := 16 + 8*bloom + 4*buckets
	if chains > uint64(len(b)) {
		return 0, errShort
	}
	last := uint64(0)
	for at := 16 + 8*bloom; at < chains; at += 4 {
		last = max(last, uint64(order.Uint32(b[at:])))
	}
	if last < first {
		return first, nil
	}
	for {
		at := chains + 4*(last-first)
		if at+4 > uint64(len(b)) {
			return 0, errShort
		}
		last++
		if order.Uint32(b[at:])&1 != 0 {
			return last, nil
		}
	}
}

// dynamic returns the entries of the dynamic section up to DT_NULL.
func (f *File) dynamic() []dynEntry {
	var data []byte
	if s := f.firstOfType(elf.SHT_DYNAMIC); s != nil {
		data = s.Data
	} else if p := f.firstSegment(elf.PT_DYNAMIC); p != nil && len(f.Sections) == 0 {
		data, _ = slice(f.raw, p.Offset, p.Filesz)
	}
	var entries []dynEntry
	for ; len(data) >= dynSize; data = data[dynSize:] {
		e := dynEntry{elf.DynTag(order.Uint64(data)), order.Uint64(data[8:])}
		if e.tag == elf.DT_NULL {
			break
		}
		entries = append(entries, e)
	}
	return entries
}

// Needed returns the names of the libraries that the file asks for, in order.
func (f *File) Needed() []string { return f.dynStrings(elf.DT_NEEDED) }

// Flags1 returns DT_FLAGS_1, 0 if there is none.
func (f *File) Flags1() uint64 {
	for _, e := range f.dynamic() {
		if e.tag == elf.DT_FLAGS_1 {
			return e.value
		}
	}
	return 0
}

// Soname returns DT_SONAME, or "".
func (f *File) Soname() string {
	if names := f.dynStrings(elf.DT_SONAME); len(names) > 0 {
		return names[0]
	}
	return ""
}

func (f *File) dynStrings(tag elf.DynTag) []string {
	t, err := f.dynTables()
	if err != nil || t == nil {
		return nil
	}
	names := newStrtab(t.strings)
	var found []string
	for _, e := range f.dynamic() {
		if e.tag != tag {
			continue
		}
		if name, err := names.at(e.value); err == nil {
			found = append(found, name)
		}
	}
	return found
}
