package asm

import (
	"strconv"
	"strings"
)

// dataLabel begins a block.
func (p *parser) dataLabel(st Statement) {
	b := &Block{Name: st.Op, Section: p.cur, Align: 1, Line: st.Line}
	if last := p.data[p.cur]; last != nil && !p.cur.Strings { // constants of one size follow each other without an alignment of their own
		b.Align = max(1, min(last.Align, p.cur.Entry&-p.cur.Entry))
	}
	if owner := p.tables.owner[st.Op]; owner != nil {
		b.Exceptions, b.Owner = true, owner
		owner.Tables = append(owner.Tables, b)
	}
	for _, a := range p.align[p.cur] {
		b.Align = max(b.Align, alignment(a))
	}
	if old := p.data[p.cur]; old != nil && len(old.Items) == 0 && len(p.align[p.cur]) == 0 && old.Next == nil {
		old.Next, b.Align = b, old.Align
	}
	delete(p.align, p.cur)
	p.data[p.cur] = b
	p.f.Blocks[st.Op] = b
	p.f.Order = append(p.f.Order, b)
	if !IsLocal(st.Op) {
		p.f.Variables = append(p.f.Variables, b)
	}
}

// dataItem adds to the block that is open in the section.
func (p *parser) dataItem(st Statement) {
	if isAlign(st.Op) {
		p.align[p.cur] = append(p.align[p.cur], st)
		return
	}
	b := p.data[p.cur]
	if b == nil || p.cur.IsCtor() || p.cur.IsDtor() {
		p.f.Loose = append(p.f.Loose, Loose{Section: p.cur, Statement: st, Function: p.open})
		delete(p.align, p.cur)
		return
	}
	b.Items = append(append(b.Items, p.align[p.cur]...), st)
	delete(p.align, p.cur)
}

func isAlign(op string) bool {
	return op == ".p2align" || op == ".align" || op == ".balign"
}

// alignment returns the bytes an alignment directive asks for.
func alignment(st Statement) uint64 {
	arg, _, _ := strings.Cut(st.Args, ",")
	n, err := strconv.ParseUint(Trim(arg), 0, 32)
	if err != nil {
		return 1
	}
	if st.Op == ".p2align" {
		return 1 << min(n, 31)
	}
	return max(n, 1)
}
