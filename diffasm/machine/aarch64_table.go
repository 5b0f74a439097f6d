package machine

import (
	"strings"
	"sync"
)

// armForm is what an instruction does with its operands.
type armForm uint8

const (
	armUnknown     armForm = iota // writes and reads every register it names, and memory
	armReplaces                   // writes its first operand without reading it
	armMerges                     // writes a part of its first operand
	armReads                      // writes no operand
	armLoad                       // writes the first operand from memory
	armLoadPair                   // likewise, the first two from memory one after the other
	armLoadList                   // likewise, all vectors of a list
	armStore                      // writes memory from the first operand
	armStorePair                  // likewise, from two
	armStoreList                  // likewise, from all vectors of a list
	armStoreTry                   // writes memory from the operands between the first and the last, and whether it did to the first
	armSwap                       // writes memory from the first operand, and the second from memory
	armCompareSwap                // writes memory from the second operand, and the first from memory
	armAdd                        // adds the last two operands
	armSub                        // subtracts the last operand
	armMask                       // clears bits
	armCopy                       // copies memory between its first two operands
	armFill                       // fills memory at its first operand from its last one
	armTransfer                   // goes elsewhere
)

// armRow is one line of the table of instructions.
type armRow struct {
	form   armForm
	kind   Kind
	unseen RegisterSet // registers that it writes which are no operands of it
	width  int         // bits that it reads or writes of memory, 0 for as many as the register has
	bare   bool        // see Operand.Bare
}

