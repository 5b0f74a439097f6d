package main

import (
	"encoding/gob"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"gocare/engine/inspect"
	"gocare/internal/fault"
)

// patience is how long a worker may be silent about a process before it is left behind. Where all processes are asked for, each that does
// not answer shortens it for the next of the same user.
var patience = 5 * time.Second // shorter in tests

const (
	leastPatience = 100 * time.Millisecond
	farewell      = 900 * time.Millisecond // after an interrupt
)

// supervisor asks workers about processes.
type supervisor struct {
	setup    setup
	verbose  func(string, ...any)
	worker   *worker               // nil: none runs
	patience map[int]time.Duration // by user, of those who have used some up
}

// worker is a process that answers.
type worker struct {
	process *os.Process
	conn    *os.File
	out     *gob.Encoder
	reports chan report // closed when it has ended
}

func (c *command) supervisor() *supervisor {
	return &supervisor{verbose: c.ui.Progress, patience: map[int]time.Duration{}, setup: setup{
		Command: c.name, All: c.all, Args: c.args, ID: c.id, Old: c.old, Over: c.over, Unloads: c.unloads, Mix: c.mix, Wait: c.wait, Hold: c.hold,
		Unmap: c.unmap, CVE: c.cve, Signed: c.signed,
	}}
}

// ask has a worker do its work on a process.
func (c *command) ask(pid int) (a answer, err error) {
	c.askSome([]int{pid}, func(_ int, got answer, failed error) { a, err = got, failed })
	return a, err
}

// askAll has a worker do its work on one process after the other, and hands on each answer that says anything.
func (c *command) askAll(pids []int, each func(pid int, a answer, err error)) {
	for len(pids) > 0 {
		pids = pids[c.askSome(pids, each):]
		if c.ctx.Err() != nil && len(pids) > 0 {
			each(pids[0], answer{}, notReached(pids[0]))
			return
		}
	}
}

// askSome has a worker go through processes until it fails at one, and returns how many that are.
func (c *command) askSome(pids []int, each func(pid int, a answer, err error)) (done int) {
	if c.workers == nil {
		c.workers = c.supervisor()
	}
	s := c.workers
	w, err := s.ready()
	if err != nil {
		each(pids[0], answer{}, notStarted(pids[0], err))
		return 1
	}
	_ = w.out.Encode(pids) // fails only when it has ended
	_, left := s.left(pids[0])
	timer := newSilence(w, left)
	defer timer.Stop()
	interrupt := c.ctx.Done()
	for {
		select {
		case r, more := <-w.reports:
			done = max(done, r.Done)
			s.hear(r, pids, each)
			switch {
			case !more, r.End && done < len(pids) && c.ctx.Err() == nil: // ended, or a signal has come to it alone
				s.leave()
				return c.lost(pids, done, each)
			case r.End:
				return done
			case done < len(pids) && c.ctx.Err() == nil:
				if len(s.patience) > 0 {
					_, left = s.left(pids[done])
				}
				timer.begin(left + r.Longer)
			}
		case <-interrupt:
			interrupt = nil
			_ = w.process.Signal(syscall.SIGTERM) // it undoes what it has begun
			timer.leave(farewell)
		case <-timer.C:
			if timer.look() {
				continue
			}
			if c.ctx.Err() == nil && left == patience && timer.goOn() {
				continue
			}
			s.leave()
			if done == len(pids) {
				return done
			}
			user, _ := s.left(pids[done])
			s.patience[user] = max(left/2, leastPatience)
			each(pids[done], answer{}, c.noAnswer(pids[done], timer.waited))
			return done + 1
		}
	}
}

func notStarted(pid int, cause error) error {
	return fault.New(fault.Environment, fmt.Sprintf("pid %d", pid), "cannot start a process of carectl").WithCause(cause).WithState("it was not changed")
}

// hear hands on what a report says.
func (s *supervisor) hear(r report, pids []int, each func(pid int, a answer, err error)) {
	if r.Answer != nil {
		each(pids[r.Index], *r.Answer, r.Answer.Failure.err())
	}
	if r.Progress != "" {
		s.verbose("%s", r.Progress)
	}
}

