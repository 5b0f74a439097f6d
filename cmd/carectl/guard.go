package main

import (
	"encoding/gob"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"gocare/engine"
	"gocare/engine/trace"
	"gocare/internal/fault"
)

// A commit that is killed between two writes would leave a process half patched. So another process, in a session of its own, has the
// journal of each commit, and finishes or undoes what it finds begun when the connection ends without a word:
//
//	worker ── starts ─────────▸ guard (own session)
//	   │  ── journal ────────────▸ │ opens the process
//	   │  ◂── ready ────────────── │
//	   │  ── acting ─────────────▸ │ if functions of patches run
//	   │     (writes)              │
//	   │  ── over ───────────────▸ ▼

const (
	guardCommand = "run-guard"
	guardKeeps   = "one-processor" // its argument where the worker keeps to that
	lockFD       = 4               // of the guard: the lock of the process, which thus outlives who took it

	// what a worker says; it is killed where it says nothing any more
	guardOver, guardActing = 0, 1

	guardReady = 2 * time.Second // how long a commit waits for its guard
)

// guard starts the process that watches a commit.
func (c *command) guard(j *engine.Journal, lock *os.File) (*engine.Watch, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "guard"), os.NewFile(uintptr(fds[1]), "guard")
	defer theirs.Close()
	limit := syscall.NsecToTimeval(guardReady.Nanoseconds())
	for _, option := range []int{syscall.SO_RCVTIMEO, syscall.SO_SNDTIMEO} { // else it waits for as long as the guard lives
		_ = syscall.SetsockoptTimeval(fds[0], syscall.SOL_SOCKET, option, &limit)
	}
	args := []string{"carectl", guardCommand}
	if c.keeps {
		args = append(args, guardKeeps)
	}
	p, err := startSelf(args, &syscall.SysProcAttr{Setsid: true}, theirs, lock)
	if err != nil {
		_ = ours.Close()
		return nil, err
	}
	sent := make(chan struct{}) // it is more than a socket holds
	go func() {
		defer close(sent)
		_ = gob.NewEncoder(ours).Encode(j) // fails only when the guard has ended, or does not read
	}()
	return &engine.Watch{
		Ready:  func() error { <-sent; _, err := ours.Read(make([]byte, 1)); return err },
		Acting: func() { _, _ = ours.Write([]byte{guardActing}) }, // fails only when the guard has ended
		End: func() {
			<-sent
			_, _ = ours.Write([]byte{guardOver})
			_ = p.Kill() // it may still wait for what the process does not answer
			_ = ours.Close()
			go func() { _, _ = p.Wait() }()
		},
	}, nil
}

// inherited returns an open file by the name that it has: a lock is given up by removing that.
func inherited(fd uintptr) *os.File {
	path, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)) // without a name nothing is removed
	return os.NewFile(fd, path)
}

// runGuard is the process that watches.
func runGuard(c *command) error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if slices.Contains(c.args, guardKeeps) {
		trace.KeptToOneProcessor()
	}
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("0"), 0) // a worker's is higher
	syscall.CloseOnExec(helperFD)
	syscall.CloseOnExec(lockFD)
	conn, lock := os.NewFile(helperFD, "connection"), inherited(lockFD)
	var j engine.Journal
	if err := gob.NewDecoder(conn).Decode(&j); err != nil {
		engine.Abandon(lock) // whoever had it has ended
		return fault.New(fault.Usage, "", "%s is for carectl alone", guardCommand).WithCause(err).WithHint("use carectl patch or unpatch")
	}
	g, err := engine.NewGuardian(&j)
	if err != nil {
		return nil // the process has ended: nothing is to be guarded
	}
	// A session of its own is what the kernel divides processors between (sched(7), the autogroup feature): there the others' priorities count for nothing.
	_ = os.WriteFile("/proc/self/autogroup", []byte("-20"), 0)
	trace.Hurry()
	_, _ = conn.Write([]byte{0})
	word := make([]byte, 1)
	for {
		if _, err := io.ReadFull(conn, word); err != nil {
			break
		}
		if word[0] == guardOver {
			return nil
		}
		g.Acted = true
	}
	_, _ = g.Settle(lock) // the system log has what came of it: nobody is left to be told
	return nil
}
