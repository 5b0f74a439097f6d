package engine

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"gocare/engine/inspect"
	"gocare/engine/trace"
	"gocare/internal/fault"
	"gocare/kpatch"
)

// Removal is a plan to remove patches from a process.
type Removal struct {
	Process *inspect.Process
	Patches []PatchResult
	Writes  []Write
	Code    []Code
	under   []Code // what runs in place of the patches
	inside  []Code // see Journal
	actions actions
	marks   []mark
	regions []mapped
}

// NewRemoval decides what removing the patches with an id takes: from the objects whose base name or BuildID (or the
// beginning of one, 8 digits at least) is among targets, or from all of them.
func NewRemoval(p *inspect.Process, id string, targets []string) (*Removal, error) {
	regions, err := liveRegions(p)
	if err != nil {
		return nil, err
	}
	r := newRemover(p, regions)
	if err := r.removeAll(func(l *live) bool { return l.ID == id && l.matches(targets) }); err != nil {
		return nil, err
	}
	if len(r.out.Patches) == 0 {
		e := fault.Refuse(fault.NotApplied, fmt.Sprintf("pid %d", p.PID), "patch %s is not applied", id)
		if len(targets) > 0 {
			e.What += " to " + strings.Join(targets, ", ")
		}
		return nil, e.WithState("process unchanged and running").WithHint("list patches with info -p %d", p.PID)
	}
	return r.out, nil
}

func (l *live) matches(targets []string) bool {
	return len(targets) == 0 || slices.ContainsFunc(targets, func(t string) bool {
		return t == l.target() || t == l.BuildID || len(t) >= 8 && strings.HasPrefix(l.BuildID, strings.ToLower(t))
	})
}

type remover struct {
	process *inspect.Process
	live    []live
	mem     *shadow
	out     *Removal
}

func newRemover(p *inspect.Process, regions []live) *remover {
	return &remover{process: p, live: regions, mem: newShadow(p.Mem()), out: &Removal{Process: p}}
}

// removeAll plans the removal of the patches that goes picks, newest first: a hook then uncovers the one below it.
func (r *remover) removeAll(goes func(*live) bool) error {
	order := slices.Clone(r.live)
	slices.SortStableFunc(order, func(a, b live) int { return int(b.state.seq) - int(a.state.seq) })
	for i := range order {
		l := &order[i]
		if !goes(l) {
			continue
		}
		if err := r.remove(l); err != nil {
			return fmt.Errorf("pid %d: patch %s of %s: %w", r.process.PID, l.ID, l.target(), err)
		}
	}
	return nil
}

func (r *remover) add(w Write) {
	r.out.Writes = append(r.out.Writes, w)
	r.mem.write(w.Addr, w.New)
}

// remove plans the removal of one patch: each hook is restored, or, where a later patch of ours has replaced it, that
// patch's saved bytes are. The magic goes last.
func (r *remover) remove(l *live) error {
	result := PatchResult{ID: l.ID, Target: l.target(), BuildID: l.BuildID, Region: uint64(l.Start)}
	for i := range l.Functions {
		f := &l.Functions[i]
		if f.Old == 0 || f.Via != 0 || l.Object == nil {
			continue
		}
		if err := r.function(l, i); err != nil {
			return fmt.Errorf("function %q: %w", f.Name, err)
		}
		result.Functions = append(result.Functions, f.Name)
		r.out.under = append(r.out.under, r.underneath(l, f)...)
	}
	if l.ours && l.state.phase != phaseRemoved {
		r.add(phaseWrite(l.Start, l.state.phase, phaseRemoved))
	}
	if !l.noMagic {
		r.add(Write{Addr: l.Start, Old: []byte(kpatch.MagicIn(l.Machine)), New: make([]byte, len(kpatch.Magic)), What: "magic of " + l.ID})
	}
	r.out.Code = append(r.out.Code, l.code(r.process)...)
	r.out.inside = append(r.out.inside, l.insideHooks()...)
	r.out.Code = append(r.out.Code, l.insideHooks()...)
	r.out.actions.add(removing(l))
	if m, ok := markRemoval(l); ok {
		r.out.marks = append(r.out.marks, m)
	}
	r.out.Patches = append(r.out.Patches, result)
	if !r.sharesShadow(l) {
		r.out.regions = append(r.out.regions, r.mapped(l))
	}
	return nil
}

