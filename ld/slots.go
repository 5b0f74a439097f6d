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
	copies   map[versioned]bool   // variables of libraries that the binary has a place for
}

// slotReader finds the slots of a binary.
type slotReader struct {
	slots   *slots
	bin     *image
	imports map[string]*elfobj.Symbol // see symbolTables
}

// tlsKey is a thread-local symbol, by name where the dynamic linker looks it up, else by its offset in the TLS block.
type tlsKey struct {
	kind   arch.RelocKind // TLSOffset, TLSModule or TLSDesc
	name   versioned
	offset uint64
}

func readSlots(bin *image, imports map[string]*elfobj.Symbol) (*slots, error) {
	sr := slotReader{bin: bin, imports: imports, slots: &slots{
		lazy: map[versioned]uint64{}, bound: map[versioned]uint64{}, local: map[uint64][]uint64{}, relative: map[uint64]uint64{},
		stubs: map[uint64]uint64{}, twice: map[string]bool{}, versions: map[string]string{}, tls: map[tlsKey][]uint64{},
		copies: map[versioned]bool{},
	}}
	relas, err := bin.DynRelas()
	if err != nil {
		return nil, fmt.Errorf("original binary: dynamic relocations: %w", err)
	}
	for _, r := range relas {
		sr.add(r)
	}
	sr.addPacked()
	known := sr.slots.addresses()
	for i := range bin.Sections {
		s := &bin.Sections[i]
		if strings.HasPrefix(s.Name, ".plt") || s.Name == ".iplt" {
			sr.decodeStubs(s, known)
		}
	}
	return sr.slots, nil
}

func (sr *slotReader) add(r elfobj.Rela) {
	name, version := "", ""
	if r.Symbol > 0 && r.Symbol < len(sr.bin.DynSymbols) {
		name, version = sr.bin.DynSymbols[r.Symbol].Name, sr.bin.DynSymbols[r.Symbol].Version
		if first, seen := sr.slots.versions[name]; seen && first != version {
			sr.slots.twice[name] = true
		}
		sr.slots.versions[name] = version
		if known := sr.imports[name]; known != nil && known.Version != version {
			sr.slots.twice[name] = true
		}
	}
	symbol := versioned{name, version}
	switch k := sr.bin.target.Reloc(r.Type).Kind; k {
	case arch.JumpSlot:
		sr.slots.lazy[symbol] = r.Offset
	case arch.GlobDat:
		sr.slots.bound[symbol] = r.Offset
	case arch.IRelative:
		sr.slots.local[uint64(r.Addend)] = append(sr.slots.local[uint64(r.Addend)], r.Offset)
	case arch.Copy:
		sr.slots.copies[symbol] = true
	case arch.Relative:
		sr.slots.relative[r.Offset] = uint64(r.Addend)
	case arch.TLSOffset, arch.TLSDesc:
		sr.slots.addTLS(tlsKey{k, symbol, uint64(r.Addend)}, r.Offset)
	case arch.TLSModule:
		sr.slots.addTLS(tlsKey{k, symbol, sr.moduleOffset(name, r.Offset)}, r.Offset)
	}
}

// addPacked adds the slots of packed relative relocations: an even word is the address of one, and those after it have
// their addresses in the bits of odd words, 63 in each (gABI, DT_RELR). What they are relocated by stands in the slots.
func (sr *slotReader) addPacked() {
	const sectionType, word = elf.SectionType(19), 8
	for i := range sr.bin.Sections {
		s := &sr.bin.Sections[i]
		if s.Type != sectionType {
			continue
		}
		next := uint64(0)
		for b := s.Data; len(b) >= word; b = b[word:] {
			entry := binary.LittleEndian.Uint64(b)
			if entry&1 == 0 {
				sr.addRelative(entry)
				next = entry + word
				continue
			}
			for bit := range uint64(63) {
				if entry>>(bit+1)&1 != 0 {
					sr.addRelative(next + bit*word)
				}
			}
			next += 63 * word
		}
	}
}

func (sr *slotReader) addRelative(slot uint64) {
	if b, ok := sr.bin.BytesAt(slot, 8); ok {
		sr.slots.relative[slot] = binary.LittleEndian.Uint64(b)
	}
}

func (s *slots) addTLS(k tlsKey, slot uint64) {
	if k.name != (versioned{}) {
		k.offset = 0
	}
	s.tls[k] = append(s.tls[k], slot)
}

// moduleOffset reads the second word of a pair of slots (module, offset): for a local variable the linker wrote the
// offset there, for a symbol a DTPOFF64 relocation sets it.
func (sr *slotReader) moduleOffset(name string, slot uint64) uint64 {
	b, ok := sr.bin.BytesAt(slot+8, 8)
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
func (sr *slotReader) decodeStubs(sec *elfSection, known map[uint64]bool) {
	step := sec.EntSize
	if step == 0 || step%8 != 0 {
		step = 8
	}
	for at := uint64(0); at < uint64(len(sec.Data)); at += step {
		slot, ok := sr.bin.machine.stubSlot(sec.Data[at:], sec.Addr+at)
		if !ok || !known[slot] {
			continue
		}
		if _, found := sr.slots.stubs[slot]; !found || sec.Name == ".plt.sec" {
			sr.slots.stubs[slot] = sec.Addr + at
		}
	}
}

// bind reports whether the dynamic linker writes what a name means into a slot.
func (s *slots) bind(name string) bool {
	_, lazy := s.lazy[s.latest(name)]
	_, bound := s.bound[s.latest(name)]
	return lazy || bound
}

// load returns a slot that holds the address of what is found at run time, or where a lazy one will do, what leads there.
func (s *slots) load(b binding, lazy bool) (slot uint64, found bool) {
	if slot, found = s.bound[s.named(b)]; !found && lazy {
		slot, found = s.lazy[s.named(b)]
	}
	return slot, found
}

// ofResolver returns the PLT entries of the IFUNCs with a resolver, and the slots that no PLT entry uses.
func (s *slots) ofResolver(addr uint64, name string) (stubs, bare []uint64) {
	list := s.local[addr]
	if slot, found := s.lazy[s.latest(name)]; found {
		list = append(list[:len(list):len(list)], slot)
	}
	for _, slot := range list {
		if stub, found := s.stubs[slot]; found {
			stubs = append(stubs, stub)
		} else {
			bare = append(bare, slot)
		}
	}
	return stubs, bare
}

// stub returns the PLT entry for an imported or preemptible function.
func (s *slots) stub(b binding) (uint64, bool) {
	for _, m := range []map[versioned]uint64{s.lazy, s.bound} {
		if slot, ok := m[s.named(b)]; ok {
			if stub, ok := s.stubs[slot]; ok {
				return stub, true
			}
		}
	}
	return 0, false
}

// tlsSlot finds a GOT slot of the original for a thread-local variable.
func (s *slots) tlsSlot(v tlsVariable, k arch.RelocKind) (uint64, bool) {
	keys := []tlsKey{{k, v.name, 0}}
	if !v.byName {
		keys = append(keys, tlsKey{k, versioned{}, uint64(v.offset)})
	}
	for _, k := range keys {
		if list := s.tls[k]; len(list) > 0 {
			return list[0], true
		}
	}
	return 0, false
}
