package ld

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strings"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// slots are the places through which the original binary reaches what is known only at run time. All are link
// addresses.
type slots struct {
	lazy     map[versioned]uint64 // jump slots by symbol: callable, but an address only once bound
	bound    map[versioned]uint64 // GOT slots by symbol: hold the symbol's address
	local    map[uint64][]uint64  // IRELATIVE slots by the address of the resolver
	relative map[uint64]uint64    // what slots hold that are only relocated
	stubs    map[uint64]uint64    // PLT entries by the slot they jump through
	twice    map[string]bool      // names that stand for several versions
	versions map[string]string    // of the symbols that slots are for
	tls      map[tlsKey][]uint64  // GOT slots of thread-local storage
}

// tlsKey is a thread-local symbol, by name where the dynamic linker looks it up, else by its offset in the TLS block.
type tlsKey struct {
	kind   arch.RelocKind // TLSOffset, TLSModule or TLSDesc
	name   versioned
	offset uint64
}

func (o *Original) readSlots() error {
	o.slots = slots{
		lazy: map[versioned]uint64{}, bound: map[versioned]uint64{}, local: map[uint64][]uint64{}, relative: map[uint64]uint64{},
		stubs: map[uint64]uint64{}, twice: map[string]bool{}, versions: map[string]string{}, tls: map[tlsKey][]uint64{},
	}
	o.copies = map[versioned]bool{}
	relas, err := o.bin.DynRelas()
	if err != nil {
		return fmt.Errorf("original binary: dynamic relocations: %w", err)
	}
	for _, r := range relas {
		o.addSlot(r)
	}
	o.addPacked()
	known := o.slots.addresses()
	for i := range o.bin.Sections {
		s := &o.bin.Sections[i]
		if strings.HasPrefix(s.Name, ".plt") || s.Name == ".iplt" {
			o.decodeStubs(s, known)
		}
	}
	return nil
}

func (o *Original) addSlot(r elfobj.Rela) {
	name, version := "", ""
	if r.Symbol > 0 && r.Symbol < len(o.bin.DynSymbols) {
		name, version = o.bin.DynSymbols[r.Symbol].Name, o.bin.DynSymbols[r.Symbol].Version
		if first, seen := o.slots.versions[name]; seen && first != version {
			o.slots.twice[name] = true
		}
		o.slots.versions[name] = version
		if known := o.imports[name]; known != nil && known.Version != version {
			o.slots.twice[name] = true
		}
	}
	symbol := versioned{name, version}
	switch k := o.target.Reloc(r.Type).Kind; k {
	case arch.JumpSlot:
		o.slots.lazy[symbol] = r.Offset
	case arch.GlobDat:
		o.slots.bound[symbol] = r.Offset
	case arch.IRelative:
		o.slots.local[uint64(r.Addend)] = append(o.slots.local[uint64(r.Addend)], r.Offset)
	case arch.Copy:
		o.copies[symbol] = true
	case arch.Relative:
		o.slots.relative[r.Offset] = uint64(r.Addend)
	case arch.TLSOffset, arch.TLSDesc:
		o.addTLS(tlsKey{k, symbol, uint64(r.Addend)}, r.Offset)
	case arch.TLSModule:
		o.addTLS(tlsKey{k, symbol, o.moduleOffset(name, r.Offset)}, r.Offset)
	}
}

// addPacked adds the slots of packed relative relocations: an even word is the address of one, and those after it have
// their addresses in the bits of odd words, 63 in each (gABI, DT_RELR). What they are relocated by stands in the slots.
func (o *Original) addPacked() {
	const sectionType, word = elf.SectionType(19), 8
	for i := range o.bin.Sections {
		s := &o.bin.Sections[i]
		if s.Type != sectionType {
			continue
		}
		next := uint64(0)
		for b := s.Data; len(b) >= word; b = b[word:] {
			entry := binary.LittleEndian.Uint64(b)
			if entry&1 == 0 {
				o.addRelative(entry)
				next = entry + word
				continue
			}
			for bit := range uint64(63) {
				if entry>>(bit+1)&1 != 0 {
					o.addRelative(next + bit*word)
				}
			}
			next += 63 * word
		}
	}
}

func (o *Original) addRelative(slot uint64) {
	if b, ok := o.bin.BytesAt(slot, 8); ok {
		o.slots.relative[slot] = binary.LittleEndian.Uint64(b)
	}
}

func (o *Original) addTLS(k tlsKey, slot uint64) {
	if k.name != (versioned{}) {
		k.offset = 0
	}
	o.slots.tls[k] = append(o.slots.tls[k], slot)
}

// moduleOffset reads the second word of a pair of slots (module, offset): for a local variable the linker wrote the
// offset there, for a symbol a DTPOFF64 relocation sets it.
func (o *Original) moduleOffset(name string, slot uint64) uint64 {
	b, ok := o.bin.BytesAt(slot+8, 8)
	if name != "" || !ok {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

// addresses returns the slots that a PLT entry may jump through.
func (s *slots) addresses() map[uint64]bool {
	known := map[uint64]bool{}
	for _, m := range []map[versioned]uint64{s.lazy, s.bound} {
		for _, slot := range m {
			known[slot] = true
		}
	}
	for _, list := range s.local {
		for _, slot := range list {
			known[slot] = true
		}
	}
	return known
}

// decodeStubs finds the PLT entries that jump through a known slot. An entry is sh_entsize bytes; linkers that leave
// that 0 align entries to 8. An entry of .plt beside .plt.sec only pushes its number: it jumps through no slot.
func (o *Original) decodeStubs(sec *elfSection, known map[uint64]bool) {
	step := sec.EntSize
	if step == 0 || step%8 != 0 {
		step = 8
	}
	for at := uint64(0); at < uint64(len(sec.Data)); at += step {
		slot, ok := o.machine.stubSlot(sec.Data[at:], sec.Addr+at)
		if !ok || !known[slot] {
			continue
		}
		if _, found := o.slots.stubs[slot]; !found || sec.Name == ".plt.sec" {
			o.slots.stubs[slot] = sec.Addr + at
		}
	}
}

// stub returns the PLT entry for an imported or preemptible function.
func (o *Original) stub(b binding) (uint64, bool) {
	for _, m := range []map[versioned]uint64{o.slots.lazy, o.slots.bound} {
		if slot, ok := m[o.slots.named(b)]; ok {
			if stub, ok := o.slots.stubs[slot]; ok {
				return stub, true
			}
		}
	}
	return 0, false
}

// canonical returns the PLT entry that is the address of an imported function everywhere in the process: the linker
// gives it as the value of the undefined dynamic symbol.
func (o *Original) canonical(b binding) (uint64, bool) {
	addr, found := o.canonicals[o.slots.named(b)]
	return addr, found
}
