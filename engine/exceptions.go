package engine

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"gocare/engine/inspect"
	"gocare/engine/trace"
	"gocare/engine/unwind"
	"gocare/internal/fault"
	"gocare/kpatch"
)

// This file tells the unwinder that throws exceptions in a process of the unwind data in a patch: by itself it looks for those of
// loaded objects only. GCC's takes them by __register_frame_info(begin, object), which keeps both pointers.

// frames is unwind data to be made known to unwinders, or made known already.
type frames struct {
	begin     inspect.Addr // .kpatch.eh_frame, which ends with a zero word
	objects   inspect.Addr // what the unwinders keep of it: slots of kpatch.FrameObjectSize bytes
	progress  inspect.Addr // where it stands how far they are known
	unwinders []knower
	unsure    bool // a run was killed while it made them known
}

// knower is an unwinder with its slot.
type knower struct {
	unwinder
	slot int
}

// How far unwind data are known, in the state of a region.
const (
	framesUnknown = 0
	framesBegun   = 1 // a run that was killed may have left them known
	framesKnown   = 2
)

// knowerAt is where a slot holds the address of the function that its unwinder was told with, 0 if it is free. It lies behind what
// unwinders of any version keep.
const knowerAt = kpatch.FrameObjectSize - 8

// frames decides to whom the unwind data of a patch must be made known; nil if to nobody, or to nobody else.
func (b *planner) frames(pp *PatchPlan, s *state) (*frames, error) {
	table := pp.Image.Bytes[s.unwind.offset:][:s.unwind.size]
	begin := pp.Image.Base + inspect.Addr(s.unwind.offset)
	handles, err := handlesExceptions(table, begin)
	if err != nil {
		return nil, err
	}
	if !handles && !unwinds(b.process, pp.Object) {
		return nil, nil
	}
	f := &frames{begin: begin, objects: pp.Image.Base + inspect.Addr(pp.Image.Layout.Frames), progress: pp.Image.Base + framesAt}
	taken := f.taken(b.process, pp.known)
	list := unwinders(b.process)
	f.unwinders = untold(list, taken)
	ready := pp.Image.Layout.Frames != 0 && len(table) >= 4 && binary.LittleEndian.Uint32(table[len(table)-4:]) == 0
	why := cannotKnow(b.process, pp, list, ready)
	if why == "" && len(f.unwinders)+len(told(list, taken)) < len(list) {
		why = "has had more unwinders than the patch has room for"
	}
	switch {
	case why == "" && len(f.unwinders) > 0:
		return f, nil
	case why != "" && handles:
		return nil, fault.Refuse(fault.NoUnwinder, fmt.Sprintf("pid %d", b.process.PID), "%s", why)
	}
	return nil, nil
}

// taken returns what each slot of a region holds, nothing before its data were first known.
func (f *frames) taken(p *inspect.Process, known bool) (slots [kpatch.FrameObjects]inspect.Addr) {
	for i := range slots {
		var word [8]byte
		if !known {
			break
		}
		if _, err := p.Mem().ReadAt(word[:], int64(f.knower(i))); err == nil {
			slots[i] = inspect.Addr(binary.LittleEndian.Uint64(word[:]))
		}
	}
	return slots
}

func (f *frames) knower(slot int) inspect.Addr {
	return f.objects + inspect.Addr(slot*kpatch.FrameObjectSize+knowerAt)
}

// untold gives each unwinder of a list that no slot has a free one, as far as they go.
func untold(list []unwinder, taken [kpatch.FrameObjects]inspect.Addr) []knower {
	var tell []knower
	for _, u := range list {
		if slices.Contains(taken[:], u.register) {
			continue
		}
		if i := slices.Index(taken[:], 0); i >= 0 {
			taken[i] = u.register
			tell = append(tell, knower{u, i})
		}
	}
	return tell
}

// told returns the unwinders of a list that slots have. One that was unloaded meanwhile is not among them.
func told(list []unwinder, taken [kpatch.FrameObjects]inspect.Addr) []knower {
	var known []knower
	for _, u := range list {
		if i := slices.Index(taken[:], u.register); i >= 0 {
			known = append(known, knower{u, i})
		}
	}
	return known
}

// handlesExceptions reports whether functions of an unwind table have handlers or clean-ups.
func handlesExceptions(table []byte, at inspect.Addr) (bool, error) {
	if len(table) == 0 {
		return false, nil
	}
	t, err := unwind.NewTableBytes(table, uint64(at))
	if err != nil {
		return false, err
	}
	return t.Handlers(), nil
}

