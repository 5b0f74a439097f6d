package machine

import (
	"strings"

	"gocare/diffasm/asm"
)

// armOperands reads the operands of an instruction, as a File has them. What only says how the one before is shifted or extended, or under
// which condition, is none.
func armOperands(args string) []Operand {
	r := armReader{tokens: asm.Tokens{Text: args}}
	for r.next() {
		r.operand()
	}
	return r.list
}

// armReader goes through operands.
type armReader struct {
	tokens asm.Tokens
	tok    asm.Token
	more   bool
	list   []Operand
}

func (r *armReader) next() bool {
	r.tok, r.more = r.tokens.Next()
	return r.more
}

// operand reads up to the next comma outside of brackets.
func (r *armReader) operand() {
	switch {
	case r.tok.Text == "[":
		r.memory()
	case r.tok.Text == "{":
		r.vectors()
	case r.tok.Kind == asm.TokenRegister:
		r.register()
	default:
		r.number()
	}
	for r.more && r.tok.Text != "," {
		r.next()
	}
}

// register reads a register, or a word that changes the operand before.
func (r *armReader) register() {
	word := r.tok.Text[1:]
	reg, found := armRegister(word)
	if !found {
		r.shift(word)
		return
	}
	o := registerOperand(reg)
	r.next()
	if r.tok.Text == "[" && r.more { // "v0.d[1]": one element of it
		o.Width, o.element = 8*wordBytes, true
		for r.more && r.tok.Text != "]" {
			r.next()
		}
	}
	r.list = append(r.list, o)
}

func registerOperand(reg namedRegister) Operand {
	o := Operand{Kind: InRegister, Register: reg.register, Width: reg.bits, Base: NoRegister, Index: NoRegister}
	switch {
	case reg.register != NoRegister:
		o.Named = Set(reg.register)
	case reg.bits > 0: // the zero register
		o.Kind = Immediate
	}
	return o
}

// wordBytes is the size of an address, in bytes.
const wordBytes = 8

// shift reads what stands behind an operand: "lsl 12" makes another number of the one before.
func (r *armReader) shift(word string) {
	r.next()
	if r.tok.Text == "#" {
		r.next()
	}
	if n, ok := asm.Number(r.tok.Text); ok && r.more && strings.EqualFold(word, "lsl") && len(r.list) > 0 && n < 64 {
		if o := &r.list[len(r.list)-1]; o.Kind == Immediate {
			o.Disp <<= n
		}
	}
}

// number reads "#8", ":lo12:sym+4" or a place.
func (r *armReader) number() {
	o := Operand{Kind: Immediate, Register: NoRegister, Base: NoRegister, Index: NoRegister}
	r.sum(&o, func() bool { return r.tok.Text == "," })
	r.list = append(r.list, o)
}

// sum adds up numbers and symbols, to where end says, or to the end.
func (r *armReader) sum(o *Operand, end func() bool) {
	sign := int64(1)
	for ; r.more && !end(); r.next() {
		switch {
		case r.tok.Kind == asm.TokenModifier:
			o.modified(r.tok.Text)
		case r.tok.Kind == asm.TokenSymbol && o.Symbol == "":
			o.Symbol = r.tok.Text
		case r.tok.Kind == asm.TokenNumber:
			if n, ok := asm.Number(r.tok.Text); ok {
				o.Disp += sign * int64(n)
			}
		case r.tok.Text == "=":
			o.literal = true
		case r.tok.Text == "-":
			sign = -1
			continue
		}
		sign = 1
	}
}

// modified notes which part of what address is meant.
func (o *Operand) modified(modifier string) {
	switch {
	case strings.HasPrefix(modifier, ":got") && !strings.HasPrefix(modifier, ":gottprel"):
		o.GOT = true
	case modifier == ":lo12:" || strings.HasPrefix(modifier, ":abs_") || strings.HasPrefix(modifier, ":prel_") || strings.HasPrefix(modifier, ":pg_"):
	default:
		o.Linked, o.Segment = true, true // of a thread-local variable
		o.Distance = strings.HasPrefix(modifier, ":gottprel")
	}
}

// vectors reads "{v0.4s - v3.4s}" or "{v0.4s, v1.4s}[1]".
func (r *armReader) vectors() {
	var last Register = NoRegister
	through := false
	for r.next() && r.tok.Text != "}" {
		if r.tok.Kind != asm.TokenRegister {
			through = through || r.tok.Text == "-"
			continue
		}
		reg, _ := armRegister(r.tok.Text[1:])
		if through && last != NoRegister && reg.register != NoRegister {
			for n := last + 1; n != reg.register && n < reg.register; n++ {
				r.list = append(r.list, registerOperand(namedRegister{n, reg.bits, false}))
			}
			through = false
		}
		last = reg.register
		r.list = append(r.list, registerOperand(reg))
	}
	r.next()
}

// memory reads "[x0, 8]", "[x0, x1, lsl 3]", "[x0, :lo12:sym]!" and what stands behind it: "[x0], 8".
func (r *armReader) memory() {
	o := Operand{Kind: Memory, Register: NoRegister, Base: NoRegister, Index: NoRegister}
	r.next()
	for n := 0; r.more && r.tok.Text != "]"; {
		if r.tok.Kind != asm.TokenRegister {
			r.sum(&o, func() bool { return r.tok.Text == "]" || r.tok.Kind == asm.TokenRegister })
			continue
		}
		reg, found := armRegister(r.tok.Text[1:])
		switch {
		case !found: // how the index is shifted
			for r.next() && r.tok.Text != "]" {
			}
			continue
		case n == 0:
			o.Base = reg.register
		default:
			o.Index = reg.register
		}
		if reg.register != NoRegister {
			o.Named |= Set(reg.register)
		}
		n++
		r.next()
	}
	if o.Symbol != "" && !o.Segment {
		o.Base = NoRegister // which holds the page of the symbol: both make one address
	}
	r.next()
	if r.more && r.tok.Text == "!" {
		o.moves = true
		r.next()
	}
	r.list = append(r.list, o)
}
