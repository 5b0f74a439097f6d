package ld

import (
	"debug/elf"
	"fmt"
	"slices"

	"gocare/internal/arch"
	"gocare/internal/fault"
)

// Revive makes a unit of each input of the original of which the linker left out something (--gc-sections) that users refer to, and that
// is not in the patch as a function of theirs: the sections that the references lead to, and those of the left-out ones that these refer
// to in turn. What the linker kept is used where it is. Sections in groups, which it leaves out for another copy, are no such.
func (o *Original) Revive(users []*Resolved) ([]*Resolved, error) {
	v := reviver{link: o.link, names: o.names, worklist: worklist{needed: map[int]map[int]bool{}}, own: map[privateName]bool{}}
	for _, r := range users {
		for i := range r.functions {
			if input := r.Unit.inputOf(&r.functions[i].UnitFunction); input != NewInput && r.functions[i].Orig != "" {
				v.own[privateName{input, r.functions[i].Orig}] = true
			}
		}
	}
	for _, r := range users {
		for i := range r.refs {
			if b := &r.refs[i].binding; r.refs[i].err == nil && b.kind == bindDiscarded {
				v.want(b)
			}
		}
	}
	if err := v.follow(); err != nil {
		return nil, err
	}
	var list []*Resolved
	for input := range o.objects {
		if len(v.needed[input]) == 0 {
			continue
		}
		u, err := v.unit(input)
		if err != nil {
			return nil, err
		}
		r, err := o.Resolve(u)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// meaning is what a symbol stands for, or why that is not known.
type meaning struct {
	binding binding
	err     error
}

// privateName is a symbol of an input.
type privateName struct {
	input int
	name  string
}

// reviver finds what is needed of the left-out sections.
type reviver struct {
	*link
	names    *scope
	own      map[privateName]bool // functions of the patch
	worklist                      // by input
}

// want notes that something left out is referred to, unless a function of the patch stands for it.
func (v *reviver) want(b *binding) {
	if v.own[privateName{b.input, b.name}] {
		return
	}
	for i := range v.objects[b.input].File.Symbols {
		s := &v.objects[b.input].File.Symbols[i]
		if s.Name == b.name && s.Defined() && v.revivable(inputSection{b.input, s.Section}) {
			v.need(inputSection{b.input, s.Section})
		}
	}
}

// revivable reports whether a section is one that the linker left out since nothing referred to it.
func (v *reviver) revivable(s inputSection) bool {
	sec := v.objects.section(s)
	return v.places[s.object][s.section].state == discarded && sec.Flags&(elf.SHF_GROUP|elf.SHF_TLS) == 0 && !runsAtStart(sec)
}

// follow goes from the needed sections to those they refer to.
func (v *reviver) follow() error {
	for at, ok := v.next(); ok; at, ok = v.next() {
		relas, err := v.objects[at.object].File.Relas(at.section)
		if err != nil {
			return fmt.Errorf("%s: %w", v.objects.name(at.object), err)
		}
		for _, r := range relas {
			if v.bin.target.Reloc(r.Type).Kind != arch.None {
				v.reference(inputSymbol{at.object, r.Symbol})
			}
		}
	}
	return nil
}

// reference follows one reference of a needed section. Those that cannot be resolved are refused when the unit is.
func (v *reviver) reference(at inputSymbol) {
	s := &v.objects[at.input].File.Symbols[at.symbol]
	if s.Defined() {
		in := inputSection{at.input, s.Section}
		if v.places[in.object][in.section].state == merged || s.Type == elf.STT_SECTION && v.revivable(in) {
			v.need(in)
			return
		}
	}
	if m := v.meaning(at); m.err == nil && m.binding.kind == bindDiscarded {
		v.want(&m.binding)
	}
}

// meaning is what a symbol of an input stands for in the original.
func (v *reviver) meaning(at inputSymbol) (m meaning) {
	s := &v.objects[at.input].File.Symbols[at.symbol]
	if s.Bind == elf.STB_LOCAL && s.Defined() {
		m.binding, m.err = v.names.placed(at.input, s)
	} else {
		m.binding, m.err = v.names.lookup(at.input, s)
	}
	if m.binding.kind == bindDiscarded && s.Name == "" {
		m.err = m.binding.why
	}
	return m
}

// unit makes a unit of the needed sections of an input. Symbols of other sections become references to the original.
func (v *reviver) unit(input int) (Unit, error) {
	obj := &v.objects[input]
	u := Unit{Name: objectName(obj), Input: input, known: map[int]meaning{}, revived: true}
	if err := v.sharesLiterals(input); err != nil {
		return u, err
	}
	f := *obj.File
	f.Sections, f.Symbols = slices.Clone(f.Sections), slices.Clone(f.Symbols)
	c := carrier{link: v.link}
	for k := range f.Sections {
		if name := f.Sections[k].Name; v.needed[input][k] && c.collected(name) {
			return u, fault.Refuse(fault.SectionSet, u.Name, "section %s: the program collects such sections when it is linked", name)
		}
		if err := c.rename(&Addition{Name: u.Name, File: obj.File}, &f.Sections[k], v.needed[input][k]); err != nil {
			return u, err
		}
	}
	for k := range f.Symbols {
		s := &f.Symbols[k]
		if !s.Defined() {
			continue
		}
		if v.needed[input][s.Section] && !v.own[privateName{input, s.Name}] {
			s.Bind = elf.STB_LOCAL // other units ask for it by input and name
			continue
		}
		u.known[k] = v.meaning(inputSymbol{input, k})
		s.Section, s.Value = int(elf.SHN_UNDEF), 0
	}
	u.Object = &f
	if err := keepUnwind(&f, v.needed[input], u.Name); err != nil {
		return u, err
	}
	u.Functions = newFunctions(&f, v.needed[input])
	return u, nil
}

// sharesLiterals refuses strings that both what was left out and what was kept of an input refer to: their addresses may be compared.
func (v *reviver) sharesLiterals(input int) error {
	f := v.objects[input].File
	all, err := f.AllRelas()
	if err != nil {
		return fmt.Errorf("%s: %w", v.objects.name(input), err)
	}
	kept, revived := map[[2]uint64]bool{}, map[[2]uint64]int{}
	for section, relas := range all {
		for _, r := range relas {
			s := &f.Symbols[r.Symbol]
			if !s.Defined() || f.Sections[s.Section].Flags&elf.SHF_STRINGS == 0 || !v.needed[input][s.Section] {
				continue
			}
			at := [2]uint64{uint64(s.Section), v.bin.referent(&reference{sym: s, rela: r, typ: v.bin.target.Reloc(r.Type)})}
			switch {
			case v.needed[input][section]:
				revived[at] = section
			case v.places[input][section].state == placed:
				kept[at] = true
			}
		}
	}
	first := -1
	for at, section := range revived {
		if kept[at] && (first < 0 || section < first) {
			first = section
		}
	}
	if first < 0 {
		return nil
	}
	return fault.Refuse(fault.DiscardedSymbol, v.objects.name(input),
		"section %s, which the linker left out of the original and the patch needs, has a string literal in common with what was kept", f.Sections[first].Name)
}

// revivedCalls lists the link addresses of code that revived inputs refer to: it was compiled with what it calls of its own unit.
func (m *members) revivedCalls() (list []uint64) {
	for _, r := range m.units {
		for i := range r.refs {
			ref := &r.refs[i]
			if !r.Unit.revived || ref.binding.kind != bindPlace || ref.err != nil {
				continue
			}
			at := ref.binding.addr + uint64(ref.rela.Addend)
			if ref.typ.FromPC {
				at += uint64(m.bin.target.PCBias)
			}
			if t, found := m.bin.locate(at); found && m.bin.sections[t.Index].Flags&elf.SHF_EXECINSTR != 0 {
				list = append(list, at)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// revived finds what a reference to something left out means, in what the patch has of it.
func (m *members) revived(b *binding) (Target, bool) {
	for u, r := range m.units {
		if !r.Unit.revived || r.Unit.Input != b.input {
			continue
		}
		for i := range r.Unit.Object.Symbols {
			if s := &r.Unit.Object.Symbols[i]; s.Defined() && s.Name == b.name && r.sections[s.Section] != "" {
				target, err := m.inPatch(u, s)
				return target, err == nil
			}
		}
	}
	return Target{}, false
}