// makeKnown makes unwind data known to the unwinders, all or none, by way of a thread of a session that may call functions of
// the program. The target runs meanwhile.
func (f *frames) makeKnown(s *trace.Session, t *trace.Thread, p *inspect.Process) error {
	t, err := quietThread(s, t, p)
	if err != nil {
		return err
	}
	if err := f.note(s, framesBegun); err != nil {
		return err
	}
	for _, u := range f.unwinders {
		object := f.objects + inspect.Addr(u.slot*kpatch.FrameObjectSize)
		if err := s.Execute(t, uint64(u.register), uint64(f.begin), uint64(object)); err != nil {
			return fmt.Errorf("make the unwind data known to %s: %w", u.object.Name, err)
		}
		s.Undo(func() error { return f.forgetIn(s, t, u) })
		if err := f.hold(s, u.slot, u.register); err != nil {
			return err
		}
	}
	return f.note(s, framesKnown)
}

// hold writes into a slot whose it is.
func (f *frames) hold(s *trace.Session, slot int, register inspect.Addr) error {
	_, err := s.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(register)), int64(f.knower(slot)))
	return err
}

func (f *frames) note(s *trace.Session, progress uint32) error {
	_, err := s.WriteAt(binary.LittleEndian.AppendUint32(nil, progress), int64(f.progress))
	return err
}

// forget takes unwind data back from the unwinders.
func (f *frames) forget(s *trace.Session, t *trace.Thread, p *inspect.Process) error {
	if f.unsure { // to forget what is not known ends the process
		return fault.Refuse(fault.UnwinderBusy, fmt.Sprintf("pid %d", p.PID), "a run was killed while it made the unwind data at %#x known", uint64(f.begin)).
			WithState("the patch is removed; its region stays mapped")
	}
	t, err := quietThread(s, t, p)
	if err != nil {
		return err
	}
	for _, u := range f.unwinders {
		if err := f.forgetIn(s, t, u); err != nil {
			return err
		}
	}
	return f.note(s, framesUnknown)
}

func (f *frames) forgetIn(s *trace.Session, t *trace.Thread, u knower) error {
	if err := s.Execute(t, uint64(u.forget), uint64(f.begin)); err != nil {
		return err
	}
	return f.hold(s, u.slot, 0)
}

// quietThread returns a thread of a session that may call functions of the program: t, or another that is attached then.
func quietThread(s *trace.Session, t *trace.Thread, p *inspect.Process) (*trace.Thread, error) {
	c := newThreadChecker(p, nil)
	quiet := func(t *trace.Thread) bool { return c.mayCall(s, t) }
	if quiet(t) {
		return t, nil
	}
	other, err := s.AttachForCallWhere(quiet)
	if other != nil || err != nil {
		return other, err
	}
	e := fault.New(fault.Busy, fmt.Sprintf("pid %d", p.PID), "no thread can tell the unwinder of the patch: none waits in a system call outside of a signal handler")
	e.Code = fault.UnwinderBusy
	return nil, e
}

// allocating are system calls that a memory allocator makes while it holds its locks.
var allocating = []uint64{
	syscall.SYS_BRK, syscall.SYS_MMAP, syscall.SYS_MUNMAP, syscall.SYS_MREMAP, syscall.SYS_MPROTECT, syscall.SYS_MADVISE,
}

// mayCall reports whether a function that takes the locks of the unwinder and of malloc can be called in a stopped thread: one at
// the program's entry point, or one that waits in a system call of neither of them, of the dynamic loader, nor of a signal
// handler, which may have interrupted them.
func (c *checker) mayCall(s *trace.Session, t *trace.Thread) bool {
	if entry, err := inspect.Entry(c.process.PID); err == nil && uint64(entry) == t.Regs.PC() {
		return true
	}
	number, inside := t.Regs.SystemCall()
	if !inside || slices.Contains(allocating, number) {
		return false
	}
	regs := unwind.Regs{PC: t.Regs.PC(), SP: t.Regs.SP(), Reg: t.Regs.DWARF(), Valid: unwind.AllValid}
	stack := c.walker.Walk(s, regs, 0)
	return stack.Complete && !slices.ContainsFunc(stack.Frames, func(f unwind.Frame) bool {
		o := c.process.ObjectAt(inspect.Addr(f.At))
		return f.Signal || o != nil && strings.HasPrefix(o.Name, "ld-") || strings.HasPrefix(c.symbolize(inspect.Addr(f.At)), "_Unwind_")
	})
}
