package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"syscall"

	"gocare/engine/inspect"
	"gocare/engine/trace"
	"gocare/internal/fault"
	"gocare/kpatch"
)

// mmap(2) flags and protections as the target's kernel counts them.
const (
	protNone, protRead, protWrite, protExec = 0, 1, 2, 4
	mapFlags                                = syscall.MAP_PRIVATE | syscall.MAP_ANONYMOUS | mapFixedNoReplace
	mapOver                                 = syscall.MAP_PRIVATE | syscall.MAP_ANONYMOUS | syscall.MAP_FIXED // where a mapping of ours is
	mapFixedNoReplace                       = 0x100000
)

// prepare maps and fills the regions of a plan while the target runs, but for one thread that makes the calls.
func (p *Plan) prepare(ctx context.Context, opt Options) error {
	return opt.waits.Do(ctx, func(s *trace.Session) error {
		t, err := s.AttachForCall()
		if err != nil {
			return err
		}
		if err := p.prepareIn(s, t, opt); err != nil {
			return err
		}
		s.Keep()
		return nil
	})
}

// prepareUntil prepares, again and again until the wait is over while no thread can.
func (p *Plan) prepareUntil(ctx context.Context, opt Options) error {
	attempt := func() (busy, err error) {
		if err = p.prepare(ctx, opt); retryable(err) {
			return err, nil
		}
		return nil, err
	}
	return new(Timing).retry(opt.Wait, attempt, opt.betweenAttempts(ctx))
}

// prepareIn maps and fills the regions by way of a thread of a session.
func (p *Plan) prepareIn(s *trace.Session, t *trace.Thread, opt Options) error {
	for _, pp := range p.Patches {
		m := newMapper(s, t, p.Process, opt)
		if err := m.region(pp); err != nil {
			return fmt.Errorf("region at %#x: %w", uint64(pp.Image.Base), err)
		}
		if pp.Frames == nil {
			continue
		}
		if err := pp.Frames.makeKnown(s, t, p.Process); err != nil {
			return err
		}
	}
	return nil
}

// discard unmaps the regions that prepare mapped, after a commit that did not come about. It tries again until the wait is over while
// nobody can tell the unwinders.
func (p *Plan) discard(opt Options) error {
	attempt := func() (busy, err error) {
		err = opt.waits.Do(context.Background(), func(s *trace.Session) error { return p.discardIn(s, opt) })
		if retryable(err) {
			return err, nil
		}
		return nil, err
	}
	return new(Timing).retry(opt.Wait, attempt, opt.betweenAttempts(context.Background()))
}

