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

// Unit is the assembled code of one unit's chosen functions.
type Unit struct {
	Name      string       // source, for messages
	Input     int          // index into the objects given to Open: the unit's original object, or NewInput
	Object    *elfobj.File // sections .kpatch.text, .kpatch.rodata, .kpatch.data, .eh_frame
	Functions []UnitFunction
	Stale     []StaleFunction
	Roles     []UnitRole
	Grouped   []string // new symbols in section groups: "g" of "g.kpnew"
	Literals  []OldLiteral
	Labels    *elfobj.File       // of the original's assembly, with a symbol for each label in Literals; nil if none is needed
	ByContent bool               // Labels has all literals that no linker merges, under other labels than Literals
	Copies    bool               // literals of the original that are not found there are carried
	Shown     map[string]Private // by name: what other units show now and keep to themselves in the original

	known   map[int]meaning // what undefined symbols of Object mean, by index, where that is not looked up
	revived bool            // see Revive
}

// UnitRole is something of the unit that the loader does more with than to map it.
type UnitRole struct {
	Role   kpname.Role
	Name   string // in the source
	Symbol string // label in Object
}

// Private is a symbol of one input that no other sees.
type Private struct {
	Input  int
	Symbol string
}

// OldLiteral is a section of the unit with a literal that the original unit has, too.
type OldLiteral struct {
	Section string
	Orig    string      // its symbol in the original's object, or label in its assembly
	Of      *LabelledBy // nil for the unit itself
}

// LabelledBy is a unit of the original that has literals which another one refers to now; see Unit.
type LabelledBy struct {
	Input     int
	Labels    *elfobj.File
	ByContent bool
}

// StaleFunction is a function of the unit's original object that has no place in the patch and must not be running when it
// is applied.
type StaleFunction struct {
	Name   string   // symbol
	Parts  []string // further symbols ("f.cold")
	Reason string
}

// UnitFunction is one chosen function of a unit.
type UnitFunction struct {
	Name     string   // for people and .kpatch.info
	Symbol   string   // label in Object
	Orig     string   // symbol in the original unit's object, "" for a new function
	Of       *int     // the input of that object where it is another unit's
	Parts    []string // further original symbols it replaces ("f.cold")
	Reason   string
	Calls    []string // original symbols of the unit's functions that it calls, directly or not
	Spares   bool     // it overwrites no register that the original function does not
	Detached bool     // no hook: only functions of the patch call it, and they call the new one
	Optional bool     // unchanged: where the jump does not fit it is skipped, and its callers keep the original
}

// inputOf is the input that has the function of the original which one of the unit replaces.
func (u *Unit) inputOf(f *UnitFunction) int {
	if f.Of != nil {
		return *f.Of
	}
	return u.Input
}

// Resolved is a unit of which every reference to the original is known.
type Resolved struct {
	Unit      Unit
	Skipped   []Skipped // functions left out, unless another unit turns out to need them: see Joined.Skipped
	Copied    []error   // refusals that Unit.Copies overrode
	functions []function
	stale     []JoinedStale
	sections  []string // by section index of Object: the output section, or ""
	refs      []reference
	literals  map[inputSection]*newLiteral // by section of Object and offset
}

// Skipped is a function that was chosen and is not in the patch.
type Skipped struct{ Unit, Function, Reason string }

// function is a chosen function with both its places.
type function struct {
	UnitFunction
	section    int    // in Object
	start, end uint64 // in that section: from the label to the next function's label
	size       uint64 // bytes of the new function
	old        original
	skipped    string // why it is left out, or ""
}

// reference is one relocation of the new code.
type reference struct {
	section int // in Object
	rela    elfobj.Rela
	typ     arch.RelocType
	sym     *elfobj.Symbol
	owner   int // index into functions, -1 for data
	binding binding
	literal *newLiteral // that it leads to; the addend counts from its start then
	err     error       // why the binding is not known; matters only if the owner is used
}

// Resolve finds what every symbol that u's object leaves undefined means in the original, and where the functions it
// replaces are. The binary's bytes at those functions have to be those of the original object.
func (o *Original) Resolve(u Unit) (*Resolved, error) {
	if u.Input != NewInput && (u.Input < 0 || u.Input >= len(o.objects) || o.objects[u.Input].File.Type != elf.ET_REL) {
		return nil, fault.New(fault.Bug, u.Name, "no input %d of the link", u.Input)
	}
	r := &Resolved{Unit: u, sections: make([]string, len(u.Object.Sections)), literals: map[inputSection]*newLiteral{}}
	for i := range u.Object.Sections {
		name, err := outputSection(&u.Object.Sections[i], u.Name)
		if err != nil {
			return nil, err
		}
		r.sections[i] = name
	}
	if err := o.resolveFunctions(r); err != nil {
		return nil, err
	}
	if err := o.resolveReferences(r); err != nil {
		return nil, err
	}
	return r, nil
}

// outputSection says where a section of an assembled unit goes.
func outputSection(s *elfSection, unit string) (string, error) {
	if s.Flags&elf.SHF_ALLOC == 0 || s.Size == 0 || s.Type == elf.SHT_NOTE {
		return "", nil
	}
	if s.Flags&elf.SHF_TLS != 0 {
		return "", fault.Refuse(fault.NewTLSVariable, unit, "section %s: the patch adds a thread-local variable", s.Name)
	}
	if s.Name == ".eh_frame" {
		return kpname.Unwind, nil
	}
	for _, name := range []string{kpname.Text, kpname.Rodata, kpname.Data} {
		if s.Name == name || strings.HasPrefix(s.Name, name+".") {
			return name, nil
		}
	}
	return "", fault.Refuse(fault.UnknownSection, unit, "section %s is no part of a patch", s.Name)
}

