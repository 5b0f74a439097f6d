package diffasm

import (
	"slices"
	"strconv"
	"strings"
)

// operandKind is what an operand of an instruction is.
type operandKind uint8

const (
	opImm operandKind = iota // $8, $tab
	opReg
	opMem
)

const (
	noReg   = -1
	regSP   = 4
	regBP   = 5
	numGPR  = 16
	numRegs = 48 // general ones, then vector registers
)

// operand is one operand of an instruction in AT&T syntax.
type operand struct {
	kind     operandKind
	reg      int    // of opReg; noReg for one that holds no address
	width    int    // of opReg, in bits
	base     int    // of opMem, noReg for none
	index    int    // likewise
	disp     int64  // the number in it
	sym      string // the symbol in it
	got      bool   // the symbol's GOT slot is meant
	segment  bool   // relative to a segment register
	indirect bool   // *operand of a jump or call
}

// operandsOf splits prefixes, the operation and its operands.
func operandsOf(st stmt) (op string, prefix string, ops []operand) {
	op, args := st.op, st.args
	for slices.Contains(prefixes, op) && args != "" {
		prefix = op
		rest := ""
		if i := strings.IndexAny(args, " \t"); i >= 0 {
			args, rest = args[:i], trim(args[i:])
		}
		op, args = args, rest
	}
	if args == "" {
		return op, prefix, nil
	}
	for _, text := range splitOperands(args) {
		ops = append(ops, parseOperand(text))
	}
	return op, prefix, ops
}

func parseOperand(text string) operand {
	o := operand{kind: opMem, reg: noReg, base: noReg, index: noReg}
	if strings.HasPrefix(text, "*") {
		o.indirect, text = true, trim(text[1:])
	}
	switch {
	case strings.HasPrefix(text, "$"):
		o.kind, text = opImm, text[1:]
	case strings.HasPrefix(text, "%") && !strings.Contains(text, ":"):
		o.kind = opReg
		o.reg, o.width = machineRegister(text[1:])
		return o
	}
	o.memory(text)
	return o
}

// memory reads "disp+sym@MOD(base,index,scale)".
func (o *operand) memory(text string) {
	sign, regs := int64(1), 0
	t := tokens{s: text}
	for tok, ok := t.next(); ok; tok, ok = t.next() {
		switch {
		case tok.kind == tokReg && t.i < len(t.s) && t.s[t.i] == ':':
			o.segment = true
		case tok.kind == tokReg && tok.text == "%rip":
			regs++
		case tok.kind == tokReg && regs == 0 && !strings.HasPrefix(text[:tok.start][strings.LastIndexByte(text[:tok.start], '(')+1:], ","):
			o.base, _ = machineRegister(tok.text[1:])
			regs++
		case tok.kind == tokReg:
			o.index, _ = machineRegister(tok.text[1:])
		case tok.kind == tokSym && o.sym == "":
			o.sym = tok.text
		case tok.kind == tokMod:
			o.got = strings.HasPrefix(tok.text, "@GOT")
		case tok.kind == tokNum && !strings.Contains(text[:tok.start], "("):
			if n, err := strconv.ParseInt(tok.text, 0, 64); err == nil {
				o.disp += sign * n
			}
		case tok.text == "-":
			sign = -1
			continue
		}
		sign = 1
	}
}

// machineRegister returns the number of a register and its width in bits; noReg for those that hold no addresses.
func machineRegister(name string) (n, bits int) {
	if r, ok := registers[name]; ok {
		return r.n, r.bits
	}
	for prefix, bits := range map[string]int{"xmm": 128, "ymm": 256, "zmm": 512} {
		if n, err := strconv.Atoi(strings.TrimPrefix(name, prefix)); err == nil && strings.HasPrefix(name, prefix) && n < numRegs-numGPR {
			return numGPR + n, bits
		}
	}
	return noReg, 0
}

var registers = func() map[string]struct{ n, bits int } {
	m := map[string]struct{ n, bits int }{}
	add := func(n int, names ...string) {
		for i, bits := range []int{64, 32, 16, 8, 8} {
			if i < len(names) {
				m[names[i]] = struct{ n, bits int }{n, bits}
			}
		}
	}
	for n, c := range []string{"a", "c", "d", "b"} {
		add(n, "r"+c+"x", "e"+c+"x", c+"x", c+"l", c+"h")
	}
	for i, c := range []string{"sp", "bp", "si", "di"} {
		add(4+i, "r"+c, "e"+c, c, c+"l")
	}
	for n := 8; n < numGPR; n++ {
		r := "r" + strconv.Itoa(n)
		add(n, r, r+"d", r+"w", r+"b")
	}
	return m
}()