// underneath returns the code that a patch's version of a function is in place of: the original and that of other patches.
func (r *remover) underneath(l *live, f *inspect.RegionFunction) []Code {
	list := []Code{{f.Old, f.Old + inspect.Addr(max(int(f.OldSize), l.Machine.HookSize)), f.Name, atStart}}
	if l.Object.ELF != nil {
		list = append(list, coldParts(l.Object, f.Name)...)
	}
	for i := range r.live {
		other := &r.live[i]
		if other.Start == l.Start {
			continue
		}
		for n := range other.Functions {
			if other.Functions[n].Old == f.Old {
				list = append(list, other.version(r.process, other.Functions[n].New)...)
			}
		}
	}
	return list
}

// mapped is a region of a removed patch.
type mapped struct {
	inspect.Range         // with its guards
	frames        *frames // unwind data there that unwinders know; nil if none do
}

// mapped returns the region of a patch. Only ours have guards.
func (r *remover) mapped(l *live) mapped {
	m := mapped{Range: inspect.Range{Lo: l.Start, Hi: l.Start + inspect.Addr(l.Size)}}
	if !l.ours {
		return m
	}
	guard := inspect.Addr(guardSize(r.process))
	m.Lo, m.Hi = m.Lo-guard, m.Hi+guard
	if l.state.frames != framesUnknown {
		m.frames = r.known(l)
	}
	return m
}

// known returns the unwind data of a patch with the unwinders that know them.
func (r *remover) known(l *live) *frames {
	f := &frames{
		begin: l.Start + inspect.Addr(l.state.unwind.offset), objects: l.Start + inspect.Addr(l.state.objects),
		progress: l.Start + framesAt, unsure: l.state.frames == framesBegun,
	}
	f.unwinders = told(unwinders(r.process), f.taken(r.process, true))
	return f
}

func (r *remover) function(l *live, i int) error {
	f := &l.Functions[i]
	hook, err := jump(l.Machine, f.Old, f.New)
	if err != nil {
		return err
	}
	undo, err := r.mem.read(l.undoAddr(i), l.Machine.HookSize)
	if err != nil {
		return err
	}
	have, err := r.mem.read(f.Old, l.Machine.HookSize)
	if err != nil {
		return err
	}
	if bytes.Equal(have, undo) {
		return r.gate(l, f, undo) // restored already, by a removal that was killed
	}
	if bytes.Equal(have, hook) {
		if err := r.gate(l, f, undo); err != nil {
			return err
		}
		r.add(Write{Addr: f.Old, Old: hook, New: undo, What: "hook of " + f.Name, Code: true})
		return nil
	}
	above, err := r.above(f.Old, hook)
	if err != nil {
		return err
	}
	if above == 0 && holdsOriginal(l.Object, f.Old, have) {
		return nil // another tool removed a patch below this one, and put the original code over its jump
	}
	if above == 0 {
		return fault.Refuse(fault.ForeignHook, "", "the code at %#x holds %x, neither this patch's jump nor that of one above it",
			uint64(f.Old), have).WithState("process unchanged and running").
			WithHint("remove what was put there after this patch first")
	}
	r.add(Write{Addr: above, Old: hook, New: undo, What: "saved bytes of " + f.Name})
	return nil
}

// holdsOriginal reports whether code in memory is what the object's file has there.
func holdsOriginal(o *inspect.Object, at inspect.Addr, have []byte) bool {
	if o.ELF == nil {
		return false
	}
	want, ok := o.ELF.BytesAt(uint64(o.LinkAddr(at)), uint64(len(have)))
	return ok && bytes.Equal(have, want)
}

