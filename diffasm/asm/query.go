package asm

import "strings"

// Mentions returns the functions of the unit that a function's code names, aliases followed, in order.
func (f *File) Mentions(from *Function) (list []*Function) {
	seen := map[*Function]bool{from: true}
	for _, s := range from.Streams {
		for _, st := range s.Statements {
			t := Tokens{Text: st.Args}
			for tok, ok := t.Next(); ok; tok, ok = t.Next() {
				if tok.Kind != TokenSymbol {
					continue
				}
				name, _, _ := f.Follow(tok.Text)
				if g := f.FunctionByName[name]; g != nil && !seen[g] {
					seen[g] = true
					list = append(list, g)
				}
			}
		}
	}
	return list
}

// MentionsName reports whether a statement mentions a symbol.
func MentionsName(st Statement, name string) bool {
	if !strings.Contains(st.Args, name) {
		return false
	}
	t := Tokens{Text: st.Args}
	for tok, ok := t.Next(); ok; tok, ok = t.Next() {
		if tok.Kind == TokenSymbol && tok.Text == name {
			return true
		}
	}
	return false
}

// Size returns the bytes of a variable as .size or .comm give it.
func (f *File) Size(b *Block) string {
	if s := f.Symbols[b.Name]; s != nil && s.Size != "" {
		return NormalNumber(s.Size)
	}
	return ""
}

// Shape is a statement with its numbers and literals left out.
func Shape(st Statement) string {
	var b strings.Builder
	b.WriteString(st.Op)
	t := Tokens{Text: st.Args}
	for tok, ok := t.Next(); ok; tok, ok = t.Next() {
		switch {
		case tok.Kind == TokenNumber || tok.Kind == TokenSymbol && IsLocal(tok.Text):
			b.WriteByte('#')
		default:
			b.WriteString(tok.Text)
		}
	}
	return b.String()
}

// SymbolsOf lists the symbols among operands, in order.
func SymbolsOf(args string) (list []string) {
	t := Tokens{Text: args}
	for tok, ok := t.Next(); ok; tok, ok = t.Next() {
		if tok.Kind == TokenSymbol {
			list = append(list, tok.Text)
		}
	}
	return list
}
