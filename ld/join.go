package ld

import (
	"debug/elf"
	"sort"
	"strings"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// outputNames are the sections of a Joined, in the order in which they appear.
var outputNames = [...]string{kpname.Text, kpname.Rodata, kpname.Unwind, kpname.Data}

const (
	outText = iota
	outRodata
	outUnwind
	outData
)

// joiner holds a Joined that is being put together. Its targets in the patch count all four outputs, empty ones too.
type joiner struct {
	*link
	names    *scope
	slots    *slots
	units    []*Resolved
	out      [len(outputNames)]JoinedSection
	bases    [][]uint64 // by unit and section of its object: where it begins in its output
	globals  map[string]Target
	got      map[gotKey]uint64 // private GOT slots in .kpatch.data
	imports  map[versioned]*Import
	dead     map[[2]int]bool     // by unit and function: left out
	apart    map[uint64][2]int   // detached functions, by the link address of the original
	gates    []uint64            // link addresses of padding that holds hooks of short functions
	reached  map[[2]int][]uint64 // those that a function refers to
	done     map[field]bool      // fields that an earlier relaxation took
	literals map[literal]uint64  // places of those carried in .kpatch.rodata
	copies   []map[string]groupedCopy
	pending  []pendingReloc
}

// gotKey is what a private GOT slot holds: a known address, or a constant.
type gotKey struct {
	target   Target
	constant bool
	value    uint64
	imported versioned // what is found at run time
}

// field is a place in an output.
type field struct {
	out    int
	offset uint64
}

// pendingReloc is a relocation whose import has no number yet.
type pendingReloc struct {
	out   int
	reloc JoinedReloc
	name  versioned // of the import
}

// Join puts units together. A reference that one unit leaves undefined and the original does not define either goes to
// the new global of that name in another unit ("g.kpnew").
func Join(o *Original, units []*Resolved) (*Joined, error) {
	j := &joiner{
		link: o.link, names: o.names, slots: o.names.slots, units: units, globals: map[string]Target{}, got: map[gotKey]uint64{}, imports: map[versioned]*Import{},
		dead: map[[2]int]bool{}, done: map[field]bool{}, apart: map[uint64][2]int{}, reached: map[[2]int][]uint64{}, literals: map[literal]uint64{},
	}
	for i, name := range outputNames {
		j.out[i] = JoinedSection{Name: name, Flags: outputFlags(i), Align: 1}
	}
	j.chooseCopies()
	j.decide()
	j.detach()
	if err := j.layout(); err != nil {
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
	if err := j.erratum(); err != nil {
		return nil, err
	}
	return j.finish()
}

func outputFlags(out int) elf.SectionFlag {
	switch out {
	case outText:
		return elf.SHF_ALLOC | elf.SHF_EXECINSTR
	case outData:
		return elf.SHF_ALLOC | elf.SHF_WRITE
	}
	return elf.SHF_ALLOC
}

// decide leaves out the functions that the original does not contain, except those that others refer to.
func (j *joiner) decide() {
	for u, r := range j.units {
		for i := range r.functions {
			if r.functions[i].skipped != "" {
				j.dead[[2]int{u, i}] = true
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for u, r := range j.units {
			for i := range r.refs {
				changed = j.keep(u, &r.refs[i]) || changed
			}
		}
	}
}

// keep marks the left-out function that a live reference needs.
func (j *joiner) keep(u int, ref *reference) bool {
	r := j.units[u]
	if ref.owner >= 0 && j.dead[[2]int{u, ref.owner}] || r.sections[ref.section] == kpname.Unwind || j.deadUnit(u) {
		return false
	}
	at, found := j.provider(u, ref)
	if found && j.dead[at] {
		delete(j.dead, at)
		return true
	}
	return false
}

// provider finds the function of the patch that a reference to a left-out function, or to a label, means.
func (j *joiner) provider(u int, ref *reference) ([2]int, bool) {
	if _, found := j.copyOf(u, ref.sym); found {
		return [2]int{}, false
	}
	if ref.sym.Defined() {
		i := j.units[u].owner(ref.sym.Section, j.bin.referent(ref))
		return [2]int{u, i}, i >= 0
	}
	if ref.binding.kind != bindDiscarded {
		return [2]int{}, false
	}
	for v, r := range j.units {
		for i := range r.functions {
			if r.Unit.Input == ref.binding.input && r.functions[i].Orig == ref.binding.name {
				return [2]int{v, i}, true
			}
		}
	}
	return [2]int{}, false
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

// deadUnit reports whether nothing of a unit is in the patch.
func (j *joiner) deadUnit(u int) bool {
	for i := range j.units[u].functions {
		if !j.dead[[2]int{u, i}] {
			return false
		}
	}
	return len(j.units[u].functions) > 0
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

// inPatch is the place of a symbol that a unit defines.
func (j *joiner) inPatch(u int, s *elfobj.Symbol) (Target, error) {
	r := j.units[u]
	if r.sections[s.Section] == "" {
		return Target{}, fault.Refuse(fault.UnknownSection, r.Unit.Name, "%q is in section %s, which is no part of a patch",
			s.Name, r.Unit.Object.Sections[s.Section].Name)
	}
	return Target{InPatch, outputIndex(r.sections[s.Section]), j.bases[u][s.Section] + s.Value}, nil
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
		if j.done[field{p.out, p.at}] {
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
		return j.reduceLiteral(p)
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
		return j.reduce(p, dest{known: true, target: target})
	}
	if b.kind == bindDiscarded {
		at, found := j.provider(u, p.ref)
		if found {
			return j.reduce(p, dest{known: true, target: j.entry(at)})
		}
		if target, found := j.revived(&b); found {
			return j.reduce(p, dest{known: true, target: target})
		}
		return b.why
	}
	if at, found := j.apart[b.addr]; found && b.kind == bindPlace {
		from := [2]int{u, p.ref.owner}
		j.reached[from] = append(j.reached[from], b.addr)
		return j.reduce(p, dest{known: true, target: j.entry(at)})
	}
	if b.kind == bindImport && !b.own {
		target, found := j.globals[strings.TrimSuffix(b.name, kpname.New)]
		switch {
		case found:
			return j.reduce(p, dest{known: true, target: target})
		case b.why != nil:
			return b.why
		case strings.HasSuffix(b.name, kpname.New):
			return fault.New(fault.Bug, "", "no unit of the patch defines %q", b.name)
		}
		return j.reduce(p, dest{b: b})
	}
	if b.ifunc {
		return j.reduceIFUNC(p, b)
	}
	if b.kind == bindPlace {
		target, found := j.bin.locate(b.addr)
		if !found {
			return fault.Refuse(fault.AbsoluteSymbol, "", "%q at 0x%x is in no section of the original", b.name, b.addr)
		}
		return j.reduce(p, dest{known: true, target: target, b: b})
	}
	return j.reduce(p, dest{b: b})
}

func (j *joiner) finish() (*Joined, error) {
	joined := &Joined{Machine: j.bin.target, Originals: j.bin.sections}
	for _, i := range j.imports {
		joined.Imports = append(joined.Imports, *i)
	}
	sort.Slice(joined.Imports, func(a, b int) bool { return joined.Imports[a].symbol().less(joined.Imports[b].symbol()) })
	number := map[versioned]int{}
	for i, imp := range joined.Imports {
		number[imp.symbol()] = i
	}
	var index [len(outputNames)]int
	for i := range j.out {
		if len(j.out[i].Data) > 0 {
			index[i] = len(joined.Sections)
			joined.Sections = append(joined.Sections, j.out[i])
		}
	}
	for _, p := range j.pending {
		switch p.reloc.Target.Kind {
		case InPatch:
			p.reloc.Target.Index = index[p.reloc.Target.Index]
		case Imported:
			p.reloc.Target.Index = number[p.name]
		}
		sec := &joined.Sections[index[p.out]]
		sec.Relocs = append(sec.Relocs, p.reloc)
	}
	for i := range joined.Sections {
		relocs := joined.Sections[i].Relocs
		sort.SliceStable(relocs, func(a, b int) bool { return relocs[a].Offset < relocs[b].Offset })
	}
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