// above finds where a later patch of ours keeps a hook as the bytes it replaced; 0 if none does.
func (r *remover) above(old inspect.Addr, hook []byte) (inspect.Addr, error) {
	for i := range r.live {
		l := &r.live[i]
		for n := range l.Functions {
			if !l.ours || l.state.phase == phaseRemoved || l.Functions[n].Old != old {
				continue
			}
			undo, err := r.mem.read(l.undoAddr(n), l.Machine.HookSize)
			if err != nil {
				return 0, err
			}
			if bytes.HasPrefix(undo, hook) { // a far hook lies over more than one that is not
				return l.undoAddr(n), nil
			}
		}
	}
	return 0, nil
}

// undoAddr is where a patch keeps the code that its hook of a function replaced.
func (l *live) undoAddr(i int) inspect.Addr {
	return l.Start + inspect.Addr(l.Header.UserUndo) + inspect.Addr(i*l.Machine.UndoSize)
}

// Revert carries out a removal: all of it or nothing. The regions stay mapped, as stacks and stored pointers may still
// lead there; they are used again only for the very same file. Where it fails, the result still says what the attempts took.
func (h *Held) Revert(ctx context.Context, r *Removal, opt Options) (result Result, err error) {
	if err := h.of(r.Process); err != nil {
		return Result{}, err
	}
	c := newChange(r.Process, r.Writes, r.Code, r.under)
	c.actions, c.marks, c.inside = r.actions, r.marks, r.inside
	ready, end := h.watch("remove", c, r.Patches, opt)
	defer end()
	ready()
	opt.waits = h.waits
	defer opt.waits.Settle(ctx)
	result = Result{PID: r.Process.PID, Comm: r.Process.Comm}
	result.Timing, err = c.commit(ctx, opt)
	r.record(err)
	if err != nil {
		return result, settled(r.Process.PID, "remove the patch", interrupted(r.Process.PID, err))
	}
	result.Patches = r.Patches
	opt.progress("pid %d: %s, attempt %d", r.Process.PID, &result.Timing, result.Attempts)
	if opt.Unmap {
		if err := r.unmap(ctx, opt); err != nil {
			return Result{}, settled(r.Process.PID, "unmap", err)
		}
	}
	return result, nil
}

// record says in the system log what became of a removal.
func (r *Removal) record(err error) {
	what := "removed"
	if err != nil {
		what = "not removed"
	}
	for _, p := range r.Patches {
		record(r.Process, what, p.ID, p.Target, err)
	}
}

// unmap unmaps the regions of removed patches, once no unwinder looks there. It tries again until the wait is over while nobody can
// tell the unwinders.
func (r *Removal) unmap(ctx context.Context, opt Options) error {
	attempt := func() (busy, err error) {
		err = opt.waits.Do(ctx, func(s *trace.Session) error { return r.unmapIn(s, opt) })
		if e := fault.As(err); e != nil && e.State == "" {
			e.WithState("the patch is removed; its region stays mapped")
		}
		if retryable(err) {
			return err, nil
		}
		return nil, err
	}
	return new(Timing).retry(opt.Wait, attempt, opt.betweenAttempts(ctx))
}

// unmapIn unmaps the regions that are left, one after the other.
func (r *Removal) unmapIn(s *trace.Session, opt Options) error {
	t, err := s.AttachForCall()
	if err != nil {
		return err
	}
	m := newMapper(s, t, r.Process, opt)
	for ; len(r.regions) > 0; r.regions = r.regions[1:] {
		region := &r.regions[0]
		if region.frames != nil {
			if err := region.frames.forget(s, t, r.Process); err != nil {
				return err
			}
			region.frames = nil
		}
		if err := m.call("unmap", syscall.SYS_MUNMAP, uint64(region.Lo), uint64(region.Hi-region.Lo)); err != nil {
			return fault.New(fault.Environment, "", "cannot unmap").WithCause(err).
				WithState("the patch is removed; its region stays mapped")
		}
	}
	return nil
}
