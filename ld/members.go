package ld

import (
	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// members are the units of a patch, with what of them is in it, and where.
type members struct {
	bin    *image
	names  *scope
	units  []*Resolved
	dead   map[[2]int]bool // by unit and function: left out
	copies []map[string]groupedCopy
	bases  [][]uint64 // by unit and section of its object: where it begins in its output
}

// decide leaves out the functions that the original does not contain, except those that others refer to.
func (m *members) decide() {
	for u, r := range m.units {
		for i := range r.functions {
			if r.functions[i].skipped != "" {
				m.dead[[2]int{u, i}] = true
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for u, r := range m.units {
			for i := range r.refs {
				changed = m.keep(u, &r.refs[i]) || changed
			}
		}
	}
}

// keep marks the left-out function that a live reference needs.
func (m *members) keep(u int, ref *reference) bool {
	r := m.units[u]
	if ref.owner >= 0 && m.dead[[2]int{u, ref.owner}] || r.sections[ref.section] == kpname.Unwind || m.deadUnit(u) {
		return false
	}
	at, found := m.provider(u, ref)
	if found && m.dead[at] {
		delete(m.dead, at)
		return true
	}
	return false
}

// provider finds the function of the patch that a reference to a left-out function, or to a label, means.
func (m *members) provider(u int, ref *reference) ([2]int, bool) {
	if _, found := m.copyOf(u, ref.sym); found {
		return [2]int{}, false
	}
	if ref.sym.Defined() {
		i := m.units[u].owner(ref.sym.Section, m.bin.referent(ref))
		return [2]int{u, i}, i >= 0
	}
	if ref.binding.kind != bindDiscarded {
		return [2]int{}, false
	}
	for v, r := range m.units {
		for i := range r.functions {
			if r.Unit.inputOf(&r.functions[i].UnitFunction) == ref.binding.input && r.functions[i].Orig == ref.binding.name {
				return [2]int{v, i}, true
			}
		}
	}
	return [2]int{}, false
}

// deadUnit reports whether nothing of a unit is in the patch.
func (m *members) deadUnit(u int) bool {
	for i := range m.units[u].functions {
		if !m.dead[[2]int{u, i}] {
			return false
		}
	}
	return len(m.units[u].functions) > 0
}

// inPatch is the place of a symbol that a unit defines.
func (m *members) inPatch(u int, s *elfobj.Symbol) (Target, error) {
	r := m.units[u]
	if r.sections[s.Section] == "" {
		return Target{}, fault.Refuse(fault.UnknownSection, r.Unit.Name, "%q is in section %s, which is no part of a patch",
			s.Name, r.Unit.Object.Sections[s.Section].Name)
	}
	return Target{InPatch, outputIndex(r.sections[s.Section]), m.bases[u][s.Section] + s.Value}, nil
}

// entry is where a function of the patch begins, by unit and function.
func (m *members) entry(at [2]int) Target {
	f := &m.units[at[0]].functions[at[1]]
	return Target{InPatch, outText, m.bases[at[0]][f.section] + f.start}
}

// layout appends the sections of all units to the outputs.
func (m *members) layout(out *output) error {
	m.bases = make([][]uint64, len(m.units))
	for u, r := range m.units {
		m.bases[u] = make([]uint64, len(r.sections))
		if m.deadUnit(u) {
			continue
		}
		for i, name := range r.sections {
			if name == "" || r.isLiteral(i) {
				continue
			}
			base, err := out.append(outputIndex(name), &r.Unit.Object.Sections[i])
			if err != nil {
				return err
			}
			m.bases[u][i] = base
		}
		m.trapDead(u, out)
	}
	if unwind := &out.sections[outUnwind]; len(unwind.Data) > 0 { // who reads it in a process goes on to a zero word
		unwind.Data = append(unwind.Data, 0, 0, 0, 0)
	}
	return nil
}

// trapDead overwrites the code of functions that were left out.
func (m *members) trapDead(u int, out *output) {
	for i := range m.units[u].functions {
		if f := &m.units[u].functions[i]; m.dead[[2]int{u, i}] {
			base := m.bases[u][f.section]
			arch.Fill(out.sections[outText].Data[base+f.start:base+f.end], m.bin.target.Trap)
		}
	}
}
