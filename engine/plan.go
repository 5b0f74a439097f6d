package engine

import (
	"encoding/binary"
	"fmt"
	"slices"

	"gocare/engine/inspect"
	"gocare/engine/link"
	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/kpname"
	"gocare/kpatch"
)

// Write is a change of the target's memory while it is stopped.
type Write struct {
	Addr inspect.Addr
	Old  []byte // what must be there
	New  []byte
	What string // "hook of print_hello", "magic of 0001"
	Code bool   // what the program runs
	Gate bool   // it leads to a hook, which must be there as long as it is

	joined int // how many others it was put together with
}

// Code is addresses [Start, End) that no thread may be executing when the writes are made.
type Code struct {
	Start, End inspect.Addr
	Function   string
	entrance   entrance
}

// Plan is everything that applying patches to a process will do.
type Plan struct {
	Process  *inspect.Process
	Replaces *Removal // patches that come off in the same stop; nil if none
	Patches  []*PatchPlan
}

// PatchPlan is the part of a plan for one patch.
type PatchPlan struct {
	File      *File
	Object    *inspect.Object
	Image     *link.Image  // its undo area and state are filled in
	machine   *arch.Target // of the process, with the hooks that this patch has
	Reuse     bool         // the region is mapped already, from an earlier time the very same file was applied
	dormant   []byte       // its header, as it must still be; nil without Reuse
	Frames    *frames      // unwind data to be made known; nil if none need be
	Functions []FunctionPlan
	Writes    []Write // in order; the magic last
	Busy      []Code

	anchor    *anchor // of its shadow variables; nil if it has none
	known     bool    // the unwind data are known from an earlier time
	discarded bool    // the region is unmapped again
}

// FunctionPlan is a replaced function.
type FunctionPlan struct {
	Name     string
	Old, New inspect.Addr
	OldSize  uint32
	OldBytes []byte // what the patch keeps
	Hook     []byte
	Over     string // id of the patch of ours whose version this one replaces, "" if it is the original
	Gate     bool   // Hook is a jump to the hook of the same function elsewhere
}

// Code returns everything that must not be executing.
func (p *Plan) Code() []Code {
	var list []Code
	if p.Replaces != nil {
		list = append(list, p.Replaces.Code...)
	}
	for _, pp := range p.Patches {
		list = append(list, pp.Busy...)
	}
	return list
}

// back returns everything that must not be executing when the writes are undone.
func (p *Plan) back() []Code {
	var list []Code
	if p.Replaces != nil {
		list = append(list, p.Replaces.under...)
	}
	for _, pp := range p.Patches {
		base := pp.Image.Base
		list = append(list, Code{Start: base, End: base + inspect.Addr(len(pp.Image.Bytes)), Function: "patch " + pp.File.Patch.ID})
	}
	return append(list, p.inside()...)
}

// inside returns what lies behind the first instruction of hooks that are written or taken away.
func (p *Plan) inside() (list []Code) {
	if p.Replaces != nil {
		list = append(list, p.Replaces.inside...)
	}
	for _, pp := range p.Patches {
		for _, f := range pp.Functions {
			list = append(list, insideHook(pp.machine, f.Name, f.Old)...)
		}
	}
	return list
}

// Writes returns every write of the commit, in order.
func (p *Plan) Writes() []Write {
	var list []Write
	if p.Replaces != nil {
		list = append(list, p.Replaces.Writes...)
	}
	for _, pp := range p.Patches {
		list = append(list, pp.Writes...)
	}
	return append(list, traps(p)...)
}

// Request is patches to be applied to a process.
type Request struct {
	Files   []*File
	Replace []string // ids of patches that come off in the same stop, if they are applied
	Over    bool     // a patch may take the place of another in a function, whether it has that one's change or not
	Unloads bool     // a patch may use libraries that the program could unload
}

// NewPlan decides what a request takes. It only reads.
func NewPlan(p *inspect.Process, r Request) (*Plan, error) { return newPlan(p, r, nil) }

