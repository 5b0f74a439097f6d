package engine

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"gocare/engine/inspect"
	"gocare/engine/unwind"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// story is what went before the end of a wait.
type story struct {
	waited   time.Duration
	returned int           // how often the thread was seen to leave the function
	hold     time.Duration // how long those that had left were held for it; 0 if nobody was led out
	refused  error         // why not
}

// story tells what became of a thread in the way.
func (l *leader) story(o *occupant, timing *Timing) story {
	s := story{waited: timing.waited(), returned: l.returned[o.tid], refused: l.refused}
	if o.leaves && l.refused == nil {
		s.hold = l.hold
	}
	return s
}

// busy is the error for a thread or a coroutine in the way.
func (c *checker) busy(o *occupant, s story) error {
	if o.tid == 0 {
		return c.busyCoroutine(o, s)
	}
	what := "is executing"
	if o.guess {
		what = "has a stack that cannot be unwound and may return to"
	}
	e := fault.New(fault.Busy, fmt.Sprintf("pid %d", c.process.PID), "thread %d (%s) %s %q%s",
		o.tid, c.comm(o.tid), what, o.function, c.backtrace(o.frames))
	e.Code = fault.BusyThread
	return e.WithCause(s.refused).WithState("process unchanged and running").WithHint("%s", c.paused(s.hint()))
}

func (c *checker) busyCoroutine(o *occupant, s story) error {
	what := "a coroutine that is suspended will return to"
	if o.guess {
		what = "a stack that no thread runs on, which may be a coroutine's, may return to"
	}
	e := fault.New(fault.Busy, fmt.Sprintf("pid %d", c.process.PID), "%s %q%s", what, o.function, c.backtrace(o.frames))
	e.Code = fault.BusyCoroutine
	return e.WithState("process unchanged and running").
		WithHint("%s", c.paused(s.again()+"; where the coroutine has ended and only its registers are left, or may go on in the old code, "+
			"use --allow busy-coroutine"))
}

// hint says what may help, after what was seen.
func (s story) hint() string {
	switch {
	case s.returned > 0 && s.hold > 0:
		return fmt.Sprintf("it left the function %d time(s) meanwhile, but not all threads were out together: wait longer than %s with --wait, "+
			"or let those that are out wait longer than %s for the others with --hold", s.returned, short(s.waited), short(s.hold))
	case s.hold > 0 && s.waited > 0:
		return fmt.Sprintf("it did not leave the function in %s: wait longer with --wait, or make it return, by a request or a signal that it handles; "+
			"a function that never returns cannot be patched", short(s.waited))
	}
	return s.again() + "; a function that never returns cannot be patched"
}

// again says to try again, and for how long.
func (s story) again() string {
	if s.waited == 0 {
		return "try again, or wait for it with --wait=30s"
	}
	return fmt.Sprintf("waited %s: try again, or wait longer with --wait", short(s.waited))
}

// short is a duration as a person would say it.
func short(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}

// paused adds to a hint what helps with programs that can be paused by command.
func (c *checker) paused(hint string) string {
	if name := filepath.Base(c.process.Exe); strings.HasPrefix(name, "qemu-system-") || strings.HasPrefix(name, "qemu-kvm") {
		return hint + "; QEMU leaves most of its functions after `stop` in its monitor: patch then, and `cont`"
	}
	return hint
}

func (c *checker) comm(tid int) string {
	for _, t := range c.process.Threads {
		if t.TID == tid {
			return t.Comm
		}
	}
	return c.process.Comm
}

// backtrace names the innermost frames.
func (c *checker) backtrace(frames []unwind.Frame) string {
	const most = 8
	if len(frames) == 0 {
		return ""
	}
	var names []string
	for i, f := range frames {
		if i == most {
			names = append(names, "…")
			break
		}
		names = append(names, c.symbolize(inspect.Addr(f.At)))
	}
	return " (" + strings.Join(names, " < ") + ")"
}

// symbolize names the function at an address.
func (c *checker) symbolize(at inspect.Addr) string {
	for i := range c.live {
		for _, f := range c.live[i].Functions {
			if at >= f.New && at < f.New+inspect.Addr(f.NewSize) {
				return f.Name + " of patch " + c.live[i].ID
			}
		}
	}
	o := c.process.ObjectAt(at)
	if o == nil || o.ELF == nil {
		return fmt.Sprintf("%#x", uint64(at))
	}
	addr := uint64(o.LinkAddr(at))
	for _, table := range [][]elfobj.Symbol{o.ELF.Symbols, o.ELF.DynSymbols} {
		for i := range table {
			if s := &table[i]; s.Defined() && s.Size > 0 && addr >= s.Value && addr-s.Value < s.Size {
				return s.Name
			}
		}
	}
	return fmt.Sprintf("%s+%#x", o.Name, addr)
}
