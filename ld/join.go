package ld

import (
	"debug/elf"
	"strings"

	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// joiner puts a Joined together. Its targets in the patch count all four outputs, empty ones too.
type joiner struct {
	*members
	output  *output
	reducer *reducer
	globals map[string]Target
	apart   map[uint64][2]int   // detached functions, by the link address of the original
	gates   []uint64            // link addresses of padding that holds hooks of short functions
	reached map[[2]int][]uint64 // those of apart that a function refers to
}

// Join puts units together. A reference that one unit leaves undefined and the original does not define either goes to
// the new global of that name in another unit ("g.kpnew").
func Join(o *Original, units []*Resolved) (*Joined, error) {
	out := newOutput(o.bin)
	j := &joiner{
		members: &members{bin: o.bin, names: o.names, units: units, dead: map[[2]int]bool{}}, output: out,
		reducer: &reducer{output: out, names: o.names, slots: o.names.slots, tls: &tlsReducer{out, o.names.slots}},
		globals: map[string]Target{}, apart: map[uint64][2]int{}, reached: map[[2]int][]uint64{},
	}
	j.chooseCopies()
	j.decide()
	j.detach()
	if err := j.layout(out); err != nil {
		return nil, err
	}
	if err := j.collectGlobals(); err != nil {
		return nil, err
	}
	for u := range units {
		if err := j.reduceUnit(u); err != nil {
			return nil, err
		}
	}
	if err := out.erratum(); err != nil {
		return nil, err
	}
	return j.finish()
}

// referent is the place in a defined symbol's section that a relocation means. Where the processor counts from the next
// instruction, the addend carries its distance.
func (im *image) referent(ref *reference) uint64 {
	at := ref.sym.Value + uint64(ref.rela.Addend)
	switch ref.typ.Kind {
	case arch.PC32, arch.Call, arch.GOTLoad, arch.GOTLoadRelax:
		at += uint64(im.target.PCBias)
	}
	return at
}

// collectGlobals finds what units offer each other. Two weak definitions of a name are refused like others: which of them all
// code goes to depends on the order of the link, and each unit's own code would go to its own.
func (j *joiner) collectGlobals() error {
	owner := map[string]string{}
	for u, r := range j.units {
		if j.deadUnit(u) {
			continue
		}
		for i := range r.Unit.Object.Symbols {
			s := &r.Unit.Object.Symbols[i]
			name, isNew := strings.CutSuffix(s.Name, kpname.New)
			if !isNew || !s.Defined() || s.Bind == elf.STB_LOCAL {
				continue
			}
			if _, found := j.copyOf(u, s); found {
				continue
			}
			if first, found := owner[name]; found {
				return fault.Refuse(fault.DuplicateSymbol, r.Unit.Name, "%q is new here and in %s", name, first)
			}
			if j.names.defines(name) {
				return movedGlobal(r.Unit.Name, name, s, "the original defines it elsewhere")
			}
			if j.names.takes(name) && s.Bind != elf.STB_WEAK {
				return movedGlobal(r.Unit.Name, name, s, "the original takes it from a library")
			}
			target, err := j.inPatch(u, s)
			if err != nil {
				return err
			}
			j.globals[name], owner[name] = target, r.Unit.Name
		}
	}
	return nil
}

func (j *joiner) reduceUnit(u int) error {
	r := j.units[u]
	if j.deadUnit(u) {
		return nil
	}
	for i := range r.refs {
		ref := &r.refs[i]
		if ref.owner >= 0 && j.dead[[2]int{u, ref.owner}] {
			continue
		}
		p := spot{ref: ref, out: outputIndex(r.sections[ref.section])}
		p.at = j.bases[u][ref.section] + ref.rela.Offset
		if j.output.done[field{p.out, p.at}] {
			continue
		}
		if err := j.reduceReference(u, &p); err != nil {
			return r.blame(ref, err)
		}
	}
	return nil
}

// reduceReference finds what a reference means, patch included, and writes it in the terms of the format.
func (j *joiner) reduceReference(u int, p *spot) error {
	if err := p.ref.err; err != nil {
		return err
	}
	if p.ref.literal != nil {
		return j.reducer.reduceLiteral(p)
	}
	b := p.ref.binding
	if c, found := j.copyOf(u, p.ref.sym); found && c.unit < 0 {
		var err error
		if b, err = j.copyBinding(u, c); err != nil {
			return err
		}
	} else if p.ref.sym.Defined() {
		target, err := j.inPatch(u, p.ref.sym)
		if found {
			target, err = j.copyTarget(c)
		}
		if err != nil {
			return err
		}
		return j.reducer.reduce(p, dest{known: true, target: target})
	}
	return j.reduceBinding(u, p, b)
}

// reduceBinding is reduceReference for a symbol that a unit leaves undefined.
func (j *joiner) reduceBinding(u int, p *spot, b binding) error {
	if b.kind == bindDiscarded {
		at, found := j.provider(u, p.ref)
		if found {
			return j.reducer.reduce(p, dest{known: true, target: j.entry(at)})
		}
		if target, found := j.revived(&b); found {
			return j.reducer.reduce(p, dest{known: true, target: target})
		}
		return b.why
	}
	if at, found := j.apart[b.addr]; found && b.kind == bindPlace {
		from := [2]int{u, p.ref.owner}
		j.reached[from] = append(j.reached[from], b.addr)
		return j.reducer.reduce(p, dest{known: true, target: j.entry(at)})
	}
	if b.kind == bindImport && !b.own {
		target, found := j.globals[strings.TrimSuffix(b.name, kpname.New)]
		switch {
		case found:
			return j.reducer.reduce(p, dest{known: true, target: target})
		case b.why != nil:
			return b.why
		case strings.HasSuffix(b.name, kpname.New):
			return fault.New(fault.Bug, "", "no unit of the patch defines %q", b.name)
		}
		return j.reducer.reduce(p, dest{b: b})
	}
	if b.ifunc {
		return j.reducer.reduceIFUNC(p, b)
	}
	if b.kind == bindPlace {
		target, found := j.bin.locate(b.addr)
		if !found {
			return fault.Refuse(fault.AbsoluteSymbol, "", "%q at 0x%x is in no section of the original", b.name, b.addr)
		}
		return j.reducer.reduce(p, dest{known: true, target: target, b: b})
	}
	return j.reducer.reduce(p, dest{b: b})
}

func (j *joiner) finish() (*Joined, error) {
	joined, index := j.output.joined()
	if err := j.functions(joined, index[outText]); err != nil {
		return nil, err
	}
	return joined, j.roles(joined, index[:])
}

// functions lists the functions in the order of the units. Names for one address are one target.
func (j *joiner) functions(joined *Joined, text int) error {
	byOld, calls := map[uint64]string{}, j.revivedCalls()
	for u, r := range j.units {
		joined.Stale = append(joined.Stale, r.stale...)
		for i := range r.functions {
			f := &r.functions[i]
			if j.dead[[2]int{u, i}] {
				joined.Skipped = append(joined.Skipped, Skipped{r.Unit.Name, f.Name, f.skipped})
				continue
			}
			out := JoinedFunction{
				Name: f.Name, New: Target{InPatch, text, j.bases[u][f.section] + f.start}, NewSize: f.size,
				IsNew: f.Orig == "" || f.skipped != "" || f.Detached, Reason: f.Reason,
			}
			if f.Orig != "" && f.skipped == "" {
				if first, found := byOld[f.old.addr]; found {
					return fault.Refuse(fault.FoldedFunction, r.Unit.Name+": "+f.Name, "it has the same address as %q", first)
				}
				byOld[f.old.addr] = f.Name
				old, found := j.bin.locate(f.old.addr)
				if !found {
					return fault.New(fault.Bug, r.Unit.Name+": "+f.Name, "0x%x is in no section", f.old.addr)
				}
				out.Parts, out.Calls = f.old.parts, j.callees(u, i)
				if len(calls) > 0 { // which function leads there is not known
					out.Calls = append(out.Calls, calls...)
				}
				if !f.Detached {
					out.Old, out.OldSize, out.Spares = old, f.old.room, f.Spares
					if out.Gate = len(f.old.gates) > 0; out.Gate {
						var err error
						if out.Via, err = j.gate(r.Unit.Name, f); err != nil {
							return err
						}
					}
				}
			}
			joined.Functions = append(joined.Functions, out)
		}
	}
	return nil
}
