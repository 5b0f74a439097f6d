package arch

import (
	"debug/elf"
	"math"
)

// a64MoreNames are the types that debug/elf does not know.
var a64MoreNames = map[uint32]string{
	287: "R_AARCH64_MOVW_PREL_G0", 288: "R_AARCH64_MOVW_PREL_G0_NC", 289: "R_AARCH64_MOVW_PREL_G1", 290: "R_AARCH64_MOVW_PREL_G1_NC",
	291: "R_AARCH64_MOVW_PREL_G2", 292: "R_AARCH64_MOVW_PREL_G2_NC", 293: "R_AARCH64_MOVW_PREL_G3",
	314: "R_AARCH64_PLT32", 315: "R_AARCH64_GOTPCREL32", 519: "R_AARCH64_TLSLD_ADD_LO12_NC",
	552: "R_AARCH64_TLSLE_LDST8_TPREL_LO12", 553: "R_AARCH64_TLSLE_LDST8_TPREL_LO12_NC",
	554: "R_AARCH64_TLSLE_LDST16_TPREL_LO12", 555: "R_AARCH64_TLSLE_LDST16_TPREL_LO12_NC",
	556: "R_AARCH64_TLSLE_LDST32_TPREL_LO12", 557: "R_AARCH64_TLSLE_LDST32_TPREL_LO12_NC",
	558: "R_AARCH64_TLSLE_LDST64_TPREL_LO12", 559: "R_AARCH64_TLSLE_LDST64_TPREL_LO12_NC",
}

func a64RelocName(number uint32) string {
	if name, found := a64MoreNames[number]; found {
		return name
	}
	return elf.R_AARCH64(number).String()
}

// Fields of A64 instructions. A load or store counts in units of what it moves.
var (
	a64Imm26 = Bits{Count: 26, Shift: 2, Aligned: true}
	a64Imm19 = Bits{Count: 19, At: 5, Shift: 2, Aligned: true}
	a64Imm14 = Bits{Count: 14, At: 5, Shift: 2, Aligned: true}
	a64Imm21 = Bits{Count: 21, At: 5, Split: 2, SplitAt: 29}
	a64Pages = Bits{Count: 21, At: 5, Split: 2, SplitAt: 29, Shift: 12, Pages: true}
	a64High  = Bits{Count: 12, At: 10, Shift: 12} // of an addition that shifts it left by 12
	a64Slot  = Bits{Count: 12, At: 10, Shift: 3, Aligned: true}
)

// a64Low is the lowest 12 bits of a value, in an addition (scale 0) or an access of 1<<scale bytes.
func a64Low(scale uint8) Bits { return Bits{Count: 12 - scale, At: 10, Shift: scale, Aligned: true} }

// a64Move is 16 bits of a value, from the bit 16*group on, in MOVZ or MOVK.
func a64Move(group uint8) Bits { return Bits{Count: 16, At: 5, Shift: 16 * group} }

// a64Signed is the same in MOVZ or MOVN, as the sign wants it.
func a64Signed(group uint8) Bits { return Bits{Count: 16, At: 5, Shift: 16 * group, Inverting: true} }

// distance describes a type whose field holds a distance from the place, of an instruction.
func distance(number elf.R_AARCH64, kind RelocKind, bits Bits) RelocType {
	return RelocType{Number: uint32(number), Kind: kind, Width: a64InstructionSize, FromPC: true, Bits: bits}
}

// unsigned describes a type whose field holds a value that is not negative and has no bits above its own.
func unsigned(number elf.R_AARCH64, kind RelocKind, bits Bits) RelocType {
	r := RelocType{Number: uint32(number), Kind: kind, Width: a64InstructionSize, Bits: bits, Max: math.MaxInt64}
	if held := bits.Count + bits.Shift; held < 63 {
		r.Max = 1<<held - 1
	}
	return r
}

// cut describes a type whose field holds some bits of a value, whatever the others are.
func cut(number elf.R_AARCH64, kind RelocKind, bits Bits) RelocType {
	bits.Cut = true
	return unsigned(number, kind, bits)
}

// signed describes a type whose instruction says whether the value is negative.
func signed(number elf.R_AARCH64, kind RelocKind, bits Bits) RelocType {
	held := bits.Count + bits.Shift
	return RelocType{Number: uint32(number), Kind: kind, Width: a64InstructionSize, Bits: bits, Min: -1 << held, Max: 1<<held - 1}
}

// fromPC makes a type's field hold a distance from the place.
func fromPC(r RelocType) RelocType {
	r.FromPC = true
	return r
}

// inPatch lets a patch hold a type.
func inPatch(r RelocType) RelocType {
	r.InPatch = true
	return r
}

