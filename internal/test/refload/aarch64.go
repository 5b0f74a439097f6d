package refload

import (
	"debug/elf"
	"fmt"
)

// machine is what differs between the machines of the format.
type machine struct {
	undoSize uint64
	slot     string // code of a slot in the jump table
	width    func(typ uint32) uint64
	store    func(b []byte, r relocation) error
}

// relocation is one of which everything is known.
type relocation struct {
	typ     uint32
	symbol  *symbol
	addend  uint64
	place   uint64 // address
	section string
}

var machines = map[uint16]*machine{
	uint16(elf.EM_X86_64):  {5, "\xff\x25\x02\x00\x00\x00\x90\x90", x86Width, storeX86},
	uint16(elf.EM_AARCH64): {4, "\x51\x00\x00\x58\x20\x02\x1f\xd6", armWidth, storeArm},
}

func armWidth(typ uint32) uint64 {
	switch elf.R_AARCH64(typ) {
	case elf.R_AARCH64_ABS64, elf.R_AARCH64_GLOB_DAT, elf.R_AARCH64_PREL64:
		return 8
	}
	return 4
}

// storeArm computes and stores a relocation of aarch64. What does not fit is an error.
func storeArm(b []byte, r relocation) error {
	v := r.symbol.value + r.addend
	if typ := elf.R_AARCH64(r.typ); typ == elf.R_AARCH64_ABS64 || typ == elf.R_AARCH64_GLOB_DAT {
		if r.symbol.slot && (typ == elf.R_AARCH64_GLOB_DAT || r.section == ".kpatch.info") {
			v = r.symbol.target + r.addend
		}
		le.PutUint64(b, v)
		return nil
	}
	op, d := le.Uint32(b), int64(v-r.place)
	switch typ := elf.R_AARCH64(r.typ); typ {
	case elf.R_AARCH64_PREL64:
		le.PutUint64(b, uint64(d))
		return nil
	case elf.R_AARCH64_PREL32:
		le.PutUint32(b, uint32(d))
		return armFits(d, 31, typ)
	case elf.R_AARCH64_ADR_PREL_PG_HI21:
		pages := (int64(v) >> 12) - (int64(r.place) >> 12)
		if op&0x9f000000 != 0x90000000 {
			return fmt.Errorf("%v: no adrp: 0x%x", typ, op)
		}
		le.PutUint32(b, op&^0x60ffffe0|uint32(pages&3)<<29|uint32(pages>>2&0x7ffff)<<5)
		return armFits(pages, 20, typ)
	case elf.R_AARCH64_CALL26, elf.R_AARCH64_JUMP26:
		if op&0x7c000000 != 0x14000000 || d&3 != 0 {
			return fmt.Errorf("%v: no jump to an instruction: 0x%x, %d bytes", typ, op, d)
		}
		le.PutUint32(b, op&^0x3ffffff|uint32(d>>2)&0x3ffffff)
		return armFits(d, 27, typ)
	default:
		return fmt.Errorf("relocation type %v", typ)
	}
}

// armFits refuses a value that is not among those of so many bits and a sign.
func armFits(v int64, bits uint, typ elf.R_AARCH64) error {
	if v < -1<<bits || v >= 1<<bits {
		return fmt.Errorf("%v cannot hold %d", typ, v)
	}
	return nil
}