// lost goes on after a worker has ended that told of so many of the processes. Which of the others it was at nobody knows, so the next one
// is asked about alone.
func (c *command) lost(pids []int, done int, each func(pid int, a answer, err error)) int {
	switch len(pids) {
	case done:
		return done
	case 1:
		each(pids[0], answer{}, c.workerEnded(pids[0]))
		return 1
	}
	return done + c.askSome(pids[done:done+1], each)
}

func (c *command) workerEnded(pid int) error {
	if c.ctx.Err() != nil {
		return fault.Refuse(fault.Interrupted, fmt.Sprintf("pid %d", pid), "interrupted").WithState("%s", unsure)
	}
	return fault.New(fault.Bug, fmt.Sprintf("pid %d", pid), "the process of carectl that looked at it has ended").WithState("%s", unsure)
}

// unsure is the state that a worker which says nothing leaves: a commit that it had begun is brought to an end by its guard.
const unsure = "process running, unchanged or changed as a whole; info lists what is applied"

func (c *command) noAnswer(pid int, waited time.Duration) error {
	if c.ctx.Err() != nil {
		return fault.Refuse(fault.Interrupted, fmt.Sprintf("pid %d", pid), "interrupted; no answer").WithState("%s", unsure)
	}
	return fault.Refuse(fault.Unresponsive, fmt.Sprintf("pid %d", pid), "no answer within %s", waited.Round(time.Millisecond)).WithState("%s", unsure)
}

// left returns a process' user, and how long to wait for that user's processes.
func (s *supervisor) left(pid int) (user int, left time.Duration) {
	user, err := inspect.Owner(pid)
	if err != nil {
		user = -1
	}
	if left, short := s.patience[user]; short && s.setup.All {
		return user, left
	}
	return user, patience
}

// ready returns a worker that is at leisure.
func (s *supervisor) ready() (*worker, error) {
	if s.worker != nil {
		return s.worker, nil
	}
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "worker"), os.NewFile(uintptr(fds[1]), "worker")
	defer theirs.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		_ = ours.Close()
		return nil, err
	}
	defer null.Close()
	closeInheritedOnExec()
	// It has none of our output: who reads that would wait for the end of one that is left behind.
	p, err := os.StartProcess("/proc/self/exe", []string{"carectl", workerCommand}, &os.ProcAttr{Files: []*os.File{null, null, null, theirs}})
	if err != nil {
		_ = ours.Close()
		return nil, err
	}
	w := &worker{process: p, conn: ours, out: gob.NewEncoder(ours), reports: make(chan report)}
	_ = w.out.Encode(s.setup) // fails only when it has ended
	go w.listen()
	s.worker = w
	return w, nil
}

// closeInheritedOnExec keeps the files that whoever started this program has left open, a lock or a pipe, from the programs that this one starts:
// these may live longer.
func closeInheritedOnExec() {
	list, _ := os.ReadDir("/proc/self/fd") // else they have them, too
	for _, e := range list {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > syscall.Stderr {
			syscall.CloseOnExec(fd)
		}
	}
}

func (w *worker) listen() {
	defer close(w.reports)
	in := gob.NewDecoder(w.conn)
	for {
		var r report
		if in.Decode(&r) != nil {
			return
		}
		w.reports <- r
	}
}

// leave ends a worker that does not answer, if that is possible, without waiting for its end, which may be long in coming.
func (s *supervisor) leave() {
	_ = s.worker.process.Kill() // fails only when it has ended
	go s.worker.forget(syscall.SHUT_RDWR)
	s.worker = nil
}

// close ends a worker that is at leisure.
func (s *supervisor) close() {
	if s == nil || s.worker == nil {
		return
	}
	s.worker.forget(syscall.SHUT_WR)
	s.worker = nil
}

// forget shuts the connection to a worker down, waits for its end, and gives up all that belongs to it.
func (w *worker) forget(how int) {
	_ = syscall.Shutdown(int(w.conn.Fd()), how) // fails only when it has ended
	for range w.reports {
		continue // of no interest any more; but the connection stays open while somebody reads from it
	}
	_ = w.conn.Close()
	_, _ = w.process.Wait()
}
