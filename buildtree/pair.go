package buildtree

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gocare/internal/fault"
)

// UnitPair is a unit that differs between the two builds.
type UnitPair struct {
	Index         int   // of the input in the original link; -1 for a new input
	Orig, Patched *Unit // Orig is nil for a new input, and so is Patched where no compile of it is recorded
	Input         Input // as the original link has it; a new one as the patched link has it
	PatchedInput  Input
}

// LinkPair is an original link that was made again in the patched build.
type LinkPair struct {
	Orig, Patched *Link
	Units         []UnitPair // changed ones only, new ones (Orig nil) last
	Missing       []Input    // changed inputs without a record in either build
	Gone          []Input    // inputs of the original that the patched link does not have
	LTO           *LTOPair   // nil unless gcc made code when it linked one of them

	partner []int // input of the patched link by that of the original one, -1 for none
}

// Partner returns which input of the original link one of the patched link is, -1 for a new one.
func (p *LinkPair) Partner(patched int) int { return slices.Index(p.partner, patched) }

// LTOPair is what two links have to do with gcc's link-time optimisation.
type LTOPair struct {
	Orig, Patched []int      // indices of the inputs that it made, one for each partition
	Changed       []UnitPair // changed sources that were compiled to intermediate language
}

// Pair lines up two builds: every original link whose output was linked again, sorted by output. Links that only the
// original has are unchanged. It refuses a changed input that was itself put together by ld -r (partial-link) and one
// whose code is made only at link time (lto).
func Pair(orig, patched *Record, renamed map[string]string) ([]LinkPair, error) {
	var pairs []LinkPair
	for i := range orig.Links {
		o := &orig.Links[i]
		p := patched.LinkByOutput(o.Output)
		if p == nil || o.Partial {
			continue
		}
		pr := pairing{orig: orig, patched: patched, renamed: renamed}
		pair, err := pr.links(o, p)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pair)
	}
	slices.SortFunc(pairs, func(a, b LinkPair) int { return strings.Compare(a.Orig.Output, b.Orig.Output) })
	return pairs, nil
}

// pairing pairs the inputs of links of two records.
type pairing struct {
	orig, patched *Record
	renamed       map[string]string // path of a source in the patched tree -> in the original
	depth         int               // of partial links looked into
}

// maxPartialDepth ends partial links that name each other.
const maxPartialDepth = 16

func (pr *pairing) links(o, p *Link) (LinkPair, error) {
	pair := LinkPair{Orig: o, Patched: p}
	if parts, now := pr.orig.partitions(o), pr.patched.partitions(p); len(parts)+len(now) > 0 && !o.Partial {
		pair.LTO = &LTOPair{Orig: parts, Patched: now}
	}
	if err := sameParts(o, p); err != nil {
		return LinkPair{}, err
	}
	partner, added := pr.inputs(o, p)
	pair.partner = partner
	for i, in := range o.Inputs {
		j := partner[i]
		if j < 0 {
			if !pr.orig.madeByLTO(o, in) {
				pair.Gone = append(pair.Gone, in)
			}
			continue
		}
		if err := pr.input(&pair, i, p.Inputs[j]); err != nil {
			return LinkPair{}, err
		}
	}
	for _, j := range added {
		in := p.Inputs[j]
		switch u := pr.patched.UnitFor(p, in); {
		case u != nil && pr.orig.IsLate(o, u):
			if pair.LTO == nil || IsClang(u.Driver) {
				return LinkPair{}, refuseLTO(p, in, IsClang(u.Driver))
			}
		case pr.patched.madeByLTO(p, in) || hasObject(o, in.ObjectID):
		case u != nil || in.ObjectID != "":
			pair.Units = append(pair.Units, UnitPair{Index: -1, Patched: u, Input: in, PatchedInput: in})
		default:
			pair.Missing = append(pair.Missing, in)
		}
	}
	return pair, nil
}

