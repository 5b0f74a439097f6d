package inspect

import (
	"debug/elf"
	"encoding/binary"
	"io"
	"slices"

	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// Symbol is the definition that an import is bound to.
type Symbol struct {
	Name    string
	Version string // of the definition, "" if it has none
	Object  *Object
	Addr    Addr // of an IFUNC: its resolver. Meaningless for TLS
	Value   uint64
	Size    uint64
	Type    elf.SymType
}

// IFunc reports whether the symbol's address is that of a resolver, not of the function.
func (s *Symbol) IFunc() bool { return s.Type == elf.STT_GNU_IFUNC }

// TLS reports whether the symbol is a thread-local variable, whose Value is an offset in its object's TLS block.
func (s *Symbol) TLS() bool { return s.Type == elf.STT_TLS }

// Lookup finds the definition of a name as ld.so binds it: in the executable, then in the objects of the link map's
// order. With a version only that version does, or an object that has none; without one, the default version.
// Objects whose file cannot be read are an error, as they may hold the definition: refuse rather than bind past them.
func (p *Process) Lookup(name, version string) (Symbol, error) {
	for _, o := range p.scope() {
		if err := o.Load(); err != nil {
			return Symbol{}, err
		}
		if s, ok := o.lookup(name, version); ok {
			return s, nil
		}
	}
	full := name
	if version != "" {
		full += "@" + version
	}
	return Symbol{}, fault.Refuse(fault.Unresolved, p.where(), "symbol %q is defined in no object of the process", full).
		WithHint("the patch needs a library that the process has not loaded")
}

// FirstBefore returns the first object that defines a name and in which ld.so looks before it does in another one, nil if there is none.
func (p *Process) FirstBefore(o *Object, name string) (*Object, error) {
	for _, before := range p.scope() {
		if before == o {
			break
		}
		if err := before.Load(); err != nil {
			return nil, err
		}
		if _, found := before.lookup(name, ""); found {
			return before, nil
		}
	}
	return nil, nil
}

func (o *Object) lookup(name, version string) (Symbol, bool) {
	var versym []byte
	for i := range o.ELF.DynSymbols {
		s := &o.ELF.DynSymbols[i]
		if s.Name != name || !exported(s) {
			continue
		}
		if versym == nil {
			versym = versionTable(o.ELF)
		}
		if !versionMatches(s, version, versym) {
			continue
		}
		return Symbol{
			Name: name, Version: s.Version, Object: o, Addr: o.Addr(LinkAddr(s.Value)),
			Value: s.Value, Size: s.Size, Type: s.Type,
		}, true
	}
	return Symbol{}, false
}

// exported reports whether ld.so would bind a reference of another object to s.
func exported(s *elfobj.Symbol) bool {
	bound := s.Bind == elf.STB_GLOBAL || s.Bind == elf.STB_WEAK || s.Bind == elf.STB_LOOS // STB_GNU_UNIQUE
	seen := s.Vis == elf.STV_DEFAULT || s.Vis == elf.STV_PROTECTED
	return bound && seen && s.Section != int(elf.SHN_UNDEF)
}

// versionMatches follows ld.so: bit 15 of an entry of .gnu.version hides the symbol from requests without a version;
// index 0 is local, 1 unversioned (Linux Standard Base Core 5.0, section 10.7.2).
func versionMatches(s *elfobj.Symbol, version string, versym []byte) bool {
	if len(versym) < 2*s.Index+2 {
		return version == "" || s.Version == "" || s.Version == version
	}
	index := binary.LittleEndian.Uint16(versym[2*s.Index:])
	switch {
	case index&0x7fff == 0:
		return false
	case version == "":
		return index&0x8000 == 0
	}
	return s.Version == version || s.Version == "" && index&0x8000 == 0
}

// versionTable returns .gnu.version, nil if the file has none.
func versionTable(f *elfobj.File) []byte {
	for i := range f.Sections {
		if f.Sections[i].Type == elf.SHT_GNU_VERSYM {
			return f.Sections[i].Data
		}
	}
	for _, seg := range f.Segments {
		if seg.Type != elf.PT_DYNAMIC || len(f.Sections) > 0 {
			continue
		}
		table, ok := f.BytesAt(seg.Vaddr, seg.Filesz)
		for ; ok && len(table) >= 16; table = table[16:] {
			if elf.DynTag(binary.LittleEndian.Uint64(table)) == elf.DT_VERSYM {
				data, _ := f.BytesAt(binary.LittleEndian.Uint64(table[8:]), uint64(2*len(f.DynSymbols)))
				return data
			}
		}
	}
	return nil
}

// maxLinkMap bounds the walk along the link map.
const maxLinkMap = 1 << 16

// scope returns the objects in the order in which ld.so searches them: along the link map (glibc <link.h>), which begins
// with the executable, lists libraries loaded at start breadth-first and later ones after them. Objects that are not in
// it (another namespace) are left out; where there is none yet, all objects follow the executable in order of address.
func (p *Process) scope() []*Object {
	var scope []*Object
	for _, entry := range p.linkMap() {
		if o := p.linked(entry); o != nil && !slices.Contains(scope, o) {
			scope = append(scope, o)
		}
	}
	if len(scope) > 0 {
		return scope
	}
	if main := p.Main(); main != nil {
		scope = append(scope, main)
	}
	for i := range p.Objects {
		if !p.Objects[i].Main {
			scope = append(scope, &p.Objects[i])
		}
	}
	return scope
}

// linked returns the object of an entry, nil for those without a file (the vdso).
func (p *Process) linked(entry linkMapEntry) *Object {
	for i := range p.Objects {
		o := &p.Objects[i]
		if o.Bias == entry.bias && o.dyn.vaddr != 0 && o.Addr(LinkAddr(o.dyn.vaddr)) == entry.dynamic {
			return o
		}
	}
	return nil
}

type linkMapEntry struct {
	bias    Addr // l_addr
	dynamic Addr // l_ld
	name    Addr // l_name
}

// linkMap walks the list that DT_DEBUG of the executable leads to; nil for static programs and before ld.so has set it up.
// Only executables have DT_DEBUG, and the kernel's executable is ld.so itself when that was called by name, so all are
// asked.
func (p *Process) linkMap() []linkMapEntry {
	for i := range p.Objects {
		o := &p.Objects[i]
		if o.dyn.filesz == 0 || o.dyn.filesz > 1<<16 {
			continue
		}
		dynamic := make([]byte, o.dyn.filesz)
		if _, err := p.mem.ReadAt(dynamic, int64(o.Addr(LinkAddr(o.dyn.vaddr)))); err != nil {
			continue
		}
		if debug := debugAddr(dynamic); debug != 0 {
			return readLinkMap(p.mem, debug)
		}
	}
	return nil
}

func debugAddr(dynamic []byte) Addr {
	for ; len(dynamic) >= 16; dynamic = dynamic[16:] {
		if elf.DynTag(binary.LittleEndian.Uint64(dynamic)) == elf.DT_DEBUG {
			return Addr(binary.LittleEndian.Uint64(dynamic[8:]))
		}
	}
	return 0
}

// readLinkMap reads struct r_debug {int r_version; struct link_map *r_map; …} and the list of
// struct link_map {l_addr; l_name; l_ld; l_next; l_prev}. A list that does not end is cut.
func readLinkMap(mem io.ReaderAt, debug Addr) []linkMapEntry {
	var r [16]byte
	if debug == 0 {
		return nil
	}
	if _, err := mem.ReadAt(r[:], int64(debug)); err != nil {
		return nil
	}
	var list []linkMapEntry
	next := binary.LittleEndian.Uint64(r[8:])
	for next != 0 && len(list) < maxLinkMap {
		var e [40]byte
		if _, err := mem.ReadAt(e[:], int64(next)); err != nil {
			return list
		}
		list = append(list, linkMapEntry{
			bias:    Addr(binary.LittleEndian.Uint64(e[0:])),
			dynamic: Addr(binary.LittleEndian.Uint64(e[16:])),
			name:    Addr(binary.LittleEndian.Uint64(e[8:])),
		})
		next = binary.LittleEndian.Uint64(e[24:])
	}
	return list
}