// a64Relocs are the static types of the tables 5 to 17 of ELF for the Arm 64-bit Architecture and the dynamic ones of table 18. Those of
// which only the width is given are of the large code model, or of no use in a patch. A displacement that its instruction
// cannot hold as it is not aligned does not fit, where the document leaves that open.
var a64Relocs = []RelocType{
	{Number: uint32(elf.R_AARCH64_NONE), Kind: None},
	{Number: uint32(elf.R_AARCH64_NULL), Kind: None}, // withdrawn
	{Number: uint32(elf.R_AARCH64_ABS64), Kind: Abs64, Width: 8, InPatch: true},
	{Number: uint32(elf.R_AARCH64_ABS32), Kind: Abs32, Width: 4, Min: math.MinInt32, Max: math.MaxUint32},
	{Number: uint32(elf.R_AARCH64_ABS16), Width: 2, Min: math.MinInt16, Max: math.MaxUint16},
	{Number: uint32(elf.R_AARCH64_PREL64), Kind: PC64, Width: 8, FromPC: true, InPatch: true},
	{Number: uint32(elf.R_AARCH64_PREL32), Kind: PC32, Width: 4, FromPC: true, InPatch: true},
	{Number: uint32(elf.R_AARCH64_PREL16), Width: 2, FromPC: true},
	{Number: 314, Kind: PC32, Width: 4, FromPC: true}, // PLT32
	{Number: 315, Width: 4, FromPC: true},             // GOTPCREL32

	unsigned(elf.R_AARCH64_MOVW_UABS_G0, AbsPart, a64Move(0)),
	cut(elf.R_AARCH64_MOVW_UABS_G0_NC, AbsPart, a64Move(0)),
	unsigned(elf.R_AARCH64_MOVW_UABS_G1, AbsPart, a64Move(1)),
	cut(elf.R_AARCH64_MOVW_UABS_G1_NC, AbsPart, a64Move(1)),
	unsigned(elf.R_AARCH64_MOVW_UABS_G2, AbsPart, a64Move(2)),
	cut(elf.R_AARCH64_MOVW_UABS_G2_NC, AbsPart, a64Move(2)),
	cut(elf.R_AARCH64_MOVW_UABS_G3, AbsPart, a64Move(3)),
	signed(elf.R_AARCH64_MOVW_SABS_G0, AbsPart, a64Signed(0)),
	signed(elf.R_AARCH64_MOVW_SABS_G1, AbsPart, a64Signed(1)),
	signed(elf.R_AARCH64_MOVW_SABS_G2, AbsPart, a64Signed(2)),
	fromPC(signed(287, PCPart, a64Signed(0))),
	fromPC(cut(288, PCPart, a64Move(0))),
	fromPC(signed(289, PCPart, a64Signed(1))),
	fromPC(cut(290, PCPart, a64Move(1))),
	fromPC(signed(291, PCPart, a64Signed(2))),
	fromPC(cut(292, PCPart, a64Move(2))),
	fromPC(cut(293, PCPart, a64Move(3))),

	distance(elf.R_AARCH64_ADR_PREL_LO21, Near, a64Imm21),
	distance(elf.R_AARCH64_LD_PREL_LO19, Near, a64Imm19),
	inPatch(distance(elf.R_AARCH64_ADR_PREL_PG_HI21, PagePC, a64Pages)),
	distance(elf.R_AARCH64_ADR_PREL_PG_HI21_NC, PagePC, a64Pages),
	cut(elf.R_AARCH64_ADD_ABS_LO12_NC, PageOffset, a64Low(0)),
	cut(elf.R_AARCH64_LDST8_ABS_LO12_NC, PageOffset, a64Low(0)),
	cut(elf.R_AARCH64_LDST16_ABS_LO12_NC, PageOffset, a64Low(1)),
	cut(elf.R_AARCH64_LDST32_ABS_LO12_NC, PageOffset, a64Low(2)),
	cut(elf.R_AARCH64_LDST64_ABS_LO12_NC, PageOffset, a64Low(3)),
	cut(elf.R_AARCH64_LDST128_ABS_LO12_NC, PageOffset, a64Low(4)),

	inPatch(distance(elf.R_AARCH64_CALL26, Call, a64Imm26)),
	inPatch(distance(elf.R_AARCH64_JUMP26, Jump, a64Imm26)),
	distance(elf.R_AARCH64_CONDBR19, Branch, a64Imm19),
	distance(elf.R_AARCH64_TSTBR14, Branch, a64Imm14),

	distance(elf.R_AARCH64_GOT_LD_PREL19, GOTLoad, a64Imm19),
	distance(elf.R_AARCH64_ADR_GOT_PAGE, GOTPage, a64Pages),
	cut(elf.R_AARCH64_LD64_GOT_LO12_NC, GOTPageOffset, a64Low(3)),
	unsigned(elf.R_AARCH64_LD64_GOTPAGE_LO15, GOTOffset, a64Slot),
	{Number: uint32(elf.R_AARCH64_LD64_GOTOFF_LO15), Width: 4},

	cut(elf.R_AARCH64_TLSLE_ADD_TPREL_LO12_NC, TLSLocalExec, a64Low(0)),
	unsigned(elf.R_AARCH64_TLSLE_ADD_TPREL_LO12, TLSLocalExec, a64Low(0)),
	unsigned(elf.R_AARCH64_TLSLE_ADD_TPREL_HI12, TLSLocalExec, a64High),
	signed(elf.R_AARCH64_TLSLE_MOVW_TPREL_G2, TLSLocalExec, a64Signed(2)),
	signed(elf.R_AARCH64_TLSLE_MOVW_TPREL_G1, TLSLocalExec, a64Signed(1)),
	cut(elf.R_AARCH64_TLSLE_MOVW_TPREL_G1_NC, TLSLocalExec, a64Move(1)),
	signed(elf.R_AARCH64_TLSLE_MOVW_TPREL_G0, TLSLocalExec, a64Signed(0)),
	cut(elf.R_AARCH64_TLSLE_MOVW_TPREL_G0_NC, TLSLocalExec, a64Move(0)),
	unsigned(552, TLSLocalExec, a64Low(0)),
	cut(553, TLSLocalExec, a64Low(0)),
	unsigned(554, TLSLocalExec, a64Low(1)),
	cut(555, TLSLocalExec, a64Low(1)),
	unsigned(556, TLSLocalExec, a64Low(2)),
	cut(557, TLSLocalExec, a64Low(2)),
	unsigned(558, TLSLocalExec, a64Low(3)),
	cut(559, TLSLocalExec, a64Low(3)),
	unsigned(elf.R_AARCH64_TLSLE_LDST128_TPREL_LO12, TLSLocalExec, a64Low(4)),
	cut(elf.R_AARCH64_TLSLE_LDST128_TPREL_LO12_NC, TLSLocalExec, a64Low(4)),

	distance(elf.R_AARCH64_TLSIE_LD_GOTTPREL_PREL19, TLSInitialExec, a64Imm19),
	distance(elf.R_AARCH64_TLSIE_ADR_GOTTPREL_PAGE21, TLSInitialExecPage, a64Pages),
	cut(elf.R_AARCH64_TLSIE_LD64_GOTTPREL_LO12_NC, TLSInitialExecOffset, a64Low(3)),
	{Number: uint32(elf.R_AARCH64_TLSIE_MOVW_GOTTPREL_G1), Width: 4},
	{Number: uint32(elf.R_AARCH64_TLSIE_MOVW_GOTTPREL_G0_NC), Width: 4},

	distance(elf.R_AARCH64_TLSGD_ADR_PREL21, TLSGeneralDynamic, a64Imm21),
	distance(elf.R_AARCH64_TLSGD_ADR_PAGE21, TLSGeneralDynamicPage, a64Pages),
	cut(elf.R_AARCH64_TLSGD_ADD_LO12_NC, TLSGeneralDynamicOffset, a64Low(0)),
	{Number: uint32(elf.R_AARCH64_TLSGD_MOVW_G1), Width: 4},
	{Number: uint32(elf.R_AARCH64_TLSGD_MOVW_G0_NC), Width: 4},
	distance(elf.R_AARCH64_TLSLD_ADR_PREL21, TLSLocalDynamic, a64Imm21),
	distance(elf.R_AARCH64_TLSLD_ADR_PAGE21, TLSLocalDynamicPage, a64Pages),
	cut(519, TLSLocalDynamicOffset, a64Low(0)),

	distance(elf.R_AARCH64_TLSDESC_ADR_PREL21, TLSDescLoad, a64Imm21),
	distance(elf.R_AARCH64_TLSDESC_LD_PREL19, TLSDescLoad, a64Imm19),
	distance(elf.R_AARCH64_TLSDESC_ADR_PAGE21, TLSDescPage, a64Pages),
	cut(elf.R_AARCH64_TLSDESC_ADD_LO12_NC, TLSDescOffset, a64Low(0)),
	cut(elf.R_AARCH64_TLSDESC_LD64_LO12_NC, TLSDescOffset, a64Low(3)),
	{Number: uint32(elf.R_AARCH64_TLSDESC_OFF_G1), Width: 4},
	{Number: uint32(elf.R_AARCH64_TLSDESC_OFF_G0_NC), Width: 4},
	{Number: uint32(elf.R_AARCH64_TLSDESC_LDR), Kind: TLSDescMark},
	{Number: uint32(elf.R_AARCH64_TLSDESC_ADD), Kind: TLSDescMark},
	{Number: uint32(elf.R_AARCH64_TLSDESC_CALL), Kind: TLSDescCall},

	{Number: uint32(elf.R_AARCH64_COPY), Kind: Copy},
	{Number: uint32(elf.R_AARCH64_GLOB_DAT), Kind: GlobDat, Width: 8, InPatch: true},
	{Number: uint32(elf.R_AARCH64_JUMP_SLOT), Kind: JumpSlot, Width: 8},
	{Number: uint32(elf.R_AARCH64_RELATIVE), Kind: Relative, Width: 8},
	{Number: uint32(elf.R_AARCH64_IRELATIVE), Kind: IRelative, Width: 8},
	{Number: uint32(elf.R_AARCH64_TLS_DTPMOD64), Kind: TLSModule, Width: 8},
	{Number: uint32(elf.R_AARCH64_TLS_DTPREL64), Kind: TLSBlockOffset64, Width: 8},
	{Number: uint32(elf.R_AARCH64_TLS_TPREL64), Kind: TLSOffset, Width: 8},
	{Number: uint32(elf.R_AARCH64_TLSDESC), Kind: TLSDesc, Width: 16},
}