// input compares input i of the original link with its partner.
func (pr *pairing) input(pair *LinkPair, i int, pin Input) error {
	o, p, in := pair.Orig, pair.Patched, pair.Orig.Inputs[i]
	if sameContent(in, pin) || pr.orig.madeByLTO(o, in) {
		return nil
	}
	ou, pu := pr.orig.UnitFor(o, in), pr.patched.UnitFor(p, pin)
	switch {
	case ou == nil && pu == nil:
		if same, err := pr.partial(in, pin); err != nil || same {
			return err
		}
		pair.Missing = append(pair.Missing, in)
	case ou == nil || pu == nil:
		pair.Missing = append(pair.Missing, in)
	case sameCode(ou, pu):
	case pr.orig.IsLate(o, ou) || pr.orig.IsLate(o, pu):
		if pair.LTO == nil || IsClang(ou.Driver) {
			return refuseLTO(o, in, IsClang(ou.Driver))
		}
		pair.LTO.Changed = append(pair.LTO.Changed, UnitPair{Index: i, Orig: ou, Patched: pu, Input: in, PatchedInput: pin})
	default:
		pair.Units = append(pair.Units, UnitPair{Index: i, Orig: ou, Patched: pu, Input: in, PatchedInput: pin})
	}
	return nil
}

// IsLate reports whether the code of an input is made when it is linked: its object has intermediate language, with code beside it, of
// which the linker makes no use then (-ffat-lto-objects), or without.
func (r *Record) IsLate(l *Link, u *Unit) bool {
	return u.Lang == "lto" && u.Source != "" || ParseDriver(u.Argv).Has("-ffat-lto-objects") &&
		slices.ContainsFunc(l.Inputs, func(in Input) bool { return r.madeByLTO(l, in) })
}

// partitions lists the inputs of a link that gcc made of others while it linked.
func (r *Record) partitions(l *Link) (list []int) {
	for i, in := range l.Inputs {
		if u := r.UnitFor(l, in); u != nil && u.Lang == "lto" && u.Source == "" && !IsClang(u.Driver) {
			list = append(list, i)
		}
	}
	return list
}

// Partitions lists the inputs of a link that gcc made of others while it linked. It refuses one of which it is not known what code was made.
func (r *Record) Partitions(l *Link) ([]int, error) {
	list := r.partitions(l)
	for _, in := range l.Inputs {
		if u := r.UnitFor(l, in); u != nil && r.IsLate(l, u) && (len(list) == 0 || IsClang(u.Driver)) {
			return nil, refuseLTO(l, in, IsClang(u.Driver))
		}
	}
	return list, nil
}

// partial reports whether both inputs are outputs of ld -r over the same units. It refuses ones that differ.
func (pr *pairing) partial(in, pin Input) (bool, error) {
	o, p := pr.orig.partialLink(in.ObjectID), pr.patched.partialLink(pin.ObjectID)
	if o == nil || p == nil {
		return false, nil
	}
	inner := pairing{orig: pr.orig, patched: pr.patched, renamed: pr.renamed, depth: pr.depth + 1}
	if inner.depth > maxPartialDepth {
		return false, fmt.Errorf("%s: partial links nested more than %d deep", o.Output, maxPartialDepth)
	}
	pair, err := inner.links(o, p)
	if err != nil {
		return false, err
	}
	switch {
	case len(DifferentOptions(o.FileOptions(), p.FileOptions())) > 0:
		return false, nil
	case len(pair.Units)+len(pair.Missing)+len(pair.Gone) == 0 && len(DifferentOptions(o.ShapingOptions(Always), p.ShapingOptions(Always))) == 0:
		return true, nil
	}
	return false, fault.Refuse(fault.PartialLink, o.Output, "a changed unit went into it through ld -r")
}

// partialLink returns the ld -r whose output has this content.
func (r *Record) partialLink(id Digest) *Link {
	return r.findLink(func(l *Link) bool { return l.Partial && id != "" && l.OutputID == id })
}

