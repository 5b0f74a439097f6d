package asm

import (
	"slices"
	"strings"

	"gocare/internal/lazyregexp"
)

// An exception table says, for the calls of one part of a function, where handlers and clean-ups are (the LSDA of the Itanium C++
// ABI). It is a block with labels of its own, known by the .cfi_lsda that names it.

// exceptionTables holds what is known of exception tables while the text is read.
type exceptionTables struct {
	owner map[string]*Function // by the label that .cfi_lsda names
	parts map[string]*Stream   // by a label in front of a part of a function: that part
	lead  map[*Section][]string
}

// tableName is clang's second label of an exception table, which nothing mentions.
var tableName = lazyregexp.New(`^GCC_except_table[0-9]+$`)

// partName is gcc's label in front of a part of a function, by which exception tables count.
var partName = lazyregexp.New(`^\.L(COLD|HOT)B[0-9]+$`)

// noteTable takes note of the table that a part of the open function has.
func (p *parser) noteTable(st Statement) {
	if st.Op != ".cfi_lsda" || p.open == nil {
		return
	}
	if _, label, ok := strings.Cut(st.Args, ","); ok {
		p.tables.owner[Trim(label)] = p.open
	}
}

// notePart ties the labels in front of a part of a function to it.
func (p *parser) notePart(sec *Section, s *Stream) {
	for _, name := range p.tables.lead[sec] {
		p.tables.parts[name] = s
	}
	delete(p.tables.lead, sec)
}

// inTable reports whether a label lies inside the exception table that is open in the section, and adds it there.
func (p *parser) inTable(st Statement) bool {
	b := p.data[p.cur]
	if p.tables.owner[st.Op] != nil {
		return false
	}
	if tableName.MatchString(st.Op) {
		return true
	}
	if b == nil || !b.Exceptions || !IsLocal(st.Op) {
		return false
	}
	p.dataItem(st)
	p.f.Inside[st.Op] = b
	return true
}

// placeParts gives functions the labels in front of their parts that their exception tables mention.
func (p *parser) placeParts() {
	f := p.f
	for _, b := range f.Order {
		if !b.Exceptions {
			continue
		}
		for _, st := range b.Items {
			EachLocal(st.Args, func(name string) {
				s := p.tables.parts[name]
				if s == nil || f.Labels[name] != nil || len(s.Statements) == 0 {
					return
				}
				f.Labels[name] = b.Owner
				s.Statements = slices.Insert(s.Statements, 1, Statement{Op: name, Kind: Label, Line: s.Statements[0].Line})
			})
		}
	}
}
