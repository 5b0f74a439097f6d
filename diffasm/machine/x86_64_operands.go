package machine

import (
	"strconv"
	"strings"

	"gocare/diffasm/asm"
)

// parseOperands reads the operands of an instruction in AT&T syntax.
func parseOperands(args string) []Operand {
	if args == "" {
		return nil
	}
	list := make([]Operand, 0, 2) // most have no more
	eachOperand(args, func(text string) { list = append(list, parseOperand(text)) })
	return list
}

// splitOperands returns the operands as they are written.
func splitOperands(args string) (list []string) {
	eachOperand(args, func(text string) { list = append(list, text) })
	return list
}

// eachOperand calls yield for what stands between the commas outside parentheses.
func eachOperand(args string, yield func(text string)) {
	depth, start := 0, 0
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				yield(strings.TrimSpace(args[start:i]))
				start = i + 1
			}
		}
	}
	yield(strings.TrimSpace(args[start:]))
}

func parseOperand(text string) Operand {
	o := Operand{Kind: Memory, Register: NoRegister, Base: NoRegister, Index: NoRegister}
	if strings.HasPrefix(text, "*") {
		o.Indirect, text = true, asm.Trim(text[1:])
	}
	o.text = text
	switch {
	case strings.HasPrefix(text, "$"):
		o.Kind, text = Immediate, text[1:]
	case strings.HasPrefix(text, "%") && !strings.Contains(text, ":"):
		o.direct(text)
		return o
	}
	o.memory(text)
	return o
}

// direct reads "%rax", or "%zmm0{%k1}", of which some parts stay as they were: that holds no address.
func (o *Operand) direct(text string) {
	o.Kind = InRegister
	if r, ok := registers()[text[1:]]; ok {
		o.Register, o.Width, o.High, o.Named = r.holder(), r.bits, r.high, Set(r.register)
		return
	}
	t := asm.Tokens{Text: text}
	for tok, ok := t.Next(); ok; tok, ok = t.Next() {
		if tok.Kind == asm.TokenRegister {
			o.name(tok.Text)
		}
	}
}

// name notes a register that an operand names, and returns it if an address may stand there.
func (o *Operand) name(name string) Register {
	r, ok := registers()[name[1:]]
	if !ok {
		return NoRegister
	}
	o.Named |= Set(r.register)
	return r.holder()
}

// memory reads "disp+sym@MOD(base,index,scale)", also behind a segment, before a mask, and as an immediate without registers.
func (o *Operand) memory(text string) {
	open := strings.IndexByte(text, '(')
	noBase := text[min(open+1, len(text)):] // what begins with a comma has an index only
	sign, regs := int64(1), 0
	t := asm.Tokens{Text: text}
	for tok, ok := t.Next(); ok; tok, ok = t.Next() {
		inside := open >= 0 && tok.Start > open
		switch {
		case tok.Kind == asm.TokenRegister && t.At < len(t.Text) && t.Text[t.At] == ':':
			o.Segment = true
		case tok.Kind == asm.TokenRegister && regs == 0 && !strings.HasPrefix(noBase, ","):
			o.Base, o.base = o.name(tok.Text), tok.Text
			regs++
		case tok.Kind == asm.TokenRegister:
			o.Index, o.index = o.name(tok.Text), tok.Text
		case tok.Kind == asm.TokenSymbol && o.Symbol == "":
			o.Symbol = tok.Text
		case tok.Kind == asm.TokenModifier:
			o.GOT = strings.HasPrefix(tok.Text, "@GOT")
			o.Linked = !o.GOT
			o.Distance = strings.EqualFold(tok.Text, "@gottpoff")
		case tok.Kind == asm.TokenNumber && inside:
			o.scale = tok.Text
		case tok.Kind == asm.TokenNumber:
			if n, err := strconv.ParseInt(tok.Text, 0, 64); err == nil {
				o.Disp += sign * n
			}
		case tok.Text == "-":
			sign = -1
			continue
		}
		sign = 1
	}
}
