package machine

import (
	"strings"

	"gocare/diffasm/asm"
	"gocare/internal/arch"
)

// armSyntax is that of GNU as and of LLVM for AArch64.
var armSyntax = &asm.Syntax{
	Target:  &arch.AArch64,
	Slashes: true, Unplaced: true,
	Directives: map[string]string{
		".align": ".p2align", ".word": ".long", ".xword": ".quad", ".dword": ".quad", ".hword": ".short",
	},
	Modes: map[string]bool{".arch": true, ".cpu": true, ".arch_extension": true},
	Mark:  armMark,
}

// armWords are the words besides registers that are no symbols: conditions, shifts and extensions.
var armWords = setOf(`eq ne cs hs cc lo mi pl vs vc hi ls ge lt gt le al nv
	lsl lsr asr ror msl uxtb uxth uxtw uxtx sxtb sxth sxtw sxtx mul vl`)

// armSystem are the instructions whose operands are names of the system's: registers, barriers, hints.
var armSystem = setOf("mrs msr mrrs msrr dmb dsb isb bti dc ic at tlbi sys sysl hint psb tsb prfm prfum prfb prfh prfw prfd ptrue cntb cnth cntw cntd smstart smstop")

// armLabelAt is the index of the operand that is a place, by mnemonic; see labelAt.
var armLabelAt = map[string]int{
	"b": 0, "bl": 0, "adr": 1, "adrp": 1, "cbz": 1, "cbnz": 1, "tbz": 2, "tbnz": 2, "ldr": 1, "ldrsw": 1, "prfm": 1,
}

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// labelAt returns the index of the operand of an instruction that may be a place, -1 for none.
func labelAt(op string) int {
	if at, found := armLabelAt[op]; found {
		return at
	}
	if isConditional(op) {
		return 0
	}
	return -1
}

// isConditional reports whether an instruction is a jump by the flags: "b.eq", "bc.eq", "beq".
func isConditional(op string) bool {
	rest, found := strings.CutPrefix(op, "b")
	if !found {
		return false
	}
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, "c."), ".")
	return armConditions[rest]
}

var armConditions = setOf("eq ne cs hs cc lo mi pl vs vc hi ls ge lt gt le al nv none any first last tcont tstop nlast nfrst pmore plast")

// armMark puts a percent sign before the words that are no symbols. A variable may have the name of a register or a condition; it is
// one where only a place can stand, behind what says which part of an address is meant, and in an immediate.
func armMark(op, args string) string {
	if args == "" {
		return args
	}
	op = strings.ToLower(op)
	m := marker{text: args, label: labelAt(op), system: armSystem[op]}
	return m.run()
}

// marker goes through the operands of an instruction.
type marker struct {
	text    string
	out     []byte
	copied  int
	label   int  // see labelAt
	system  bool // of armSystem
	operand int
	depth   int    // of brackets and braces
	before  string // the token before
}

func (m *marker) run() string {
	t := asm.Tokens{Text: m.text}
	for tok, ok := t.Next(); ok; tok, ok = t.Next() {
		switch tok.Text {
		case "[", "{", "(":
			m.depth++
		case "]", "}", ")":
			m.depth--
		case ",":
			if m.depth == 0 {
				m.operand++
			}
		}
		if tok.Kind == asm.TokenSymbol && m.marks(tok.Text) {
			m.out = append(append(m.out, m.text[m.copied:tok.Start]...), '%')
			m.copied = tok.Start
		}
		m.before = tok.Text
		if tok.Kind == asm.TokenModifier {
			m.before = ":"
		}
	}
	if m.copied == 0 && len(m.out) == 0 {
		return m.text
	}
	return string(m.out) + m.text[m.copied:]
}

// marks reports whether a word is no symbol.
func (m *marker) marks(word string) bool {
	switch {
	case word[0] == '.', m.before == ":", m.before == "#", m.before == "=":
		return false
	case m.operand == m.label && m.depth == 0:
		return false
	case m.system || m.before == "/":
		return true
	}
	_, register := armRegister(word)
	return register || armWords[strings.ToLower(word)]
}
