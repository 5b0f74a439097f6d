package trace

import (
	"context"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gocare/internal/test/testkit"
)

// TestStopOfAChild: a session on an OS thread that started a program leaves the stop of that program to the session that waits for it.
func TestStopOfAChild(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	runtime.LockOSThread() // of which the program is a child
	defer runtime.UnlockOSThread()
	p, _ := startAlarmed(t)
	other := &Session{ctx: context.Background(), threads: map[int]*Thread{}}
	interrupted, looked := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- Do(context.Background(), p.PID, func(s *Session) error {
			defer close(interrupted)
			if err := s.seize(p.PID); err != nil {
				return err
			}
			if err := ptrace(unix.PTRACE_INTERRUPT, p.PID, 0, 0); err != nil {
				return err
			}
			for deadline := time.Now().Add(testkit.Deadline); threadState(p.PID, p.PID) != 't' && time.Now().Before(deadline); {
				runtime.Gosched()
			}
			interrupted <- struct{}{}
			<-looked
			return s.StopAll()
		})
	}()
	<-interrupted
	if err := other.until(0, other.noEvent()); err != errTimeout || len(other.threads) != 0 {
		t.Errorf("%v, %d threads that are none of its process", err, len(other.threads))
	}
	close(looked)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
