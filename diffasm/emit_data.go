package diffasm

import (
	"fmt"
	"strings"

	"gocare/diffasm/asm"
	"gocare/internal/kpname"
)

// data writes a literal, a table or a new variable.
func (e *emitter) data(b *asm.Block) {
	name := e.name(b.Name)
	if len(b.Items) == 0 && b.Next != nil {
		e.line("\t.set\t%s, %s", name, e.name(b.Next.Name))
		return
	}
	e.line("\t.section\t%s", e.section(b))
	if b.Align > 1 {
		e.line("\t.balign\t%d", b.Align)
	}
	if !asm.IsLocal(name) {
		e.export(b.Name, true, name)
		e.line("\t.type\t%s, @object", name)
		if size := e.d.patched.Size(b); size != "" {
			e.line("\t.size\t%s, %s", name, size)
		}
	}
	e.line("%s:", name)
	e.fn = b.Owner
	for _, st := range b.Items {
		e.statement(st)
	}
	e.fn = nil
}

// section is where a block goes in a patch. What the linker may merge stays apart: package ld merges it as the linker would.
func (e *emitter) section(b *asm.Block) string {
	own := "" // a table of exceptions goes up to the next in its section
	if b.Exceptions {
		own = kpname.Exceptions
	}
	switch s := b.Section; {
	case e.needsData(b):
		return kpname.Data + own + `,"aw",@progbits`
	case b.Exceptions:
		return kpname.Rodata + own + `,"a",@progbits`
	case e.own[b]:
		return e.oldSection(b) + `,"a",@progbits`
	case s.Merge && s.Entry > 0 && e.d.patched.IsLiteral(b):
		flags := "aM"
		if s.Strings {
			flags = "aMS"
		}
		return fmt.Sprintf("%s.%s,%q,@progbits,%d", kpname.Rodata, strings.TrimPrefix(s.Name, "."), flags, s.Entry)
	}
	return kpname.Rodata + `,"a",@progbits`
}

// oldSection is the section that a literal has for itself because the original has it, too.
func (e *emitter) oldSection(b *asm.Block) string {
	return kpname.OldLiteral + "." + strings.TrimLeft(b.Name, ".")
}

// needsData reports whether a block is writable or holds addresses that are only known at run time.
func (e *emitter) needsData(b *asm.Block) bool {
	if b.Section.Class != asm.ReadOnly {
		return true
	}
	for _, st := range b.Items {
		for _, expr := range strings.Split(st.Args, ",") {
			if st.Op[0] == '.' && asm.ItemSize(st.Op) > 0 && !isDistance(expr) {
				return true
			}
		}
	}
	return false
}

// isDistance reports whether an expression has no symbols or is the difference of two.
func isDistance(expr string) bool {
	plus, minus, sign := 0, 0, 1
	t := asm.Tokens{Text: expr}
	for tok, ok := t.Next(); ok; tok, ok = t.Next() {
		switch {
		case tok.Text == "-":
			sign = -1
			continue
		case tok.Kind == asm.TokenSymbol && sign < 0:
			minus++
		case tok.Kind == asm.TokenSymbol:
			plus++
		}
		sign = 1
	}
	return plus == minus
}