// inputs finds the partner of each original input (-1 for none) and the patched inputs that are nobody's: first by path
// and member, then, for objects with temporary names, by the source they were compiled from; the nth of several equal
// ones goes with the nth.
func (pr *pairing) inputs(o, p *Link) (partner, added []int) {
	partner = make([]int, len(o.Inputs))
	for i := range partner {
		partner[i] = -1
	}
	taken := make([]bool, len(p.Inputs))
	match := func(origKey, patchedKey func(Input) string) {
		free := map[string][]int{}
		for j, in := range p.Inputs {
			if key := patchedKey(in); !taken[j] && key != "" {
				free[key] = append(free[key], j)
			}
		}
		for i, in := range o.Inputs {
			key := origKey(in)
			if partner[i] >= 0 || key == "" || len(free[key]) == 0 {
				continue
			}
			partner[i] = free[key][0]
			taken[free[key][0]] = true
			free[key] = free[key][1:]
		}
	}
	byPath := func(l *Link) func(Input) string {
		return func(in Input) string { return l.abs(in.Path) + "(" + in.Member + ")" }
	}
	match(byPath(o), byPath(p))
	match(sourceOf(pr.orig, o, nil), sourceOf(pr.patched, p, nil))
	match(sourceOf(pr.orig, o, nil), sourceOf(pr.patched, p, pr.renamed))
	for j := range taken {
		if !taken[j] {
			added = append(added, j)
		}
	}
	return partner, added
}

// sourceOf names inputs of l by the source they were compiled from, "" where that is not known.
func sourceOf(r *Record, l *Link, renamed map[string]string) func(Input) string {
	return func(in Input) string {
		u := r.UnitFor(l, in)
		if u == nil || u.Source == "" || u.Source == "-" {
			return ""
		}
		path := absIn(u.Dir, u.Source)
		if old := renamed[path]; old != "" {
			return old
		}
		return path
	}
}

// sameContent reports whether two inputs are known to be the same bytes.
func sameContent(a, b Input) bool {
	if a.ObjectID == "" && b.ObjectID == "" {
		return a.SameNameID != "" && a.SameNameID == b.SameNameID
	}
	return a.ObjectID == b.ObjectID
}

// sameCode reports whether two units were assembled alike from the same text.
func sameCode(a, b *Unit) bool {
	return a.AsmID == b.AsmID && a.AsmID != "" && !a.Includes && !b.Includes && slices.Equal(a.AsArgs, b.AsArgs)
}

// IsDebug reports whether an input is nothing but debugging information, which gcc's link-time optimisation copies from another.
func (in Input) IsDebug() bool {
	return in.ObjectID == "" && strings.HasSuffix(in.Path, ".debug.temp.o")
}

// madeByLTO reports whether an input is an object that link-time optimisation made; it follows from the others. LLVM's linker
// plugin and gcc, for debugging information, make some that are gone before the linker ends.
func (r *Record) madeByLTO(l *Link, in Input) bool {
	if in.ObjectID == "" && strings.HasPrefix(filepath.Base(in.Path), "lto-llvm-") || in.IsDebug() {
		return true
	}
	u := r.UnitFor(l, in)
	return u != nil && u.Lang == "lto" && u.Source == ""
}

// refuseLTO refuses a changed input of which it is not known what code was made.
func refuseLTO(l *Link, in Input, clang bool) error {
	hint := "build both versions with -fno-lto"
	if !clang && !l.Partial {
		hint = "link both versions with GNU ld (-fuse-ld=bfd), or build them with -fno-lto"
	}
	return fault.Refuse(fault.LTO, in.String(), "its code is made only when %s is linked (-flto), and that is not recorded", l.Output).WithHint("%s", hint)
}

func hasObject(l *Link, id Digest) bool {
	return id != "" && slices.ContainsFunc(l.Inputs, func(in Input) bool { return in.ObjectID == id })
}
