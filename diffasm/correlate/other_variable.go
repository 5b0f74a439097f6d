package correlate

import (
	"slices"
	"strings"
	"unicode"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/diffasm/debuginfo"
	"gocare/diffasm/machine"
)

// This file tells of two variables, one that is gone and one that is new, whether the source shows that they are not one that was renamed.

// plainlyOther reports whether a new variable is not one of the original by another name: it holds something else, or is what the patch
// makes a constant.
func (m *values) plainlyOther(o, p *debuginfo.Declaration) bool {
	before, _ := m.sourceTexts(o)
	_, after := m.sourceTexts(p)
	if m.id(o) == m.id(p) || !declaredOn(o, before) || !declaredOn(p, after) {
		return false
	}
	was, is := contentOf(o, before), contentOf(p, after)
	return was != is && was != "" && is != "" && !NamedAlike(o.Name, p.Name) ||
		m.isFixed(p) && OtherInitial(m.initial(o, before, m.od), m.initial(p, after, m.pd))
}

// declaredOn reports whether the line of a declaration says its name.
func declaredOn(d *debuginfo.Declaration, text []string) bool {
	return d.Line > 0 && d.Line <= len(text) && mentions(lineOf(text, d.Line), d.Name) > 0
}

// Fixed reports whether nothing writes a new variable of the patched unit, by its symbol, and what its source says it begins with; and Initial
// tells that of one of the original.
func (m *values) Fixed(symbol string) (initial string, fixed bool) {
	if p := m.PatchedDeclaration(symbol); p != nil {
		return m.FixedAt(p)
	}
	return "", false
}

// FixedAt is Fixed of a declaration, that of a variable which the compiler keeps nothing of, too.
func (m *values) FixedAt(p *debuginfo.Declaration) (initial string, fixed bool) {
	if p.Whole != nil || m.source(p) == nil || !declaredOn(p, m.source(p).After) || !m.isFixed(p) {
		return "", false
	}
	return m.initial(p, m.source(p).After, m.pd), true
}

// Initial returns what the source says that a variable of the original begins with; known is false where no source tells.
func (m *values) Initial(symbol string) (initial string, known bool) {
	o := m.OrigDeclaration(symbol)
	if o == nil || o.Whole != nil || m.source(o) == nil || !declaredOn(o, m.source(o).Before) {
		return "", false
	}
	return m.initial(o, m.source(o).Before, m.od), true
}

// OnlyInitial reports whether the source of the original assigns a variable nothing but its initial value.
func (m *values) OnlyInitial(o, p *debuginfo.Declaration) bool {
	before, _, _ := m.writes(o, p)
	return before.onlyInitial()
}

func (m *values) initial(d *debuginfo.Declaration, text []string, ds *debuginfo.Declarations) string {
	a := m.read(text).writesOf(ds, d)
	return a.initial
}

// isFixed reports whether the patched source assigns a variable nothing but its initial value, nor does the code anything. The compiler
// keeps nothing of one of which it knows that, too.
func (m *values) isFixed(p *debuginfo.Declaration) bool {
	if p.Symbol != "" && !onlyRead(m.patched.File, p.Symbol) {
		return false
	}
	a, _ := m.patchedWrites(p)
	return a.onlyInitial()
}

// OtherInitial reports whether two initial values, as sources spell them, are not the same.
func OtherInitial(a, b string) bool {
	isZero := func(s string) bool { return s == "" || zeros[s] }
	return a != b && !(isZero(a) && isZero(b))
}

// contentWords are those of numbers, in a declaration.
var contentWords = strings.Fields("char short int long signed unsigned float double _Bool bool size_t ssize_t time_t " +
	"int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t")

// qualifiers say nothing of what a variable holds.
var qualifiers = strings.Fields("static const volatile register _Atomic")

// contentOf says what a variable holds or leads to, as far as the words of its declaration tell: a number, or text; "" if they do not.
func contentOf(d *debuginfo.Declaration, text []string) string {
	line := lineOf(text, d.Line)
	places := wordsAt(line, d.Name)
	if len(places) != 1 {
		return ""
	}
	head := specifiers(strings.Join(text[max(0, d.Line-1-maxHead):d.Line-1], "\n") + "\n" + line[:places[0]])
	pointer := strings.Contains(head, "*") || strings.HasPrefix(strings.TrimLeft(line[places[0]+len(d.Name):], " \t"), "[")
	words := strings.Fields(strings.ReplaceAll(head, "*", " "))
	words = slices.DeleteFunc(words, func(w string) bool { return slices.Contains(qualifiers, w) })
	switch {
	case len(words) == 0 || slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(contentWords, w) }):
		return ""
	case pointer && slices.Equal(words, []string{"char"}):
		return "text"
	}
	return "number"
}

// NamedAlike reports whether two names share a word, or the beginning of one.
func NamedAlike(a, b string) bool {
	return slices.ContainsFunc(wordsOfName(a), func(w string) bool {
		return slices.ContainsFunc(wordsOfName(b), func(v string) bool {
			return w == v || min(len(w), len(v)) >= 3 && (strings.HasPrefix(w, v) || strings.HasPrefix(v, w))
		})
	})
}

// wordsOfName splits a name at underscores and where capitals begin.
func wordsOfName(name string) []string {
	var split strings.Builder
	for i, c := range name {
		if i > 0 && unicode.IsUpper(c) && !unicode.IsUpper(rune(name[i-1])) {
			split.WriteByte('_')
		}
		split.WriteRune(unicode.ToLower(c))
	}
	return strings.FieldsFunc(split.String(), func(c rune) bool { return c == '_' })
}

// onlyRead reports whether nothing in the code of a unit does more with a private variable than read it: not even by a macro, or in a
// header, that the source does not show.
func onlyRead(f *asm.File, symbol string) bool {
	if f.IsGlobal(symbol) || len(f.Macros) > 0 || len(canon.UsersOf(f, symbol).Variables) > 0 ||
		slices.ContainsFunc(f.Aliases, func(a *asm.Alias) bool { return a.Target == symbol || a.Name == symbol }) ||
		slices.ContainsFunc(f.Loose, func(l asm.Loose) bool { return asm.MentionsName(l.Statement, symbol) }) {
		return false
	}
	m := machine.Of(f)
	for _, fn := range f.Functions {
		for _, s := range fn.Streams {
			if slices.ContainsFunc(s.Statements, func(st asm.Statement) bool { return asm.MentionsName(st, symbol) && !reads(m, st, symbol) }) {
				return false
			}
		}
	}
	return true
}

// reads reports whether all that an instruction does with a variable is to read it where it stands.
func reads(m machine.Machine, st asm.Statement, symbol string) bool {
	if st.Kind != asm.Instruction || st.Asm || strings.Count(st.Args, symbol) != 1 {
		return false
	}
	in := m.Decode(st)
	if in.Then != nil || !slices.Contains([]machine.Kind{machine.Other, machine.Move, machine.Compare}, in.Kind) {
		return false
	}
	i := slices.IndexFunc(in.Operands, func(o machine.Operand) bool { return o.Symbol == symbol })
	return i >= 0 && in.Operands[i].Kind == machine.Memory && !in.Operands[i].GOT && (i < len(in.Operands)-1 || in.ReadsOnly)
}
