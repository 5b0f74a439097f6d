package diffasm

import "strings"

// mentions returns the functions of the unit that fn's code names, aliases followed, in order.
func (f *File) mentions(from *fn) (list []*fn) {
	seen := map[*fn]bool{from: true}
	for _, s := range from.streams {
		for _, st := range s.stmts {
			t := tokens{s: st.args}
			for tok, ok := t.next(); ok; tok, ok = t.next() {
				if tok.kind != tokSym {
					continue
				}
				name, _, _ := f.follow(tok.text)
				if g := f.fnByName[name]; g != nil && !seen[g] {
					seen[g] = true
					list = append(list, g)
				}
			}
		}
	}
	return list
}

// mentionsName reports whether a statement mentions a symbol.
func mentionsName(st stmt, name string) bool {
	if !strings.Contains(st.args, name) {
		return false
	}
	t := tokens{s: st.args}
	for tok, ok := t.next(); ok; tok, ok = t.next() {
		if tok.kind == tokSym && tok.text == name {
			return true
		}
	}
	return false
}

// size returns the bytes of a variable as .size or .comm give it.
func (f *File) size(b *block) string {
	if s := f.symbols[b.name]; s != nil && s.size != "" {
		return normalNumber(s.size)
	}
	return ""
}

// opcodeAndShape is a statement with its numbers and literals left out.
func opcodeAndShape(st stmt) string {
	var b strings.Builder
	b.WriteString(st.op)
	t := tokens{s: st.args}
	for tok, ok := t.next(); ok; tok, ok = t.next() {
		switch {
		case tok.kind == tokNum || tok.kind == tokSym && isLocal(tok.text):
			b.WriteByte('#')
		default:
			b.WriteString(tok.text)
		}
	}
	return b.String()
}

func symbolsOf(args string) (list []string) {
	t := tokens{s: args}
	for tok, ok := t.next(); ok; tok, ok = t.next() {
		if tok.kind == tokSym {
			list = append(list, tok.text)
		}
	}
	return list
}