func newPlan(p *inspect.Process, request Request, known chosen) (*Plan, error) {
	regions, err := liveRegions(p)
	if err != nil {
		return nil, err
	}
	b := &planner{
		process: p, mappings: slices.Clone(p.Mappings), dormant: dormantRegions(p), known: known, over: request.Over, unloads: request.Unloads,
	}
	for _, l := range regions {
		b.seq = max(b.seq, l.state.seq)
	}
	plan := &Plan{Process: p}
	r := newRemover(p, regions)
	goes := func(l *live) bool { return slices.Contains(request.Replace, l.ID) }
	if err := r.removeAll(goes); err != nil {
		return nil, err
	}
	if len(r.out.Patches) > 0 {
		plan.Replaces = r.out
	}
	b.before = slices.Clone(regions)
	b.mem, b.live = r.mem, slices.DeleteFunc(regions, func(l live) bool { return goes(&l) })
	for _, f := range request.Files {
		pp, err := b.patch(f)
		if err != nil {
			if e := fault.As(err); e != nil && e.State == "" {
				e.WithState("process unchanged and running")
			}
			return nil, fmt.Errorf("pid %d: cannot apply %s: %w", p.PID, f.Path, err)
		}
		plan.Patches = append(plan.Patches, pp)
		b.accept(pp)
	}
	return plan, nil
}

// planner plans patches one after the other; each sees the process as those before will leave it.
type planner struct {
	process  *inspect.Process
	before   []live // those that come off included
	live     []live
	dormant  []dormant
	seq      uint32
	mem      *shadow
	mappings []inspect.Mapping // with the regions planned so far
	planned  []*PatchPlan
	known    chosen
	over     bool // see Request
	unloads  bool
}

func (b *planner) accept(pp *PatchPlan) {
	b.planned = append(b.planned, pp)
	for _, w := range pp.Writes {
		b.mem.write(w.Addr, w.New)
	}
	end := pp.Image.Base + inspect.Addr(len(pp.Image.Bytes))
	guard := inspect.Addr(guardSize(b.process))
	b.mappings = append(b.mappings, inspect.Mapping{Start: pp.Image.Base - guard, End: end + guard})
}

// guardSize returns how many bytes on both sides of a region nothing may use, lest it merges with a neighbour: a page.
func guardSize(p *inspect.Process) uint64 { return p.Machine.PageSize }

func (b *planner) patch(f *File) (*PatchPlan, error) {
	o, err := b.target(f)
	if err != nil {
		return nil, err
	}
	pp := &PatchPlan{File: f, Object: o}
	if err := b.verifyParts(pp); err != nil {
		return nil, err
	}
	if err := b.checkApart(pp); err != nil {
		return nil, err
	}
	if err := b.checkShows(pp); err != nil {
		return nil, err
	}
	base, err := b.place(pp)
	if err != nil {
		return nil, err
	}
	if pp.Image, err = link.Place(f.Patch, o, pp.machine, base, b.imports(o)); err != nil {
		return nil, err
	}
	if err := b.functions(pp); err != nil {
		return nil, err
	}
	if err := b.checkFar(pp); err != nil {
		return nil, err
	}
	if err := b.checkOver(pp); err != nil {
		return nil, err
	}
	if err := b.shareShadow(pp); err != nil {
		return nil, err
	}
	return pp, b.finish(pp)
}

// target returns the object a patch is for, after a check that the patch is not applied to it.
func (b *planner) target(f *File) (*inspect.Object, error) {
	var found []*inspect.Object
	for i := range b.process.Objects {
		if o := &b.process.Objects[i]; o.BuildID == f.Patch.BuildID {
			found = append(found, o)
		}
	}
	switch {
	case len(found) == 0:
		return nil, fault.Refuse(fault.NotApplicable, "", "no object has BuildID %s", f.Patch.BuildID)
	case len(found) > 1:
		return nil, fault.Refuse(fault.LoadedTwice, found[0].Path, "is loaded %d times", len(found))
	}
	o := found[0]
	if o.ELF == nil {
		return nil, fmt.Errorf("%s: %w", o.Path, o.Err)
	}
	if o.ELF.Machine != f.Patch.Machine.Machine {
		return nil, fault.Refuse(fault.Machine, o.Path, "is for %s", o.ELF.Machine)
	}
	applied := slices.ContainsFunc(b.live, func(l live) bool { return l.ID == f.Patch.ID && l.BuildID == f.Patch.BuildID }) ||
		slices.ContainsFunc(b.planned, func(pp *PatchPlan) bool {
			return pp.File.Patch.ID == f.Patch.ID && pp.File.Patch.BuildID == f.Patch.BuildID
		})
	if applied {
		return nil, fault.Refuse(fault.AlreadyApplied, "", "patch %s is already applied to %s", f.Patch.ID, o.Name).
			WithHint("list patches with info; remove it with unpatch -i %s", f.Patch.ID)
	}
	return o, nil
}