func (o *Original) resolveFunctions(r *Resolved) error {
	for _, uf := range r.Unit.Functions {
		sym, err := label(r.Unit.Object, uf.Symbol, r.Unit.Name)
		if err != nil {
			return err
		}
		f := function{UnitFunction: uf, section: sym.Section, start: sym.Value, size: sym.Size}
		if uf.Orig != "" {
			if f.old, f.skipped, err = o.originals.find(r.Unit, uf); err != nil {
				if e := fault.As(err); e != nil {
					e.Function = uf.Name
				}
				return err
			}
		}
		if f.skipped != "" {
			r.Skipped = append(r.Skipped, Skipped{r.Unit.Name, uf.Name, f.skipped})
		}
		r.functions = append(r.functions, f)
	}
	r.setEnds()
	for _, f := range r.Unit.Stale {
		parts, _, err := o.originals.parts(r.Unit, append([]string{f.Name}, f.Parts...), r.Unit.Name+": "+f.Name)
		if err != nil {
			return err
		}
		if parts != nil {
			r.stale = append(r.stale, JoinedStale{f.Name, f.Reason, parts})
		}
	}
	return nil
}

// label finds a function's label in an assembled unit.
func label(f *elfobj.File, name, unit string) (*elfobj.Symbol, error) {
	for i := range f.Symbols {
		if s := &f.Symbols[i]; s.Name == name && s.Defined() {
			return s, nil
		}
	}
	return nil, fault.New(fault.Bug, unit, "assembled unit has no label %q", name)
}

func (r *Resolved) setEnds() {
	order := make([]*function, len(r.functions))
	for i := range r.functions {
		order[i] = &r.functions[i]
	}
	sort.SliceStable(order, func(i, k int) bool {
		a, b := order[i], order[k]
		return a.section < b.section || a.section == b.section && a.start < b.start
	})
	for i, f := range order {
		f.end = r.Unit.Object.Sections[f.section].Size
		for _, next := range order[i+1:] {
			if next.section == f.section && next.start > f.start {
				f.end = next.start
				break
			}
		}
		if f.size == 0 {
			f.size = f.end - f.start
		}
	}
}

// owner returns the function that holds a place of the assembled unit, or -1.
func (r *Resolved) owner(section int, offset uint64) int {
	for i := range r.functions {
		if f := &r.functions[i]; f.section == section && f.start <= offset && offset < f.end {
			return i
		}
	}
	return -1
}

func (o *Original) resolveReferences(r *Resolved) error {
	known := map[int]reference{}
	for section, name := range r.sections {
		if name == "" {
			continue
		}
		relas, err := r.Unit.Object.Relas(section)
		if err != nil {
			return err
		}
		for _, rela := range relas {
			ref, err := o.bind(r, section, rela, known)
			if err != nil {
				return err
			}
			r.refs = append(r.refs, ref)
		}
	}
	return nil
}

// bind looks up the symbol of a relocation; what it finds holds for the whole unit.
func (o *Original) bind(r *Resolved, section int, rela elfobj.Rela, known map[int]reference) (reference, error) {
	ref := reference{section: section, rela: rela, typ: o.bin.target.Reloc(rela.Type), owner: r.owner(section, rela.Offset)}
	sec := &r.Unit.Object.Sections[section]
	if rela.Offset >= sec.Size || sec.Type == elf.SHT_NOBITS {
		return ref, fault.New(fault.Bug, r.Unit.Name, "section %s: relocation at 0x%x outside", sec.Name, rela.Offset)
	}
	ref.sym = &r.Unit.Object.Symbols[rela.Symbol]
	seen, found := known[rela.Symbol]
	m, told := r.Unit.known[rela.Symbol]
	switch {
	case ref.typ.Kind == arch.None:
	case ref.sym.Defined():
		ref.err = o.bindLiteral(r, &ref)
	case told:
		ref.binding, ref.err = m.binding, m.err
	case found:
		ref.binding, ref.err = seen.binding, seen.err
	default:
		ref.binding, ref.err = o.find(&r.Unit, ref.sym)
		known[rela.Symbol] = ref
	}
	if ref.err != nil && (ref.owner < 0 || r.functions[ref.owner].skipped == "") {
		return ref, r.blame(&ref, ref.err)
	}
	return ref, nil
}

// find looks up a symbol for a unit. A name that another unit shows now leads to what that unit has by it.
func (o *Original) find(u *Unit, sym *elfobj.Symbol) (binding, error) {
	if p, shown := u.Shown[sym.Name]; shown && p.Input != u.Input && sym.Version == "" {
		if b, found, err := o.names.private(p.Input, p.Symbol); found || err != nil {
			return b, err
		}
	}
	return o.names.lookup(u.Input, sym)
}

// user names the function or section that holds a reference.
func (r *Resolved) user(ref *reference) string {
	if ref.owner >= 0 {
		return r.Unit.Name + ": " + r.functions[ref.owner].Name
	}
	return r.Unit.Name + ": " + r.Unit.Object.Sections[ref.section].Name
}

// blame puts the user of a symbol in front of what is wrong with it.
func (r *Resolved) blame(ref *reference, err error) error {
	e := fault.As(err)
	if e == nil {
		return err
	}
	out := *e
	out.Where = r.user(ref)
	if e.Where != "" {
		out.Where += ": in " + e.Where
	}
	return &out
}
