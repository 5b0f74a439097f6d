package unlink

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// frames writes the part of the unwind table that is about the unit's code (LSB 5.0, Core, section 10.6.1).
func (b *builder) frames() error {
	s := b.program.file.Section(".eh_frame")
	if s == nil || s.Data == nil {
		return nil
	}
	t := &table{builder: b, from: s, heads: map[uint64]uint64{}}
	for at := uint64(0); at+8 <= s.Size; {
		length, id := uint64(binary.LittleEndian.Uint32(s.Data[at:])), uint64(binary.LittleEndian.Uint32(s.Data[at+4:]))
		end := at + 4 + length
		if length == 0 {
			break
		}
		if end > s.Size || length < 8 {
			return fmt.Errorf("section %s: entry at 0x%x: %d bytes", s.Name, at, length)
		}
		if id != 0 {
			if err := t.entry(at, end, at+4-id); err != nil {
				return fmt.Errorf("section %s: entry at 0x%x: %w", s.Name, at, err)
			}
		}
		at = end
	}
	if len(t.data) == 0 {
		return nil
	}
	i := b.section(elfobj.Section{Name: ".eh_frame", Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC, Align: 8, Data: t.data})
	b.relas[i] = t.relas
	return nil
}

// table is the unwind table of the object, as far as it is written.
type table struct {
	*builder
	from  *elfobj.Section
	data  []byte
	relas []elfobj.Rela
	heads map[uint64]uint64 // entries that others refer to, in the program -> in the object
}

// entry writes the entry at [at, end) of the program's table, which refers to another one, if it is about code of the unit.
func (t *table) entry(at, end, head uint64) error {
	if head > at || !countsDistances(t.from.Data[head:at]) {
		return fmt.Errorf("it says in another way where its code is")
	}
	q := t.codeAt(t.from.Addr+at+8, t.from.Data[at+8:end])
	if q == nil {
		return nil
	}
	if _, known := t.heads[head]; !known {
		t.heads[head] = uint64(len(t.data))
		t.data = append(t.data, t.from.Data[head:min(head+4+uint64(binary.LittleEndian.Uint32(t.from.Data[head:])), t.from.Size)]...)
	}
	here := uint64(len(t.data))
	t.data = append(t.data, t.from.Data[at:end]...)
	binary.LittleEndian.PutUint32(t.data[here+4:], uint32(here+4-t.heads[head]))
	clear(t.data[here+8 : here+12])
	t.relas = append(t.relas, elfobj.Rela{
		Offset: here + 8, Type: t.program.target.RelocOf(arch.PC32).Number, Symbol: t.labels[q.index],
		Addend: int64(t.pc(t.from.Addr+at+8, t.from.Data[at+8:end]) - q.start),
	})
	return nil
}

// countsDistances reports whether entries that refer to one say where code is by a distance of 32 bits, as compilers write them; those with
// handlers are read elsewhere.
func countsDistances(head []byte) bool {
	const relative4 = 0x1b // DW_EH_PE_pcrel | DW_EH_PE_sdata4
	if len(head) < 16 {
		return false
	}
	augmentation, rest, _ := bytes.Cut(head[9:], []byte{0})
	if bytes.HasPrefix(augmentation, []byte("zP")) {
		return true
	}
	// behind it one byte each: two alignments, the register of the return address, how much follows, the encoding
	return bytes.HasPrefix(augmentation, []byte("zR")) && len(rest) > 4 && rest[4] == relative4
}

// pc is the code that an entry is about, whose field for it is at addr: a distance of 32 bits, as all compilers write it.
func (b *builder) pc(addr uint64, field []byte) uint64 {
	return addr + uint64(int64(int32(binary.LittleEndian.Uint32(field))))
}

// codeAt returns the part with the code that an entry is about, nil for that of others.
func (b *builder) codeAt(addr uint64, field []byte) *part {
	pc := b.pc(addr, field)
	for _, q := range b.parts {
		if isCode(q.from) && q.start <= pc && pc < q.end {
			return q
		}
	}
	return nil
}
