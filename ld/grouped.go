package ld

import (
	"debug/elf"
	"slices"
	"strings"

	"gocare/internal/elfobj"
	"gocare/internal/kpname"
)

// New symbols of section groups (inline functions, templates, what C++ keeps of classes) have a copy in every unit that uses them.
// As in a link all code goes to one: that of the original where it has one, else the first of the patch.

// groupedCopy is where code goes in place of a unit's own copy of a grouped symbol.
type groupedCopy struct {
	name string
	unit int // that has the copy, -1 for the original
	why  string
}

// chooseCopies decides, for each unit, which of its copies others take the place of.
func (m *members) chooseCopies() {
	first := map[string]int{}
	m.copies = make([]map[string]groupedCopy, len(m.units))
	for u, r := range m.units {
		m.copies[u] = map[string]groupedCopy{}
		for i := range r.Unit.Object.Symbols {
			s := &r.Unit.Object.Symbols[i]
			name, isNew := strings.CutSuffix(s.Name, kpname.New)
			if !isNew || !s.Defined() || !slices.Contains(r.Unit.Grouped, name) {
				continue
			}
			owner, found := first[name]
			switch {
			case m.names.defines(name):
				m.copies[u][s.Name] = groupedCopy{name, -1, "the original has a copy of it"}
			case found:
				m.copies[u][s.Name] = groupedCopy{name, owner, "the patch has the copy of " + m.units[owner].Unit.Name}
			default:
				first[name] = u
			}
		}
		for i := range r.functions {
			if c, found := m.copies[u][r.functions[i].Symbol]; found {
				r.functions[i].skipped = c.why
			}
		}
	}
}

// copyOf returns the copy that code of a unit goes to in place of a symbol of its own.
func (m *members) copyOf(u int, s *elfobj.Symbol) (groupedCopy, bool) {
	c, found := m.copies[u][s.Name]
	return c, found && s.Defined()
}

// copyBinding is what the original has by the name of a grouped symbol.
func (j *joiner) copyBinding(u int, c groupedCopy) (binding, error) {
	return j.names.lookup(j.units[u].Unit.Input, &elfobj.Symbol{Name: c.name, Section: int(elf.SHN_UNDEF), Bind: elf.STB_WEAK})
}

// copyTarget is the place of the copy of another unit.
func (m *members) copyTarget(c groupedCopy) (Target, error) {
	r := m.units[c.unit]
	i := slices.IndexFunc(r.Unit.Object.Symbols, func(s elfobj.Symbol) bool { return s.Name == c.name+kpname.New && s.Defined() })
	return m.inPatch(c.unit, &r.Unit.Object.Symbols[i])
}
