// Package handpatch makes patches for tests out of C functions, without any of the build side.
//
// Input: a program or library, and C text with functions that replace those of the same names or are new. Output: a
// .kpatch file. The compiler's object is cut up as it is: what it refers to is sought in the object, then in the symbol
// table of the program, else it is an import.
package handpatch

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/kpname"
	"gocare/internal/test/testkit"
	"gocare/kpatch"
)

// Spec says what to make.
type Spec struct {
	Program     string   // path of the program or library
	ID          string   // default "0001"
	Source      string   // C text
	Flags       []string // further compiler options
	Description string
	NoMeta      bool // leave the metadata out, as LibcarePlus does
	ToLoader    bool // leave to the loader what it can fill in, as LibcarePlus does
}

// Build makes the patch in a temporary directory and returns its path.
func Build(t testing.TB, spec Spec) string {
	t.Helper()
	testkit.Require(t, "gcc")
	if spec.ID == "" {
		spec.ID = "0001"
	}
	dir := t.TempDir()
	testkit.WriteFile(t, filepath.Join(dir, "new.c"), spec.Source)
	flags := []string{
		"-O1", "-fPIE", "-w", "-c", "-fcf-protection=none", "-fno-stack-protector", "-fno-reorder-blocks-and-partition", "new.c",
	}
	object := testkit.CC(t, dir, "new.o", append(flags, spec.Flags...)...)
	b := &builder{t: t, spec: spec, program: load(t, spec.Program), object: load(t, object)}
	data, err := kpatch.Encode(b.build())
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	b.leaveToLoader(data)
	path := filepath.Join(dir, b.program.BuildID()+kpname.FileSuffix)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t testing.TB, path string) *elfobj.File {
	t.Helper()
	f, err := elfobj.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

type builder struct {
	t       testing.TB
	spec    Spec
	program *elfobj.File
	object  *elfobj.File
	patch   *kpatch.Patch
	place   map[int]kpatch.Location    // object's section -> where it went
	index   map[string]int             // patch section by name
	slots   map[kpatch.Location]uint64 // offset in the data of the slot for a symbol and addend
	left    map[kpatch.Location]uint32 // types of relocations that are left to the loader
}

func (b *builder) build() *kpatch.Patch {
	b.patch = &kpatch.Patch{
		ID: b.spec.ID, Machine: b.machine(), BuildID: b.program.BuildID(), Sections: make([]kpatch.Section, 1), Symbols: make([]kpatch.Symbol, 1),
	}
	b.place, b.index, b.slots = map[int]kpatch.Location{}, map[string]int{}, map[kpatch.Location]uint64{}
	b.left = map[kpatch.Location]uint32{}
	for i := range b.object.Sections {
		b.addSection(&b.object.Sections[i])
	}
	for i := range b.object.Sections {
		b.addRelocs(i)
	}
	for i := range b.patch.Sections {
		slices.SortFunc(b.patch.Sections[i].Relocs, func(a, c kpatch.Reloc) int { return int(a.Offset) - int(c.Offset) })
	}
	meta := &kpatch.Meta{Tool: "handpatch", Description: b.spec.Description}
	for i := range b.object.Symbols {
		b.addFunction(&b.object.Symbols[i], meta)
	}
	if !b.spec.NoMeta {
		b.patch.Meta = meta
	}
	return b.patch
}

// target returns the patch section for a section of the object, "" to leave it out.
func target(sec *elfobj.Section) (name string, flags elf.SectionFlag) {
	switch {
	case sec.Size == 0 || sec.Flags&elf.SHF_ALLOC == 0 || strings.HasPrefix(sec.Name, ".note"):
		return "", 0
	case sec.Name == ".eh_frame":
		return kpname.Unwind, elf.SHF_ALLOC
	case sec.Flags&elf.SHF_EXECINSTR != 0:
		return kpname.Text, elf.SHF_ALLOC | elf.SHF_EXECINSTR
	case sec.Flags&elf.SHF_WRITE != 0:
		return kpname.Data, elf.SHF_ALLOC | elf.SHF_WRITE
	}
	return kpname.Rodata, elf.SHF_ALLOC
}

func (b *builder) addSection(sec *elfobj.Section) {
	name, flags := target(sec)
	if name == "" {
		return
	}
	n, ok := b.index[name]
	if !ok {
		n = len(b.patch.Sections)
		b.index[name] = n
		b.patch.Sections = append(b.patch.Sections, kpatch.Section{Name: name, Type: elf.SHT_PROGBITS, Flags: flags, Align: 16})
	}
	out := &b.patch.Sections[n]
	for align := max(sec.Align, 1); uint64(len(out.Data))%align != 0; {
		out.Data = append(out.Data, 0)
	}
	b.place[sec.Index] = kpatch.Location{Section: n, Offset: uint64(len(out.Data))}
	data := sec.Data
	if data == nil {
		data = make([]byte, sec.Size)
	}
	out.Data = append(out.Data, data...)
	out.Size = uint64(len(out.Data))
}

func (b *builder) addRelocs(section int) {
	at, ok := b.place[section]
	if !ok {
		return
	}
	relas, err := b.object.Relas(section)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, rel := range relas {
		symbol, addend := b.bind(&b.object.Symbols[rel.Symbol], rel.Addend)
		typ := b.relocType(rel.Type)
		if b.spec.ToLoader && !typ.InPatch {
			b.left[kpatch.Location{Section: at.Section, Offset: at.Offset + rel.Offset}] = rel.Type
			typ = b.machine().RelocOf(arch.PagePC)
		} else if in, ok := inSlot[typ.Kind]; ok {
			typ = b.direct(typ, in)
			symbol, addend = b.slot(symbol, addend)
		}
		out := &b.patch.Sections[at.Section]
		out.Relocs = append(out.Relocs, kpatch.Reloc{Offset: at.Offset + rel.Offset, Type: typ, Symbol: symbol, Addend: addend})
	}
}

// leaveToLoader gives relocations in a file the types that they had in the object: what the format has of others, Encode does not write.
func (b *builder) leaveToLoader(file []byte) {
	object, err := elfobj.Parse(file[kpatch.HeaderSize:])
	if err != nil {
		b.t.Fatal(err)
	}
	for at, typ := range b.left {
		name := b.patch.Sections[at.Section].Name
		i := slices.IndexFunc(object.Sections, func(s elfobj.Section) bool { return s.Name == ".rela"+name })
		entries := file[kpatch.HeaderSize+object.Sections[i].Offset:][:object.Sections[i].Size]
		for ; len(entries) > 0; entries = entries[24:] {
			if binary.LittleEndian.Uint64(entries) == at.Offset {
				binary.LittleEndian.PutUint32(entries[8:], typ)
			}
		}
	}
	digest := file[len(file)-sha256.Size:]
	clear(digest)
	sum := sha256.Sum256(file)
	copy(digest, sum[:])
}

// inSlot are the kinds of relocations that mean a GOT slot, with what they ask for of the slot itself.
var inSlot = map[arch.RelocKind]arch.RelocKind{arch.GOTPage: arch.PagePC, arch.GOTPageOffset: arch.PageOffset}

// slot returns the symbol and addend of a slot in the patch's data that holds an address.
func (b *builder) slot(symbol int, addend int64) (int, int64) {
	key := kpatch.Location{Section: symbol, Offset: uint64(addend)}
	n, ok := b.index[kpname.Data]
	if !ok {
		n = len(b.patch.Sections)
		b.index[kpname.Data] = n
		b.patch.Sections = append(b.patch.Sections, kpatch.Section{Name: kpname.Data, Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Align: 16})
	}
	at, found := b.slots[key]
	if !found {
		data := &b.patch.Sections[n]
		at = (data.Size + 7) &^ 7
		b.slots[key] = at
		data.Data = append(data.Data, make([]byte, at+8-data.Size)...)
		data.Size = at + 8
		kind := arch.Abs64
		if b.patch.Symbols[symbol].Section == int(elf.SHN_UNDEF) {
			kind = arch.GlobDat
		}
		data.Relocs = append(data.Relocs, kpatch.Reloc{Offset: at, Type: b.machine().RelocOf(kind), Symbol: symbol, Addend: addend})
	}
	return b.sectionSymbol(n), int64(at)
}

// direct returns the type of a kind whose instruction holds its value as that of another type does.
func (b *builder) direct(like arch.RelocType, kind arch.RelocKind) arch.RelocType {
	for n := range uint32(2000) {
		if typ := b.machine().Reloc(n); typ.Kind == kind && typ.Bits == like.Bits {
			return typ
		}
	}
	b.t.Fatalf("no relocation is like %v, of kind %d", like, kind)
	return arch.RelocType{}
}

// machine returns the target that the program is for.
func (b *builder) machine() *arch.Target {
	m, ok := arch.ByMachine(b.program.Machine)
	if !ok {
		b.t.Fatalf("no target for %v", b.program.Machine)
	}
	return m
}

// relocType returns the type that a patch holds for one of the object.
func (b *builder) relocType(number uint32) arch.RelocType {
	typ := b.machine().Reloc(number)
	if typ.Kind == arch.Call && !typ.InPatch {
		return b.machine().RelocOf(arch.PC32)
	}
	return typ
}

// bind returns a patch symbol and addend for a reference of the object. A function that the program has too is called at
// its original address, so that the hook decides.
func (b *builder) bind(sym *elfobj.Symbol, addend int64) (int, int64) {
	original := b.original(sym.Name)
	if sym.Defined() && (original == nil || sym.Type != elf.STT_FUNC) {
		at := b.place[sym.Section]
		return b.sectionSymbol(at.Section), addend + int64(at.Offset) + int64(sym.Value)
	}
	if original != nil {
		n := b.originalSection(original.Section)
		return b.sectionSymbol(n), addend + int64(original.Value-b.program.Sections[original.Section].Addr)
	}
	return b.symbol(kpatch.Symbol{Name: sym.Name, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL}), addend
}

func (b *builder) original(name string) *elfobj.Symbol {
	for i := range b.program.Symbols {
		s := &b.program.Symbols[i]
		if name != "" && s.Name == name && s.Defined() && s.Type != elf.STT_SECTION && s.Type != elf.STT_FILE {
			return s
		}
	}
	return nil
}

func (b *builder) originalSection(n int) int {
	sec := &b.program.Sections[n]
	if i, ok := b.index[sec.Name]; ok {
		return i
	}
	b.index[sec.Name] = len(b.patch.Sections)
	b.patch.Sections = append(b.patch.Sections, kpatch.Section{
		Name: sec.Name, Type: elf.SHT_NOBITS, Flags: sec.Flags, Addr: sec.Addr, Size: sec.Size, Align: max(sec.Align, 1),
	})
	return b.index[sec.Name]
}

func (b *builder) sectionSymbol(n int) int {
	return b.symbol(kpatch.Symbol{Type: elf.STT_SECTION, Section: n, Name: ""})
}

func (b *builder) symbol(s kpatch.Symbol) int {
	for i := range b.patch.Symbols {
		if i > 0 && b.patch.Symbols[i] == s {
			return i
		}
	}
	b.patch.Symbols = append(b.patch.Symbols, s)
	return len(b.patch.Symbols) - 1
}

func (b *builder) addFunction(sym *elfobj.Symbol, meta *kpatch.Meta) {
	if sym.Type != elf.STT_FUNC || !sym.Defined() {
		return
	}
	at := b.place[sym.Section]
	at.Offset += sym.Value
	f := kpatch.Function{Name: sym.Name, New: at, NewSize: uint32(sym.Size)}
	if old := b.original(sym.Name); old != nil {
		sec := &b.program.Sections[old.Section]
		f.Old = kpatch.Location{Section: b.originalSection(old.Section), Offset: old.Value - sec.Addr}
		f.OldSize = uint32(old.Size)
		b.sectionSymbol(f.Old.Section)
		code, _ := b.program.BytesAt(old.Value, old.Size)
		sum := sha256.Sum256(code)
		meta.Parts = append(meta.Parts, kpatch.Part{
			Function: sym.Name, Name: sym.Name, Addr: old.Value, Size: old.Size, SHA256: hex.EncodeToString(sum[:]), Reason: "test",
		})
	}
	b.patch.Functions = append(b.patch.Functions, f)
}
