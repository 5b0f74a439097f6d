package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"gocare/internal/fault"
)

// Exit is where a thread leaves code that is to be replaced: it returns to PC, with its stack pointer at SP or above.
type Exit struct {
	TID    int
	PC, SP uint64
}

// Numbers of the kernel's that unix does not have: HW_BREAKPOINT_X of <linux/hw_breakpoint.h>, F_OWNER_TID of <fcntl.h>.
const (
	breakExecute = 4
	ownerThread  = 0
)

// exit is an Exit that is watched. The processor's breakpoint belongs to a file of ours and is gone with it, and what it sends is a signal that
// does nothing to the program: one that ptrace sets stays in the thread when its tracer is killed, and so does a single step, whose SIGTRAP then
// ends the program.
type exit struct {
	Exit
	file   *os.File
	signal unix.Signal
	hits   uint64
	hold   bool
	at     bool // it stopped at its breakpoint, and has not gone on since
	done   bool // it has left, and is held if it was to be
}

// LeadOut lets threads run until all have left through their exits, or ended. With hold it keeps each stopped that has; they stay so for that
// long at most, counted from the first one on. It reports which have left. Whoever else is attached runs meanwhile, unless it was led out before.
func (s *Session) LeadOut(exits []Exit, hold time.Duration, until time.Time) (left map[int]bool, err error) {
	defer func() {
		for _, t := range s.threads {
			t.unwatch()
		}
	}()
	for _, e := range exits {
		if err := s.watch(e, hold > 0); err != nil {
			return nil, err
		}
	}
	told := time.Now()
	err = s.until(time.Until(until), func() bool {
		if time.Since(told) > beat {
			s.waits.tell()
			told = time.Now()
		}
		_ = s.LetRun() // fails only for threads that were killed
		left = s.left(exits)
		return len(left) == len(exits) || hold > 0 && !s.firstHeld.IsZero() && time.Since(s.firstHeld) > hold
	})
	if err == errTimeout {
		err = nil
	}
	return left, err
}

// left returns the threads of a list that have left, or ended.
func (s *Session) left(exits []Exit) map[int]bool {
	left := map[int]bool{}
	for _, e := range exits {
		if t := s.threads[e.TID]; t == nil || t.exit.done {
			left[e.TID] = true
		}
	}
	return left
}

// watch seizes a thread, unless it is, and sets its breakpoint.
func (s *Session) watch(e Exit, hold bool) error {
	if s.threads[e.TID] == nil {
		if err := s.seize(e.TID); err != nil {
			return err
		}
	}
	t := s.threads[e.TID]
	if t == nil {
		return nil // it has ended
	}
	if err := t.watch(s.PID, e, hold); err != nil {
		return s.cannotLead(e.TID, err)
	}
	return nil
}

// LetRun lets the threads go on that are stopped, but for those that were led out.
func (s *Session) LetRun() error {
	for _, t := range s.Threads() {
		if t.Held() {
			continue
		}
		if err := s.GoOn(t); err != nil {
			return err
		}
	}
	return nil
}

// cannotLead says why a thread stays where it is: a user may be kept from the processor's breakpoints.
func (s *Session) cannotLead(tid int, err error) error {
	e := fault.New(fault.Busy, fmt.Sprintf("pid %d", s.PID), "thread %d cannot be led out of the function that it is in", tid).WithCause(err)
	e.Code = fault.BusyThread
	return e
}

// watch sets a breakpoint for a thread at an exit.
func (t *Thread) watch(pid int, e Exit, hold bool) error {
	sig, ok := harmless(pid, e.TID)
	if !ok {
		return errors.New("it handles or blocks every signal that does nothing by default")
	}
	attr := unix.PerfEventAttr{
		Type: unix.PERF_TYPE_BREAKPOINT, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})), Sample: 1, Wakeup: 1,
		Bits: unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv, Bp_type: breakExecute, Ext1: e.PC, Ext2: breakLength,
	}
	fd, err := unix.PerfEventOpen(&attr, e.TID, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("breakpoint: %w", err)
	}
	t.exit = &exit{Exit: e, file: os.NewFile(uintptr(fd), "breakpoint"), signal: sig, hold: hold}
	if err := sendTo(fd, e.TID, sig); err != nil {
		t.unwatch()
		return err
	}
	return nil
}

// sendTo makes what happens to a file send a thread a signal.
func sendTo(fd, tid int, sig unix.Signal) error {
	owner := struct{ kind, tid int32 }{ownerThread, int32(tid)}
	_, _, errno := unix.RawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_SETOWN_EX, uintptr(unsafe.Pointer(&owner)))
	if errno != 0 {
		return errno
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETSIG, int(sig)); err != nil {
		return err
	}
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, unix.O_ASYNC|unix.O_NONBLOCK)
	return err
}

func (t *Thread) unwatch() {
	if t.exit != nil && t.exit.file != nil {
		_ = t.exit.file.Close() // nothing is buffered
		t.exit.file = nil
	}
}

// harmless returns a signal that a thread neither handles nor blocks, and that does nothing by default.
func harmless(pid, tid int) (unix.Signal, bool) {
	var kept uint64
	for _, name := range []string{"SigBlk", "SigCgt"} {
		mask, err := strconv.ParseUint(statusField(pid, tid, name), 16, 64)
		if err != nil {
			return 0, false
		}
		kept |= mask
	}
	for _, sig := range []unix.Signal{unix.SIGURG, unix.SIGWINCH, unix.SIGCHLD} {
		if kept&(1<<(sig-1)) == 0 {
			return sig, true
		}
	}
	return 0, false
}

// atExit reports whether a signal for which a thread stopped is that of its breakpoint; the thread is held there, or goes on.
func (s *Session) atExit(t *Thread, sig unix.Signal) (ours bool, err error) {
	e := t.exit
	if e == nil || e.file == nil || sig != e.signal {
		return false, nil
	}
	var count [8]byte
	if n, err := e.file.Read(count[:]); n < len(count) || err != nil {
		return false, nil
	}
	hits := binary.LittleEndian.Uint64(count[:])
	if hits == e.hits {
		return false, nil
	}
	e.hits, e.at = hits, t.Regs.PC() == e.PC
	if t.Regs.SP() < e.SP { // of another activation, within the one that is to be left
		return true, s.resume(t, unix.PTRACE_CONT, 0)
	}
	e.done = true
	t.unwatch()
	if e.hold {
		if s.firstHeld.IsZero() {
			s.firstHeld = time.Now()
		}
		return true, nil
	}
	return true, s.resume(t, unix.PTRACE_CONT, 0)
}

// passes lets a thread go on from its breakpoint where the kernel needs one step to be past it, and reports whether it did. It disables all
// breakpoints of a thread for that step, which PTRACE_CONT and PTRACE_DETACH forget (arch/arm64/kernel/hw_breakpoint.c, seen with 6.1): none
// would stop it again. Of this step nobody is told, and so it does no harm if this program is killed now.
func (t *Thread) passes() bool {
	e := t.exit
	if !stepsOverBreakpoints || e == nil || !e.at || !t.Stopped || t.Regs.PC() != e.PC {
		return false
	}
	e.at, t.Stopped = false, false
	return ptrace(unix.PTRACE_SINGLESTEP, t.TID, 0, 0) == nil
}
