package ld

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"sort"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// image is the original binary, read by link address.
type image struct {
	*elfobj.File
	target   *arch.Target
	machine  machine
	kind     linkKind
	sections []OrigSection // those that take room in memory, by address
}

// linkKind is what sort of file the binary is.
type linkKind struct {
	shared   bool // a shared library, not a position independent executable
	fixed    bool // loads at its link address
	dynamic  bool // has a dynamic section
	bindNow  bool // slots are filled before the program runs
	symbolic bool // -Bsymbolic
}

func openImage(bin *elfobj.File) (*image, error) {
	target, ok := arch.ByMachine(bin.Machine)
	machine := machineOf(target)
	if !ok || machine == nil {
		return nil, fault.Refuse(fault.ForeignMachine, "original binary", "machine %v, want EM_X86_64 or EM_AARCH64", bin.Machine)
	}
	return &image{File: bin, target: target, machine: machine, kind: kindOf(bin), sections: originalSections(bin)}, nil
}

// kindOf tells shared libraries from position independent executables, which are both ET_DYN: DF_1_PIE marks the
// latter since binutils 2.26, before that an interpreter without a DT_SONAME.
func kindOf(bin *elfobj.File) linkKind {
	tags := dynamicTags(bin)
	_, soname := tags[elf.DT_SONAME]
	_, symbolic := tags[elf.DT_SYMBOLIC]
	_, now := tags[elf.DT_BIND_NOW]
	flags, flags1 := elf.DynFlag(tags[elf.DT_FLAGS]), elf.DynFlag1(tags[elf.DT_FLAGS_1])
	pie := flags1&elf.DF_1_PIE != 0 || hasSegment(bin, elf.PT_INTERP) && !soname
	return linkKind{
		shared:   bin.Type == elf.ET_DYN && !pie && len(tags) > 0,
		fixed:    bin.Type == elf.ET_EXEC,
		dynamic:  len(tags) > 0,
		bindNow:  now || flags&elf.DF_BIND_NOW != 0 || flags1&elf.DF_1_NOW != 0,
		symbolic: symbolic || flags&elf.DF_SYMBOLIC != 0,
	}
}

func dynamicTags(bin *elfobj.File) map[elf.DynTag]uint64 {
	tags := map[elf.DynTag]uint64{}
	for i := range bin.Sections {
		s := &bin.Sections[i]
		if s.Type != elf.SHT_DYNAMIC {
			continue
		}
		for b := s.Data; len(b) >= 16; b = b[16:] {
			tags[elf.DynTag(binary.LittleEndian.Uint64(b))] = binary.LittleEndian.Uint64(b[8:])
		}
	}
	return tags
}

func hasSegment(bin *elfobj.File, t elf.ProgType) bool {
	for _, p := range bin.Segments {
		if p.Type == t {
			return true
		}
	}
	return false
}

// originalSections lists the sections that take room in memory. .tbss does not: its addresses are those of its neighbours.
func originalSections(bin *elfobj.File) []OrigSection {
	var out []OrigSection
	for _, s := range bin.Sections {
		if s.Flags&elf.SHF_ALLOC == 0 || s.Addr == 0 || s.Type == elf.SHT_NOBITS && s.Flags&elf.SHF_TLS != 0 {
			continue
		}
		out = append(out, OrigSection{s.Name, s.Addr, s.Size, max(s.Align, 1), s.Flags})
	}
	sortSections(out)
	return out
}

// tlsBase is the link address that the values of thread-local symbols count from.
func (im *image) tlsBase() uint64 {
	if seg := im.TLS(); seg != nil {
		return seg.Vaddr
	}
	return 0
}

// locate expresses a link address as an offset into an original section. One past the end counts as inside, for
// symbols such as _end, when no other section begins there.
func (im *image) locate(addr uint64) (Target, bool) {
	end := -1
	for i, s := range im.sections {
		if s.Addr <= addr && addr < s.Addr+s.Size {
			return Target{InOriginal, i, addr - s.Addr}, true
		}
		if addr == s.Addr+s.Size {
			end = i
		}
	}
	if end < 0 {
		return Target{}, false
	}
	return Target{InOriginal, end, addr - im.sections[end].Addr}, true
}

func sortSections(s []OrigSection) {
	sort.SliceStable(s, func(i, k int) bool { return s[i].Addr < s[k].Addr })
}

// holds reports whether the binary has these bytes at an address, where no one writes.
func (im *image) holds(addr uint64, text string) bool {
	b, ok := im.BytesAt(addr, uint64(len(text)))
	if !ok || string(b) != text {
		return false
	}
	t, ok := im.locate(addr)
	return ok && im.sections[t.Index].Flags&elf.SHF_WRITE == 0
}

// stringAt returns where the one string of the binary's read-only data is that has a text, 0 if none or several are. A string that the
// linker merged for an input which is not at hand is there once, from its start on.
func (im *image) stringAt(text string) (addr uint64) {
	for i := range im.Sections {
		s := &im.Sections[i]
		if s.Flags&elf.SHF_ALLOC == 0 || s.Flags&(elf.SHF_WRITE|elf.SHF_EXECINSTR) != 0 || s.Type != elf.SHT_PROGBITS {
			continue
		}
		for from := 0; ; {
			at := bytes.Index(s.Data[from:], []byte(text))
			if at < 0 {
				break
			}
			if at += from; at == 0 || s.Data[at-1] == 0 {
				if addr != 0 {
					return 0
				}
				addr = s.Addr + uint64(at)
			}
			from = at + 1
		}
	}
	return addr
}

// between counts the bytes from the end of a section of the binary to the next one, as far as the file has them: they are nobody's.
func (im *image) between(end uint64) uint64 {
	next := end
	for i := len(im.sections) - 1; i >= 0; i-- {
		switch s := im.sections[i]; {
		case s.Addr >= end:
			next = s.Addr
		case end < s.Addr+s.Size:
			return 0
		}
	}
	if _, ok := im.BytesAt(end, next-end); !ok {
		return 0
	}
	return next - end
}
