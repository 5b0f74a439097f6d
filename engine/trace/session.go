package trace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds on waiting. A thread that runs or sleeps stops within microseconds; one in uninterruptible sleep (a vfork
// parent, a dead file server) does not.
const (
	stopTimeout   = 500 * time.Millisecond
	detachTimeout = 200 * time.Millisecond
	endTimeout    = 10 * time.Second // of an OS thread of ours, which only needs a processor
)

// Session is a process with some of its threads seized. Its methods may only be called from the function given to Do.
type Session struct {
	PID int

	ctx        context.Context
	threads    map[int]*Thread
	mem        map[int]*os.File // by thread, opened for writing
	undo       []func() error
	noCave     bool   // tests: as if there were no room for it
	trampoline uint64 // where code for calls was written, 0 if nowhere
	breakpoint uint64 // where the process is to stop, 0 if nowhere
	killed     bool   // the process is to end with this program
	firstHeld  time.Time
	waits      *Waits // nil: nobody ends what this session disturbs
}

// Thread is a seized thread.
type Thread struct {
	TID     int
	Stopped bool // in a stop in which its registers can be read and it does not run
	Regs    Regs // while Stopped

	sleeping   bool        // was asleep before it was interrupted
	asleep     *Sleep      // where, if Regs want to know; nil else
	entered    bool        // stopped at the entry or exit of a system call
	exited     bool        // stopped at the exit of a call for us, which has its result
	alone      bool        // ran when it was attached to for calls, and there was no other
	row        bool        // makes several calls for us, one behind the other
	turns      bool        // runs before each of several calls for us
	site       uint64      // the instruction that makes them
	group      bool        // stopped together with its whole process, by a signal such as SIGSTOP
	execed     bool        // has executed another program
	arrived    bool        // at the breakpoint
	asked      bool        // was interrupted, and has not stopped yet
	restarting bool        // was let go into restart_syscall(2)
	switches   int         // how often it had gone to sleep then
	exit       *exit       // nil: it may go where it likes
	wait       *wait       // that a stop ended; nil if none, or one without a time-out
	saved      *Regs       // its own registers while it makes a call for us
	mask       *uint64     // its own signal mask while it calls a function for us
	fault      unix.Signal // what such a call ended with, 0 if nothing
}

// Do runs f on an OS thread of its own with a session for a process, in which nothing is attached yet. When f returns
// an error or panics, what it pushed with Undo runs, newest first; then every thread is detached. Where the process is a child of this program,
// nobody may wait for its end meanwhile: that wait would take the stops along.
func Do(ctx context.Context, pid int, f func(*Session) error) error { return do(ctx, pid, nil, f) }

// Do is as the function Do; waits that the session makes begin anew are noted.
func (w *Waits) Do(ctx context.Context, f func(*Session) error) error { return do(ctx, w.pid, w, f) }

func do(ctx context.Context, pid int, waits *Waits, f func(*Session) error) error {
	type outcome struct {
		err   error
		panic any
	}
	done := make(chan outcome, 1)
	var tracer int
	onOwnThread(func() {
		var o outcome
		tracer = unix.Gettid()
		if home != nil {
			everywhere()
		}
		defer func() { done <- o }()
		s := &Session{PID: pid, ctx: ctx, waits: waits, threads: map[int]*Thread{}, mem: map[int]*os.File{}}
		defer s.close()
		defer func() {
			o.panic = recover()
			if o.err != nil || o.panic != nil {
				o.err = errors.Join(o.err, s.rollBack())
			}
		}()
		o.err = f(s)
	})
	o := <-done
	awaitEnd(tracer)
	if o.panic != nil {
		panic(o.panic)
	}
	return o.err
}

// awaitEnd waits for the end of a thread of this program, with which the kernel lets go what it still traces: until then whoever attaches next is
// told that the process is traced.
func awaitEnd(tid int) {
	for deadline := time.Now().Add(endTimeout); time.Now().Before(deadline); time.Sleep(50 * time.Microsecond) {
		if unix.Tgkill(unix.Getpid(), tid, 0) != nil {
			return
		}
	}
}

// onOwnThread runs f on a thread that ends with it, so that the kernel detaches whatever is left. The process' first
// thread does not end: there f runs on another one.
func onOwnThread(f func()) {
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if unix.Gettid() != unix.Getpid() {
			f()
			return
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			runtime.LockOSThread()
			f()
		}()
		<-done
		runtime.UnlockOSThread()
	}()
}

// Undo registers what takes back a change just about to be made.
func (s *Session) Undo(f func() error) { s.undo = append(s.undo, f) }

// Keep forgets the registered undo steps: the changes made so far stay.
func (s *Session) Keep() { s.undo = nil }

// rollBack runs the undo steps, newest first, even after a signal asked to stop.
func (s *Session) rollBack() error {
	s.ctx = context.WithoutCancel(s.ctx)
	var errs []error
	for i := len(s.undo) - 1; i >= 0; i-- {
		if err := s.undo[i](); err != nil {
			errs = append(errs, fmt.Errorf("undo step %d: %w", i+1, err))
		}
	}
	s.undo = nil
	return errors.Join(errs...)
}

func (s *Session) close() {
	s.ctx = context.WithoutCancel(s.ctx)
	_ = s.clearCave() // fails only when the process is gone
	s.Detach()
	s.closeMemory()
}

func (s *Session) closeMemory() {
	for tid, f := range s.mem {
		_ = f.Close() // nothing is buffered
		delete(s.mem, tid)
	}
}

// Threads returns the threads attached, in no order.
func (s *Session) Threads() []*Thread {
	list := make([]*Thread, 0, len(s.threads))
	for _, t := range s.threads {
		list = append(list, t)
	}
	return list
}

// Stopped reports whether a thread is attached and stopped.
func (s *Session) Stopped(tid int) bool { return s.threads[tid] != nil && s.threads[tid].Stopped }

// Held reports whether a thread was led out and waits for others.
func (t *Thread) Held() bool { return t.Stopped && t.exit != nil && t.exit.hold && t.exit.done }

// FirstHeld returns since when a thread that was led out waits; zero if none does.
func (s *Session) FirstHeld() time.Time { return s.firstHeld }
