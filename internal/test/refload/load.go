package refload

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
)

const (
	magic      = "KPATCH1\x00"
	headerSize = 504
	pageSize   = 4096
)

var le = binary.LittleEndian

// Env is the process a patch is loaded into.
type Env struct {
	Base    uint64                            // address of the mapping for the patch, page-aligned
	Bias    uint64                            // load bias of the original
	BuildID string                            // of the original; not compared when empty
	Resolve func(name string) (uint64, bool)  // looks a name up in the shared libraries
	Read    func(addr uint64, b []byte) error // original code, for the undo area; nil leaves it zero
}

// Image is a loaded patch.
type Image struct {
	ID        string
	Base      uint64
	Bytes     []byte // from Base on
	CodeSize  uint64 // bytes from Base that become read+execute; the rest stays read+write
	JmpOffset uint32
	ElfOffset uint32
	UserUndo  uint32
	UserInfo  uint32
	Functions []Function
	Sections  map[string]uint64 // section name -> address, originals included
}

// Function is an entry of .kpatch.info with run-time addresses.
type Function struct {
	Daddr uint64 // original function, 0 if new
	Saddr uint64 // new function
	Dlen  uint32
	Slen  uint32
	Name  string
}

// Load loads a file.
func Load(file []byte, env Env) (*Image, error) {
	l := &loader{env: env}
	for _, step := range []func() error{
		func() error { return l.readHeader(file) },
		l.readSections, l.readSymbols, l.layOut, l.resolve, l.relocate, l.protect, l.readInfo, l.save,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return l.image, nil
}

type section struct {
	name                      string
	typ, link, info           uint32
	flags, addr, offset, size uint64
}

type symbol struct {
	name    string
	typ     elf.SymType
	bind    elf.SymBind
	section uint16
	value   uint64 // run-time after resolve; of an import: address of its slot
	target  uint64 // of an import: its real address
	slot    bool
}

type loader struct {
	env      Env
	object   []byte
	sections []section
	symbols  []symbol
	undef    int // undefined GLOBAL symbols
	image    *Image
	header   []byte
	machine  *machine
}

func (l *loader) readHeader(file []byte) error {
	if len(file) < headerSize || string(file[:8]) != magic {
		return fmt.Errorf("no patch file")
	}
	total, at := le.Uint32(file[160:]), le.Uint32(file[152:])
	if uint64(total) > uint64(len(file)) || total < headerSize || at > total {
		return fmt.Errorf("total size %d, object at %d, file %d bytes", total, at, len(file))
	}
	id := bytes.IndexByte(file[8:16], 0)
	build := bytes.IndexByte(file[88:129], 0)
	if id <= 0 || build < 0 {
		return fmt.Errorf("id or build ID without an end")
	}
	if got := string(file[88 : 88+build]); l.env.BuildID != "" && got != l.env.BuildID {
		return fmt.Errorf("build ID %s, want %s", got, l.env.BuildID)
	}
	for _, off := range []int{164, 168, 176, 184, 188} {
		if le.Uint32(file[off:]) != 0 {
			return fmt.Errorf("run-time field at %d is set in a file", off)
		}
	}
	if total%16 != headerSize%16 {
		return fmt.Errorf("object is not padded to 16 bytes")
	}
	l.header, l.object = bytes.Clone(file[:headerSize]), bytes.Clone(file[at:total])
	l.image = &Image{ID: string(file[8 : 8+id]), Base: l.env.Base, Sections: map[string]uint64{}}
	return nil
}

func (l *loader) readSections() error {
	o := l.object
	if len(o) < 64 || string(o[:7]) != "\x7fELF\x02\x01\x01" {
		return fmt.Errorf("no ELF64 little-endian object")
	}
	typ, number := le.Uint16(o[16:]), le.Uint16(o[18:])
	if l.machine = machines[number]; typ != 1 || l.machine == nil {
		return fmt.Errorf("e_type %d, e_machine %d, want 1 and 62 or 183", typ, number)
	}
	if le.Uint16(o[58:]) != 64 || le.Uint16(o[56:]) != 0 {
		return fmt.Errorf("e_shentsize or e_phnum")
	}
	off, num, names := le.Uint64(o[40:]), int(le.Uint16(o[60:])), int(le.Uint16(o[62:]))
	if off > uint64(len(o)) || uint64(num)*64 > uint64(len(o))-off || names >= num {
		return fmt.Errorf("section headers past the end")
	}
	nameOffsets := make([]uint32, num)
	for i := range num {
		h := o[off+uint64(i)*64:]
		s := section{
			typ: le.Uint32(h[4:]), flags: le.Uint64(h[8:]), addr: le.Uint64(h[16:]), offset: le.Uint64(h[24:]),
			size: le.Uint64(h[32:]), link: le.Uint32(h[40:]), info: le.Uint32(h[44:]),
		}
		if s.inFile() && (s.offset > uint64(len(o)) || s.size > uint64(len(o))-s.offset) {
			return fmt.Errorf("section %d past the end", i)
		}
		nameOffsets[i] = le.Uint32(h)
		l.sections = append(l.sections, s)
	}
	for i := range l.sections {
		var err error
		if l.sections[i].name, err = l.text(names, nameOffsets[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *section) inFile() bool { return s.typ != uint32(elf.SHT_NOBITS) && s.typ != 0 }

func (l *loader) contents(i int) []byte {
	if i >= len(l.sections) {
		return nil
	}
	if s := &l.sections[i]; s.inFile() {
		return l.object[s.offset : s.offset+s.size]
	}
	return nil
}

// text returns the string at an offset of a string table section.
func (l *loader) text(table int, off uint32) (string, error) {
	data := l.contents(table)
	if uint64(off) < uint64(len(data)) {
		if n := bytes.IndexByte(data[off:], 0); n >= 0 {
			return string(data[off : int(off)+n]), nil
		}
	}
	return "", fmt.Errorf("string at 0x%x of section %d", off, table)
}

func (l *loader) readSymbols() error {
	for i := range l.sections {
		if l.sections[i].typ != uint32(elf.SHT_SYMTAB) {
			continue
		}
		for data := l.contents(i); len(data) >= 24; data = data[24:] {
			name, err := l.text(int(l.sections[i].link), le.Uint32(data))
			if err != nil {
				return err
			}
			s := symbol{
				name: name, typ: elf.ST_TYPE(data[4]), bind: elf.ST_BIND(data[4]), section: le.Uint16(data[6:]),
				value: le.Uint64(data[8:]),
			}
			if s.bind == elf.STB_GLOBAL && s.section == 0 {
				l.undef++
			}
			l.symbols = append(l.symbols, s)
		}
		return nil
	}
	return fmt.Errorf("no symbol table")
}

// layOut places header, jump table, object and undo area.
func (l *loader) layOut() error {
	end := uint64(headerSize)
	if l.undef > 0 {
		l.image.JmpOffset = headerSize
		end += 16 + 16*uint64(l.undef)
	}
	base := up(end, pageSize)
	undo := up(base+uint64(len(l.object)), 128)
	entries := uint64(0)
	for i := range l.sections {
		if l.sections[i].name == ".kpatch.info" {
			l.image.UserInfo = uint32(base + l.sections[i].offset)
			entries = l.sections[i].size / 48
		}
	}
	if l.image.UserInfo == 0 {
		return fmt.Errorf("no .kpatch.info")
	}
	l.image.ElfOffset, l.image.UserUndo = uint32(base), uint32(undo)
	l.image.Bytes = make([]byte, up(undo+l.machine.undoSize*entries, pageSize))
	h := l.image.Bytes
	copy(h, l.header)
	copy(h[base:], l.object)
	le.PutUint32(h[164:], l.image.JmpOffset)
	le.PutUint32(h[168:], l.image.ElfOffset)
	le.PutUint64(h[176:], uint64(len(h)))
	le.PutUint32(h[184:], l.image.UserUndo)
	le.PutUint32(h[188:], l.image.UserInfo)
	for i := range l.sections {
		l.image.Sections[l.sections[i].name] = l.sectionAddr(i)
	}
	return nil
}

func up(n, align uint64) uint64 { return (n + align - 1) / align * align }

func (l *loader) sectionAddr(i int) uint64 {
	s := &l.sections[i]
	if s.typ == uint32(elf.SHT_NOBITS) {
		return s.addr + l.env.Bias
	}
	return l.env.Base + uint64(l.image.ElfOffset) + s.offset
}

// protect checks what mprotect makes of the image.
func (l *loader) protect() error {
	l.image.CodeSize = uint64(len(l.image.Bytes))
	data := -1
	for i := range l.sections {
		if l.sections[i].name == ".kpatch.data" {
			data = i
		}
	}
	if data < 0 {
		return nil
	}
	s := &l.sections[data]
	if s.typ != uint32(elf.SHT_PROGBITS) {
		return fmt.Errorf(".kpatch.data is not PROGBITS")
	}
	if s.offset%pageSize != 0 {
		return fmt.Errorf(".kpatch.data at 0x%x: its first bytes would be protected against writing", s.offset)
	}
	l.image.CodeSize = uint64(l.image.ElfOffset) + s.offset
	for i := range l.sections {
		c := &l.sections[i]
		if c.flags&uint64(elf.SHF_EXECINSTR) != 0 && c.inFile() && c.offset >= s.offset {
			return fmt.Errorf("%s lies in the part that is not executable", c.name)
		}
		if c.flags&uint64(elf.SHF_WRITE) != 0 && c.inFile() && c.offset < s.offset {
			return fmt.Errorf("%s lies in the part that is not writable", c.name)
		}
	}
	return nil
}

// readInfo reads the relocated table of functions.
func (l *loader) readInfo() error {
	for at := uint64(l.image.UserInfo); ; at += 48 {
		b := l.image.Bytes[min(at, uint64(len(l.image.Bytes))):]
		if len(b) >= 24 && allZero(b[:24]) {
			return nil
		}
		if len(b) < 48 {
			return fmt.Errorf(".kpatch.info has no end")
		}
		f := Function{Daddr: le.Uint64(b), Saddr: le.Uint64(b[8:]), Dlen: le.Uint32(b[16:]), Slen: le.Uint32(b[20:])}
		name := le.Uint64(b[24:]) - l.env.Base
		if name >= uint64(len(l.image.Bytes)) {
			return fmt.Errorf("name of entry %d is not in the patch", len(l.image.Functions))
		}
		n := bytes.IndexByte(l.image.Bytes[name:], 0)
		f.Name = string(l.image.Bytes[name : name+uint64(n)])
		if f.Saddr-l.env.Base >= l.image.CodeSize {
			return fmt.Errorf("%s: new code at 0x%x is not in the executable part", f.Name, f.Saddr)
		}
		if (f.Daddr == 0) != (f.Dlen == 0) {
			return fmt.Errorf("%s: address 0x%x and length %d: changed or new?", f.Name, f.Daddr, f.Dlen)
		}
		l.image.Functions = append(l.image.Functions, f)
	}
}

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// save keeps the code that the jumps overwrite, as many bytes for each entry as a jump has, in order.
func (l *loader) save() error {
	for i, f := range l.image.Functions {
		if f.Daddr == 0 || l.env.Read == nil {
			continue
		}
		at := int(l.image.UserUndo) + int(l.machine.undoSize)*i
		if err := l.env.Read(f.Daddr, l.image.Bytes[at:at+int(l.machine.undoSize)]); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}
