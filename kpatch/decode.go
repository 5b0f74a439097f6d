package kpatch

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// Load decodes the file at path, of which the patch has to be all.
func Load(path string) (*Patch, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p, err := Decode(data)
	if err == nil && len(data) > HeaderSize+len(p.Object) {
		err = fault.Refuse(fault.FormatCorrupt, "", "%d bytes behind its end", len(data)-HeaderSize-len(p.Object))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// Decode reads a file, ours or LibcarePlus'. The result refers to data. Sections in any order, further symbols and
// relocation types of others are kept as they are: whoever applies the patch decides about them.
func Decode(data []byte) (*Patch, error) {
	h, err := decodeHeader(data)
	if err != nil {
		return nil, err
	}
	if err := checkExtent(&h, len(data)); err != nil {
		return nil, err
	}
	file := data[:h.TotalSize]
	if err := checkDigest(file, false); err != nil {
		return nil, err
	}
	object, machine, err := parseObject(file[HeaderSize:])
	if err != nil {
		return nil, err
	}
	if err := checkDigest(file, object.Section(kpname.Digest) != nil || object.Section(kpname.Meta) != nil); err != nil {
		return nil, err
	}
	p := &Patch{ID: h.ID, BuildID: h.BuildID, Machine: machine, BuildTime: h.BuildTime, Object: file[HeaderSize:]}
	p.Symbols = decodeSymbols(object)
	if p.Sections, err = decodeSections(p.Machine, object); err != nil {
		return nil, err
	}
	if p.Functions, err = decodeFunctions(p); err != nil {
		return nil, err
	}
	if s := p.section(kpname.Meta); s != nil {
		p.Meta, err = decodeMeta(s.Data)
	}
	if err != nil {
		return nil, err
	}
	return p, checkRoles(p)
}

// checkExtent checks the header fields that say where in the file the ELF object lies.
func checkExtent(h *Header, size int) error {
	switch {
	case h.KpatchOffset != HeaderSize:
		return fault.Refuse(fault.FormatCorrupt, "header", "ELF object at %d, want %d", h.KpatchOffset, HeaderSize)
	case h.TotalSize < HeaderSize+elfHeaderSize:
		return fault.Refuse(fault.FormatCorrupt, "header", "total size %d leaves no room for an ELF object", h.TotalSize)
	case uint64(h.TotalSize) > uint64(size):
		return fault.Refuse(fault.FormatTruncated, "", "file ends after %d of %d bytes", size, h.TotalSize)
	case h.TotalSize > HeaderSize+maxObjectSize:
		return fault.Refuse(fault.FormatCorrupt, "header", "total size %d is too large", h.TotalSize)
	}
	return nil
}

const elfHeaderSize = 64

// Machine returns what a file says it is for, whatever else is wrong with it; EM_NONE if it is too short.
func Machine(data []byte) elf.Machine {
	const at = HeaderSize + 18 // e_machine
	if len(data) < at+2 {
		return elf.EM_NONE
	}
	return elf.Machine(binary.LittleEndian.Uint16(data[at:]))
}

// parseObject parses the ELF object and checks that it is one that patches of a machine consist of.
func parseObject(data []byte) (*elfobj.File, *arch.Target, error) {
	f, err := elfobj.Parse(data)
	if errors.Is(err, elfobj.ErrNotELF) {
		return nil, nil, fault.Refuse(fault.FormatCorrupt, "", "no ELF object behind the header")
	}
	if err != nil {
		return nil, nil, fault.Refuse(fault.FormatCorrupt, "ELF object", "unreadable").WithCause(err)
	}
	machine, known := arch.ByMachine(f.Machine)
	switch {
	case !known:
		return nil, nil, fault.Refuse(fault.FormatMachine, "", "made for machine %v, which is not supported", f.Machine)
	case f.Type != elf.ET_REL:
		return nil, nil, fault.Refuse(fault.FormatCorrupt, "ELF object", "type %v, want ET_REL", f.Type)
	case len(f.Segments) > 0:
		return nil, nil, fault.Refuse(fault.FormatCorrupt, "ELF object", "%d program headers, want none", len(f.Segments))
	}
	return f, machine, nil
}

func decodeSymbols(object *elfobj.File) []Symbol {
	symbols := make([]Symbol, len(object.Symbols))
	for i, s := range object.Symbols {
		symbols[i] = Symbol{
			Name: s.Name, Version: s.Version, Type: s.Type, Bind: s.Bind, Section: s.Section, Value: s.Value, Size: s.Size,
		}
	}
	return symbols
}

func decodeSections(machine *arch.Target, object *elfobj.File) ([]Section, error) {
	relas, err := object.AllRelas()
	if err != nil {
		return nil, fault.Refuse(fault.FormatCorrupt, "ELF object", "unreadable relocations").WithCause(err)
	}
	sections := make([]Section, len(object.Sections))
	for i, s := range object.Sections {
		sections[i] = Section{
			Name: s.Name, Type: s.Type, Flags: s.Flags, Addr: s.Addr, Offset: s.Offset, Size: s.Size, Align: s.Align, Data: s.Data,
		}
		if sections[i].Relocs, err = decodeRelocs(machine, &sections[i], relas[i]); err != nil {
			return nil, err
		}
	}
	return sections, nil
}

func decodeRelocs(machine *arch.Target, s *Section, relas []elfobj.Rela) ([]Reloc, error) {
	if len(relas) == 0 {
		return nil, nil
	}
	if s.Data == nil {
		return nil, corrupt(s.Name, "relocations for a section without contents")
	}
	relocs := make([]Reloc, len(relas))
	for i, r := range relas {
		typ := machine.Reloc(r.Type)
		if width := max(relocWidth(typ), 1); r.Offset > s.Size || s.Size-r.Offset < width {
			return nil, corrupt(s.Name, "relocation %d (%v) at 0x%x is past the section's %d bytes", i, typ, r.Offset, s.Size)
		}
		relocs[i] = Reloc{Offset: r.Offset, Type: typ, Symbol: r.Symbol, Addend: r.Addend}
	}
	sort.SliceStable(relocs, func(a, b int) bool { return relocs[a].Offset < relocs[b].Offset })
	return relocs, nil
}

// decodeFunctions reads .kpatch.info: entries whose addresses are relocations, up to the terminator.
func decodeFunctions(p *Patch) ([]Function, error) {
	s := p.section(kpname.Info)
	if s == nil {
		return nil, corrupt(kpname.Info, "missing")
	}
	relocs := map[uint64]Reloc{}
	for _, r := range s.Relocs {
		if r.Type.Kind == arch.None {
			continue
		}
		gate := r.Type.Kind == arch.GlobDat && r.Offset%InfoEntrySize == infoVia
		if _, twice := relocs[r.Offset]; twice || r.Type.Kind != arch.Abs64 && !gate {
			return nil, corrupt(kpname.Info, "0x%x: relocation %v where one address belongs", r.Offset, r.Type)
		}
		relocs[r.Offset] = r
	}
	var functions []Function
	names := map[int]string{}
	for at := uint64(0); ; at += InfoEntrySize {
		if isTerminator(s.Data[at:], relocs, at) {
			return functions, checkInfoEnd(s, at+InfoTerminatorSize)
		}
		if uint64(len(s.Data))-at < InfoEntrySize {
			return nil, corrupt(kpname.Info, "no terminator after %d entries", len(functions))
		}
		f, err := decodeFunction(p, s.Data[at:at+InfoEntrySize], at, relocs, names)
		if err != nil {
			return nil, err
		}
		functions = append(functions, f)
	}
}

func isTerminator(rest []byte, relocs map[uint64]Reloc, at uint64) bool {
	_, old := relocs[at]
	_, new := relocs[at+8]
	return len(rest) >= InfoTerminatorSize && allZero(rest[:InfoTerminatorSize]) && !old && !new
}

// allZero reports whether there is nothing but zeros.
func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// checkInfoEnd refuses entries behind the terminator: the loader would never see them.
func checkInfoEnd(s *Section, end uint64) error {
	for _, r := range s.Relocs {
		if r.Offset >= end {
			return corrupt(kpname.Info, "relocation at 0x%x behind the terminator", r.Offset)
		}
	}
	return nil
}

func decodeFunction(p *Patch, entry []byte, at uint64, relocs map[uint64]Reloc, names map[int]string) (Function, error) {
	f := Function{OldSize: order.Uint32(entry[16:]), NewSize: order.Uint32(entry[20:])}
	var err error
	if r, ok := relocs[at+24]; ok {
		if f.Name, err = infoName(p, r, names); err != nil {
			return Function{}, err
		}
	}
	where := func(field string) string { return fmt.Sprintf("entry at 0x%x (%s): %s", at, f.Name, field) }
	if r, ok := relocs[at]; ok {
		if f.Old, err = p.locate(r); err != nil {
			return Function{}, corrupt(kpname.Info, "%s: %v", where("old address"), err)
		}
		if !p.Sections[f.Old.Section].Original() {
			return Function{}, corrupt(kpname.Info, "%s is in no section of the original", where("old address"))
		}
	} else if f.OldSize != 0 || order.Uint64(entry) != 0 {
		return Function{}, corrupt(kpname.Info, "%s has no relocation", where("old address"))
	}
	r, ok := relocs[at+8]
	if !ok {
		return Function{}, corrupt(kpname.Info, "%s has no relocation", where("new address"))
	}
	if f.New, err = p.locate(r); err != nil {
		return Function{}, corrupt(kpname.Info, "%s: %v", where("new address"), err)
	}
	if !inside(p, f.New, max(f.NewSize, 1)) || p.Sections[f.New.Section].Data == nil {
		return Function{}, corrupt(kpname.Info, "%s: %v and %d bytes are not in the patch", where("new code"), f.New, f.NewSize)
	}
	r, ok = relocs[at+infoVia]
	if !ok || r.Type.Kind != arch.GlobDat {
		return f, nil
	}
	if role := kpname.Role(order.Uint32(entry[40:])); role != InfoGate {
		f.Role = role
		return f, checkRole(p, &f, r, where("role"))
	}
	if f.Via, err = p.locate(r); err != nil || !p.Sections[f.Via.Section].Original() || order.Uint32(entry[40:]) != InfoGate || f.IsNew() {
		return Function{}, corrupt(kpname.Info, "%s: no place in the original, or no original function", where("gate"))
	}
	return f, nil
}

// infoName returns the name that a relocation refers to. names holds each section once as a string, so that many
// overlapping names cost no memory of their own.
func infoName(p *Patch, r Reloc, names map[int]string) (string, error) {
	l, err := p.locate(r)
	if err != nil {
		return "", corrupt(kpname.Info, "name at 0x%x: %v", r.Offset, err)
	}
	text, ok := names[l.Section]
	if !ok {
		text = string(p.Sections[l.Section].Data)
		names[l.Section] = text
	}
	if l.Offset < uint64(len(text)) {
		if name, _, ended := strings.Cut(text[l.Offset:], "\x00"); ended {
			return name, nil
		}
	}
	return "", corrupt(kpname.Info, "name at 0x%x: %v is no string", r.Offset, l)
}

// locate returns the place a relocation refers to, which must be in a section.
func (p *Patch) locate(r Reloc) (Location, error) {
	if r.Symbol >= len(p.Symbols) {
		return Location{}, fmt.Errorf("symbol %d of %d", r.Symbol, len(p.Symbols))
	}
	s := &p.Symbols[r.Symbol]
	if s.Section <= 0 || s.Section >= len(p.Sections) {
		return Location{}, fmt.Errorf("symbol %d %q is in no section", r.Symbol, s.Name)
	}
	l := Location{Section: s.Section, Offset: uint64(r.Addend)}
	if s.Type != elf.STT_SECTION { // LibcarePlus leaves link addresses of the patched build in section symbols
		l.Offset += s.Value
	}
	if size := p.Sections[s.Section].Size; l.Offset > size {
		return Location{}, fmt.Errorf("0x%x is past the %d bytes of section %s", l.Offset, size, p.Sections[s.Section].Name)
	}
	return l, nil
}

// section returns the first section of that name, or nil.
func (p *Patch) section(name string) *Section {
	for i := range p.Sections {
		if p.Sections[i].Name == name {
			return &p.Sections[i]
		}
	}
	return nil
}

func corrupt(section, format string, args ...any) error {
	return fault.Refuse(fault.FormatCorrupt, "section "+section, format, args...)
}