// functions plans the hook of each replaced function.
func (b *planner) functions(pp *PatchPlan) error {
	size := pp.machine.UndoSize
	for i := range pp.Image.Functions {
		f := &pp.Image.Functions[i]
		undo := pp.Image.Bytes[int(pp.Image.Layout.UserUndo)+i*size:][:size]
		if f.IsNew() {
			continue
		}
		fp, err := b.function(pp, f)
		if err != nil {
			return fmt.Errorf("function %q: %w", f.Name, err)
		}
		copy(undo, fp.OldBytes)
		pp.Functions = append(pp.Functions, fp)
	}
	pp.Writes = append(pp.Writes, hookWrites(pp.Functions)...)
	if len(pp.Functions) == 0 && !pp.hasActions() {
		return fault.Refuse(fault.EmptyPatch, "", "the patch replaces no function")
	}
	return nil
}

// hookWrites writes the gates last: a gate never leads to padding.
func hookWrites(functions []FunctionPlan) (writes []Write) {
	for _, gates := range []bool{false, true} {
		for _, f := range functions {
			if f.Gate == gates {
				w := Write{Addr: f.Old, Old: f.OldBytes[:len(f.Hook)], New: f.Hook, What: "hook of " + f.Name, Code: true, Gate: gates}
				if gates && f.Over != "" {
					w.Old = f.Hook // it stays
				}
				writes = append(writes, w)
			}
		}
	}
	return writes
}

func (b *planner) function(pp *PatchPlan, f *link.Function) (FunctionPlan, error) {
	if slices.ContainsFunc(pp.Functions, func(other FunctionPlan) bool { return other.Old == f.Old }) {
		return FunctionPlan{}, fault.Refuse(fault.DuplicateFunction, "", "the patch replaces the code at %#x twice", uint64(f.Old))
	}
	if f.Via != 0 {
		return b.gate(pp, f)
	}
	below, err := b.hookOwner(f.Old)
	if err != nil {
		return FunctionPlan{}, err
	}
	old, err := b.verify(pp, f, below)
	if err != nil {
		return FunctionPlan{}, err
	}
	hook, err := jump(pp.machine, f.Old, f.New)
	if err != nil {
		return FunctionPlan{}, err
	}
	pp.Busy = append(pp.Busy, Code{f.Old, f.Old + inspect.Addr(max(int(f.OldSize), pp.machine.HookSize)), f.Name, atStart})
	pp.Busy = append(pp.Busy, coldParts(pp.Object, f.Name)...)
	fp := FunctionPlan{Name: f.Name, Old: f.Old, New: f.New, OldSize: f.OldSize, OldBytes: old, Hook: hook}
	if below != nil {
		fp.Over = below.id
		pp.Busy = append(pp.Busy, below.code...)
	}
	return fp, nil
}

// finish fills in the state and the writes that make the region live.
func (b *planner) finish(pp *PatchPlan) (err error) {
	b.seq++
	s := state{phase: phasePrepared, seq: b.seq, digest: pp.File.Digest, bias: pp.Object.Bias, objects: pp.Image.Layout.Frames, far: pp.machine.FarHooks}
	if before, ours := decodeState(pp.dormant); ours {
		s.begun = before.begun
	}
	for i := range pp.File.Patch.Sections {
		sec := &pp.File.Patch.Sections[i]
		where := span{offset: pp.Image.Layout.ElfOffset + uint32(sec.Offset), size: uint32(sec.Size)}
		switch sec.Name {
		case kpname.Meta:
			s.meta = where
		case kpname.Unwind:
			s.unwind = where
		case kpname.Text:
			s.text = where
		}
	}
	if pp.known {
		s.frames = framesKnown
	}
	if pp.Frames, err = b.frames(pp, &s); err != nil {
		return err
	}
	copy(pp.Image.Bytes[kpatch.StateOffset:], s.encode())
	clear(pp.Image.Bytes[:len(kpatch.Magic)])
	base := pp.Image.Base
	pp.Writes = append(pp.Writes,
		phaseWrite(base, phasePrepared, phaseLive),
		Write{Addr: base, Old: make([]byte, len(kpatch.Magic)), New: []byte(kpatch.MagicIn(pp.machine)), What: "magic of " + pp.File.Patch.ID})
	return nil
}

func phaseWrite(base inspect.Addr, from, to uint32) Write {
	return Write{
		Addr: base + phaseAt, What: "state",
		Old: binary.LittleEndian.AppendUint32(nil, from), New: binary.LittleEndian.AppendUint32(nil, to),
	}
}

// jump returns the jump from a function's start to its replacement.
func jump(machine *arch.Target, from, to inspect.Addr) ([]byte, error) {
	hook, ok := machine.Hook(uint64(from), uint64(to))
	if !ok {
		return nil, fault.New(fault.Bug, "", "replacement at %#x is out of reach of %#x", uint64(to), uint64(from))
	}
	return hook, nil
}