// armFamilies are the instructions by the start of their names; the longest that fits counts (Arm Architecture Reference Manual for
// A-profile architecture, chapters C6 and C7). What is not here is armUnknown.
var armFamilies = sync.OnceValue(func() map[string]armRow {
	m := map[string]armRow{
		"movk": {form: armMerges}, "add": {form: armAdd}, "sub": {form: armSub}, "and": {form: armMask},
		"svc": {unseen: ^armKept}, "hvc": {unseen: ^armKept}, "smc": {unseen: ^armKept},
		"pacia1716": {form: armReads, unseen: Set(x17)}, "autia1716": {form: armReads, unseen: Set(x17)},
		"pacib1716": {form: armReads, unseen: Set(x17)}, "autib1716": {form: armReads, unseen: Set(x17)},
	}
	rows := func(r armRow, words string) {
		for word := range setOf(words) {
			m[word] = r
		}
	}
	rows(armRow{form: armReplaces, kind: Move}, "mov movz fmov umov dup mrs")
	rows(armRow{form: armReplaces}, `movn mvn mvni movi adc sbc neg ngc mul madd msub mneg smull umull smaddl umaddl smsubl umsubl smnegl umnegl
		smulh umulh sdiv udiv bic orr orn eor eon lsl lsr asr ror ubfx ubfm ubfiz sbfx sbfm sbfiz sxtb sxth sxtw uxtb uxth clz cls rbit
		rev extr csel cset csinc csinv csneg cinc cinv cneg crc32 fadd fsub fmul fdiv fmadd fmsub fnmadd fnmsub fnmul fabs fneg fsqrt
		fmax fmin fcvt frint scvtf ucvtf fcsel smov cm fcm fac addv addp uaddlv saddlv shl sshl ushl sshr ushr zip uzip trn ext cnt not
		smax smin umax umin sabd uabd abs xtn tbl pacga`)
	rows(armRow{form: armMerges}, "bfi bfxil bfm bfc ins mla mls fmla fmls sdot udot tbx ssra usra sli sri bit bif bsl aes sha xtn2 shrn2 smlal umlal smlsl umlsl addhn2 pacia pacib pacda pacdb autia autib autda autdb xpac")
	rows(armRow{form: armReads, unseen: Set(x30)}, "paciasp paciaz pacibsp pacibz autiasp autiaz autibsp autibz xpaclri")
	rows(armRow{form: armReads, unseen: Set(x17, x30)}, "hint") // one of these by number
	rows(armRow{form: armReads, kind: Compare}, "cmp cmn tst ccmp ccmn fcmp fccmp")
	rows(armRow{form: armReads}, "msr dmb dsb isb bti prfm prfum dc ic at tlbi sys clrex sev wfe wfi yield csdb sb psb tsb esb rmif setf8 setf16 cfinv axflag xaflag")
	rows(armRow{form: armReads, kind: Nop}, "nop")
	rows(armRow{form: armReads, kind: Trap}, "brk udf hlt")
	rows(armRow{form: armLoad, kind: Move}, "ldr ldur ldtr ldapur ldraa ldrab ld1r")
	rows(armRow{form: armLoad, kind: Move, bare: true}, "ldar ldapr ldxr ldaxr ldlar")
	rows(armRow{form: armLoad, kind: Move, width: 8}, "ldrb ldrsb ldurb ldursb ldtrb ldtrsb")
	rows(armRow{form: armLoad, kind: Move, width: 8, bare: true}, "ldarb ldaprb ldxrb ldaxrb")
	rows(armRow{form: armLoad, kind: Move, width: 16}, "ldrh ldrsh ldurh ldursh ldtrh ldtrsh")
	rows(armRow{form: armLoad, kind: Move, width: 16, bare: true}, "ldarh ldaprh ldxrh ldaxrh")
	rows(armRow{form: armLoad, kind: Move, width: 32}, "ldrsw ldursw ldtrsw")
	rows(armRow{form: armLoadPair, kind: Move}, "ldp ldnp ldxp ldaxp")
	rows(armRow{form: armLoadPair, kind: Move, width: 32}, "ldpsw")
	rows(armRow{form: armLoadList, kind: Move}, "ld1 ld2 ld3 ld4")
	rows(armRow{form: armStore, kind: Move}, "str stur sttr stlur")
	rows(armRow{form: armStore, kind: Move, bare: true}, "stlr stllr stadd stclr stset steor stsmax stsmin stumax stumin")
	rows(armRow{form: armStore, kind: Move, width: 8}, "strb sturb sttrb stlurb")
	rows(armRow{form: armStore, kind: Move, width: 8, bare: true}, "stlrb stllrb")
	rows(armRow{form: armStore, kind: Move, width: 16}, "strh sturh sttrh stlurh")
	rows(armRow{form: armStore, kind: Move, width: 16, bare: true}, "stlrh stllrh")
	rows(armRow{form: armStorePair, kind: Move}, "stp stnp")
	rows(armRow{form: armStoreList, kind: Move}, "st1 st2 st3 st4")
	rows(armRow{form: armStoreTry, kind: Move, bare: true}, "stxr stlxr stxp stlxp")
	rows(armRow{form: armSwap, kind: Move, bare: true}, "swp ldadd ldclr ldset ldeor ldsmax ldsmin ldumax ldumin")
	rows(armRow{form: armCompareSwap, kind: Move, bare: true}, "cas")
	rows(armRow{}, "casp swpp ldaddp")
	rows(armRow{form: armCopy, kind: String}, "cpyf cpyp cpym cpye")
	rows(armRow{form: armFill, kind: String}, "setp setm sete")
	rows(armRow{form: armReplaces, kind: Address}, "adr")
	rows(armRow{form: armReplaces}, "adrp")
	return m
})

// armTransfers are the instructions that go elsewhere, by their whole names.
var armTransfers = map[string]Kind{
	"b": Jump, "br": Jump, "braa": Jump, "brab": Jump, "braaz": Jump, "brabz": Jump,
	"bl": Call, "blr": Call, "blraa": Call, "blrab": Call, "blraaz": Call, "blrabz": Call,
	"ret": Return, "retaa": Return, "retab": Return, "eret": Return,
	"cbz": Branch, "cbnz": Branch, "tbz": Branch, "tbnz": Branch,
}

// armFind returns the row of an instruction.
func armFind(op string) armRow {
	op = strings.ToLower(op)
	kind, found := armTransfers[op]
	switch {
	case found:
		return armRow{form: armTransfer, kind: kind}
	case isConditional(op):
		return armRow{form: armTransfer, kind: Branch}
	}
	for n := len(op); n > 0; n-- {
		if r, found := armFamilies()[op[:n]]; found {
			return r
		}
	}
	return armRow{}
}
