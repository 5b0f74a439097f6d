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

// again waits for lines, a minute for each, and says how each wait ended. With "spin" it does so no more.
const again = `
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>
int main(void)
{
	struct epoll_event e = {.events = EPOLLIN};
	int set = epoll_create1(0);
	volatile char c = 0;
	epoll_ctl(set, EPOLL_CTL_ADD, 0, &e);
	setvbuf(stdout, 0, _IOLBF, 0);
	for (;;) {
		int r = epoll_pwait(set, &e, 1, 60000, 0);
		printf("waited %d\n", r);
		if (r == 1 && read(0, (char *)&c, 1) != 1)
			return 0;
		while (c == 's')
			;
	}
}`

// TestNextWait: a wait that ends by itself when it has just been looked at is not taken for what the stop then meets, which would be ended in its
// place.
func TestNextWait(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	p := testkit.Start(t, testkit.CCText(t, again, []string{"-O1"}))
	woken := func(line string) {
		p.Send(line)
		p.WaitLine("waited 1")
	}
	for _, tt := range []struct {
		name  string
		meets func()
		stop  func(*Session, *Thread) error
		kept  bool
	}{
		{"the same", func() {}, stopOne, true},
		{"the next, before the interrupt", func() { woken(""); awaitSleep(t, p.PID, unix.SYS_EPOLL_PWAIT) }, stopOne, false},
		{"the next, after it", func() { woken(""); awaitSleep(t, p.PID, unix.SYS_EPOLL_PWAIT) }, interruptOne, false},
		{"none", func() { woken("s") }, stopOne, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			awaitSleep(t, p.PID, unix.SYS_EPOLL_PWAIT)
			n, ok := NewWaits(p.PID, nil).note(p.PID)
			if !ok || time.Until(n.end) < 0 {
				t.Fatalf("a wait that ends in %s, %t", time.Until(n.end), ok)
			}
			tt.meets()
			err := Do(context.Background(), p.PID, func(s *Session) error {
				if err := s.seize(p.PID); err != nil {
					return err
				}
				th := s.threads[p.PID]
				th.wait = &n
				err := tt.stop(s, th)
				if kept := th.wait != nil; kept != tt.kept {
					t.Errorf("taken for the one that was looked at: %t", kept)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func stopOne(s *Session, t *Thread) error { return s.stop([]*Thread{t}) }

// interruptOne is stopOne without its look at the thread.
func interruptOne(s *Session, t *Thread) error {
	if err := ptrace(unix.PTRACE_INTERRUPT, t.TID, 0, 0); err != nil {
		return err
	}
	t.asked = true
	return s.until(testkit.Deadline, func() bool { return t.Stopped })
}

// awaitSleep waits until a thread sleeps in a system call.
func awaitSleep(t *testing.T, tid int, call int64) {
	t.Helper()
	for deadline := time.Now().Add(testkit.Deadline); time.Now().Before(deadline); runtime.Gosched() {
		if w, ok := Asleep(tid, tid); ok && w.Number == call && threadState(tid, tid) == 'S' {
			return
		}
	}
	t.Error("it does not sleep")
}
