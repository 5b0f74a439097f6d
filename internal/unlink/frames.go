package unlink

import (
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
	var data []byte
	var relas []elfobj.Rela
	heads := map[uint64]uint64{} // entries that others refer to, in the program -> in the object
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
			if q := b.at2(s.Addr+at+8, s.Data[at+8:end]); q != nil {
				head := at + 4 - id
				if _, known := heads[head]; !known && head+8 <= s.Size {
					heads[head] = uint64(len(data))
					data = append(data, s.Data[head:min(head+4+uint64(binary.LittleEndian.Uint32(s.Data[head:])), s.Size)]...)
				}
				here := uint64(len(data))
				data = append(data, s.Data[at:end]...)
				binary.LittleEndian.PutUint32(data[here+4:], uint32(here+4-heads[head]))
				clear(data[here+8 : here+12])
				relas = append(relas, elfobj.Rela{
					Offset: here + 8, Type: b.program.target.RelocOf(arch.PC32).Number, Symbol: b.labels[q.index],
					Addend: int64(b.pc(s.Addr+at+8, s.Data[at+8:end]) - q.start),
				})
			}
		}
		at = end
	}
	if len(data) == 0 {
		return nil
	}
	i := b.section(elfobj.Section{Name: ".eh_frame", Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC, Align: 8, Data: data})
	b.relas[i] = relas
	return nil
}

// pc is the code that an entry is about, whose field for it is at addr: a distance of 32 bits, as all compilers write it.
func (b *builder) pc(addr uint64, field []byte) uint64 {
	return addr + uint64(int64(int32(binary.LittleEndian.Uint32(field))))
}

// at2 returns the part with the code that an entry is about, nil for that of others.
func (b *builder) at2(addr uint64, field []byte) *part {
	pc := b.pc(addr, field)
	for _, q := range b.parts {
		if isCode(q.from) && q.start <= pc && pc < q.end {
			return q
		}
	}
	return nil
}
