package machine

import (
	"strconv"
	"strings"

	"gocare/diffasm/asm"
)

// gotInsn is an instruction that may be rewritten.
type gotInsn struct {
	prefix   string // "lock ", or ""
	op, args string
	texts    []string // of the operands
	operands []Operand
	row      *row
}

func gotInsnOf(text string) gotInsn {
	var in gotInsn
	in.op, in.args = statement(text)
	for prefixes[in.op].loose {
		in.prefix += in.op + " "
		in.op, in.args = statement(in.args)
	}
	in.texts, in.row = splitOperands(in.args), instructions().find(in.op)
	for _, operand := range in.texts {
		in.operands = append(in.operands, parseOperand(operand))
	}
	return in
}

// with writes the instruction with another operand in place of one of its own.
func (in *gotInsn) with(i int, operand string) string {
	texts := append([]string(nil), in.texts...)
	texts[i] = operand
	return in.prefix + in.op + "\t" + strings.Join(texts, ", ")
}

// branches reports whether an operand without "*" is where the instruction goes to.
func (in *gotInsn) branches() bool {
	return in.row.kind == Call || in.row.kind.Jumps() || in.row.has(target)
}

// use is an operand that a symbol's address is in.
type use struct {
	at        int // index of the operand
	symbol    string
	offset    int64
	immediate bool
	base      string // registers of an operand that is no plain "SYM+N(%rip)", with their "%"
	index     string // and scale: "%rax,8"
}

// use finds the one operand that names a wanted symbol.
func (g *gotRewriter) use(in *gotInsn) (found use, ok bool) {
	for i := range in.operands {
		o := &in.operands[i]
		u, is := useOf(o)
		if !is || !g.wanted[u.symbol] || in.branches() && !o.Indirect {
			continue
		}
		if ok {
			return use{}, false
		}
		found, ok = u, true
		found.at = i
	}
	return found, ok
}

// useOf takes apart "$SYM+N", or a memory operand of 64 bit registers with the symbol in its displacement. It is false for others.
func useOf(o *Operand) (u use, ok bool) {
	place, address, _ := strings.Cut(o.text, "(")
	switch {
	case o.Kind == Immediate:
		u.immediate = true
		place = o.text[1:]
	case o.Kind == InRegister, address != "" && !strings.HasSuffix(address, ")"), !isWide(o.base), !isWide(o.index):
		return u, false
	case o.base == "%rip" && o.index != "":
		return u, false
	case o.base != "%rip":
		u.base = o.base
	}
	if u.index = o.index; u.index != "" && o.scale != "" {
		u.index += "," + o.scale
	}
	u.symbol, u.offset, ok = asm.SymbolPlus(place)
	return u, ok
}

// isWide reports whether a part of an address is not a register of 32 bits.
func isWide(name string) bool { return name == "" || strings.IndexByte("rxyz", name[1]) >= 0 }

// operand is what takes the place of a use once reg holds the symbol's address; before are the statements that are
// needed besides. An immediate is the address itself.
func (u *use) operand(reg string) (before []string, operand string) {
	switch {
	case u.immediate && u.offset == 0:
		return nil, reg
	case u.immediate:
		return []string{"leaq\t" + displacement(u.offset) + "(" + reg + "), " + reg}, reg
	case u.base != "" && u.index != "":
		before = []string{"leaq\t(" + reg + "," + u.base + "), " + reg}
		return before, displacement(u.offset) + "(" + reg + "," + u.index + ")"
	case u.base != "":
		return nil, displacement(u.offset) + "(" + reg + "," + u.base + ")"
	case u.index != "":
		return nil, displacement(u.offset) + "(" + reg + "," + u.index + ")"
	}
	return nil, displacement(u.offset) + "(" + reg + ")"
}

// below returns the instruction for a stack pointer that is so many bytes lower. Operands that are or contain the stack
// pointer in another way will not do.
func (in *gotInsn) below(except int, bytes int64) (gotInsn, bool) {
	out := *in
	out.texts = append([]string(nil), in.texts...)
	for i := range in.operands {
		o := &in.operands[i]
		if i == except || !o.Named.Has(rsp) {
			continue
		}
		number, address, _ := strings.Cut(o.text, "(")
		n, err := strconv.ParseInt("0"+number, 10, 64)
		if strings.HasPrefix(number, "-") {
			n, err = strconv.ParseInt(number, 10, 64)
		}
		if err != nil || o.Kind != Memory || o.Indirect || o.base != "%rsp" || in.row.kind == Address {
			return out, false
		}
		out.texts[i] = displacement(n+bytes) + "(" + address
	}
	return out, true
}

func displacement(offset int64) string {
	if offset == 0 {
		return ""
	}
	return strconv.FormatInt(offset, 10)
}