func (p *Plan) discardIn(s *trace.Session, opt Options) error {
	t, err := s.AttachForCall()
	if err != nil {
		return err
	}
	var errs []error
	for _, pp := range p.Patches {
		if pp.Reuse || pp.discarded {
			continue
		}
		if pp.Frames != nil {
			if err := pp.Frames.forget(s, t, p.Process); err != nil {
				errs = append(errs, err)
				continue
			}
			pp.Frames = nil
		}
		err := newMapper(s, t, p.Process, opt).unmap(pp.Image.Base, uint64(len(pp.Image.Bytes)))
		pp.discarded = err == nil
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

type mapper struct {
	session *trace.Session
	thread  *trace.Thread
	guard   uint64 // bytes on both sides of a region
	opt     Options
}

func newMapper(s *trace.Session, t *trace.Thread, p *inspect.Process, opt Options) *mapper {
	return &mapper{session: s, thread: t, guard: guardSize(p), opt: opt}
}

// region maps a region with its guards and fills it. Nothing is ever writable and executable at once.
func (m *mapper) region(pp *PatchPlan) error {
	base, image := pp.Image.Base, pp.Image
	if pp.Reuse {
		return m.refill(pp)
	}
	if err := m.session.InTurns(m.thread, func() error { return m.mapParts(base, uint64(len(image.Bytes)), image.CodeSize) }); err != nil {
		return err
	}
	return m.fill(base, image.Bytes)
}

// mapParts maps a region, of which the first bytes are code, with its guards.
func (m *mapper) mapParts(base inspect.Addr, size, code uint64) error {
	if err := m.call("map", syscall.SYS_MMAP, uint64(base)-m.guard, size+2*m.guard, protNone, mapFlags, ^uint64(0), 0); err != nil {
		return err
	}
	m.session.Undo(func() error { return m.unmap(base, size) })
	// A new mapping, not mprotect: a process that may not make its memory executable (PR_SET_MDWE) may map it so.
	if err := m.call("make executable", syscall.SYS_MMAP, uint64(base), code, protRead|protExec, mapOver, ^uint64(0), 0); err != nil {
		return m.execRefused(err)
	}
	if rest := size - code; rest > 0 {
		return m.call("make writable", syscall.SYS_MPROTECT, uint64(base)+code, rest, protRead|protWrite)
	}
	return nil
}

// refill writes what differs from the time before: header and undo area. The data keep their values, and so does what unwinders
// keep there.
func (m *mapper) refill(pp *PatchPlan) error {
	image := pp.Image
	if err := m.stillDormant(pp); err != nil {
		return err
	}
	header, undo, end := kpatch.HeaderSize, int(image.Layout.UserUndo), len(image.Bytes)
	if image.Layout.Frames != 0 {
		end = int(image.Layout.Frames)
	}
	if err := m.fill(image.Base+inspect.Addr(undo), image.Bytes[undo:end]); err != nil {
		return err
	}
	if pp.anchor != nil {
		if err := pp.anchor.write(m.session); err != nil {
			return err
		}
	}
	return m.fill(image.Base, image.Bytes[:header])
}

// stillDormant refuses a region that is not as it was when it was planned to be used again: who has another directory of locks may
// have put it to use.
func (m *mapper) stillDormant(pp *PatchPlan) error {
	have := make([]byte, len(pp.dormant))
	if _, err := m.session.ReadAt(have, int64(pp.Image.Base)); err != nil || !bytes.Equal(have, pp.dormant) {
		return fault.Refuse(fault.ChangedMeanwhile, fmt.Sprintf("pid %d", m.session.PID), "the region at %#x is not as it was planned with", uint64(pp.Image.Base)).
			WithCause(err).WithState("process unchanged and running")
	}
	return nil
}

func (m *mapper) fill(at inspect.Addr, data []byte) error {
	if err := m.opt.before("fill"); err != nil {
		return err
	}
	if _, err := m.session.WriteAt(data, int64(at)); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	return nil
}

func (m *mapper) unmap(base inspect.Addr, size uint64) error {
	return m.call("unmap", syscall.SYS_MUNMAP, uint64(base)-m.guard, size+2*m.guard)
}

// call makes a system call in the target; mmap must return the address it was asked for.
func (m *mapper) call(what string, nr uint64, args ...uint64) error {
	if err := m.opt.before(what); err != nil {
		return err
	}
	result, err := m.session.Call(m.thread, nr, args...)
	if err != nil {
		return fmt.Errorf("%s %d bytes at %#x in the target: %w", what, args[1], args[0], err)
	}
	if nr != syscall.SYS_MMAP {
		return nil
	}
	if err := mappedAt(args[0], result); err != nil {
		_, _ = m.session.Call(m.thread, syscall.SYS_MUNMAP, result, args[1])
		return err
	}
	return nil
}

// mappedAt refuses a mapping at another address: kernels before 4.17 take the one that was asked for as a hint.
func mappedAt(asked, got uint64) error {
	if got == asked {
		return nil
	}
	return fault.Refuse(fault.MappedElsewhere, "", "asked for a mapping at %#x and got %#x", asked, got).
		WithState("process unchanged and running")
}

func (m *mapper) execRefused(err error) error {
	if !errors.Is(err, syscall.EACCES) && !errors.Is(err, syscall.EPERM) {
		return err
	}
	e := fault.New(fault.Environment, "", "the target may not map executable memory").WithCause(err)
	e.Code = fault.ExecMemory
	return e.WithHint("SELinux (execmem), MemoryDenyWriteExecute= or another policy forbids it for this process")
}
