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
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/kpatch"
)

// This file tells the unwinder that throws exceptions in a process of the unwind data in a patch: by itself it looks for those of
// loaded objects only. GCC's takes them by __register_frame_info(begin, object), which keeps both pointers.

// unwinder is a copy of GCC's unwinder in a process.
type unwinder struct {
	object           *inspect.Object
	register, forget inspect.Addr // __register_frame_info, __deregister_frame_info
}

// frames is unwind data to be made known to unwinders, or made known already.
type frames struct {
	begin     inspect.Addr // .kpatch.eh_frame, which ends with a zero word
	objects   inspect.Addr // what the unwinders keep of it, kpatch.FrameObjectSize bytes each
	progress  inspect.Addr // where it stands how far they are known
	unwinders []unwinder
	unsure    bool // a run was killed while it made them known
}

// How far unwind data are known, in the state of a region.
const (
	framesUnknown = 0
	framesBegun   = 1 // a run that was killed may have left them known
	framesKnown   = 2
)

// frames decides to whom the unwind data of a patch must be made known; nil if to nobody.
func (b *planner) frames(pp *PatchPlan, s *state) (*frames, error) {
	table := pp.Image.Bytes[s.unwind.offset:][:s.unwind.size]
	begin := pp.Image.Base + inspect.Addr(s.unwind.offset)
	handles, err := handlesExceptions(table, begin)
	if err != nil {
		return nil, err
	}
	if !handles && !throws(b.process) {
		return nil, nil
	}
	list := unwinders(b.process)
	ready := pp.Image.Layout.Frames != 0 && len(table) >= 4 && binary.LittleEndian.Uint32(table[len(table)-4:]) == 0
	if len(list) == 0 || len(list) > kpatch.FrameObjects || !ready {
		if handles {
			return nil, noUnwinder(b.process, list, ready)
		}
		return nil, nil
	}
	return &frames{
		begin: begin, objects: pp.Image.Base + inspect.Addr(pp.Image.Layout.Frames), progress: pp.Image.Base + framesAt, unwinders: list,
	}, nil
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

func noUnwinder(p *inspect.Process, list []unwinder, ready bool) error {
	what := "has no unwinder that could be told of the handlers of exceptions in the patch"
	switch {
	case !ready:
		what = "cannot be told of the handlers of exceptions in the patch, which does not end its unwind data"
	case len(list) > 0:
		what = fmt.Sprintf("has %d unwinders, more than %d", len(list), kpatch.FrameObjects)
	}
	return fault.Refuse(fault.NoUnwinder, fmt.Sprintf("pid %d", p.PID), "%s", what)
}

// unwinders finds the copies of GCC's unwinder: that of libgcc_s.so.1 and those linked into programs and libraries.
func unwinders(p *inspect.Process) []unwinder {
	var list []unwinder
	for i := range p.Objects {
		o := &p.Objects[i]
		if o.ELF == nil {
			continue
		}
		register, forget := functionOf(o, "__register_frame_info"), functionOf(o, "__deregister_frame_info")
		if register != 0 && forget != 0 {
			list = append(list, unwinder{o, register, forget})
		}
	}
	return list
}

// functionOf returns the address of a function that an object defines, 0 if it has no symbol of that name.
func functionOf(o *inspect.Object, name string) inspect.Addr {
	for _, table := range [][]elfobj.Symbol{o.ELF.DynSymbols, o.ELF.Symbols} {
		i := slices.IndexFunc(table, func(s elfobj.Symbol) bool { return s.Name == name && s.Defined() })
		if i >= 0 {
			return o.Addr(inspect.LinkAddr(table[i].Value))
		}
	}
	return 0
}

// throws reports whether exceptions may be thrown in a process.
func throws(p *inspect.Process) bool {
	return slices.ContainsFunc(p.Objects, func(o inspect.Object) bool {
		return o.ELF != nil && (functionOf(&o, "__cxa_throw") != 0 || functionOf(&o, "_Unwind_RaiseException") != 0 && o.Name != libgccName)
	})
}

// libgccName is the library of GCC's unwinder. C programs load it too, to cancel threads.
const libgccName = "libgcc_s.so.1"

// endsThrowing reports whether exceptions may be thrown in the process through new code that no unwinder knows.
func (p *Plan) endsThrowing() bool {
	return throws(p.Process) && slices.ContainsFunc(p.Patches, func(pp *PatchPlan) bool { return pp.Frames == nil && !pp.known })
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
	for i, u := range f.unwinders {
		object := f.objects + inspect.Addr(i*kpatch.FrameObjectSize)
		if err := s.Execute(t, uint64(u.register), uint64(f.begin), uint64(object)); err != nil {
			return fmt.Errorf("make the unwind data known to %s: %w", u.object.Name, err)
		}
		s.Undo(func() error { return f.forgetIn(s, t, u) })
	}
	return f.note(s, framesKnown)
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

func (f *frames) forgetIn(s *trace.Session, t *trace.Thread, u unwinder) error {
	return s.Execute(t, uint64(u.forget), uint64(f.begin))
}

// quietThread returns a thread of a session that may call functions of the program: t, or another that is attached then.
func quietThread(s *trace.Session, t *trace.Thread, p *inspect.Process) (*trace.Thread, error) {
	c := newChecker(p, nil)
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
