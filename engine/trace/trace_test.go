package trace

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

// alarmed computes while a timer's signals rain on it, in and out of system calls, and checks its own registers.
const alarmed = `
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>
static volatile long alarms;
static volatile char text[16] = "unchanged";
static void count(int sig) { alarms++; }
int main(int argc, char **argv) {
	struct sigaction sa = {.sa_handler = count, .sa_flags = SA_RESTART};
	struct itimerval every = {{0, 100}, {0, 100}};
	double sum = 0;
	sigaction(SIGALRM, &sa, 0);
	if (argc > 1) setitimer(ITIMER_REAL, &every, 0);
	printf("ready %lx\n", (unsigned long)text);
	fflush(stdout);
	char c;
	while (read(0, &c, 1) == 1) {
		if (c != '\n') continue;
		for (long i = 0; i < 1000; i++) sum += getppid() > 0;
		printf("sum %.0f alarms %d %s\n", sum, alarms > 0, text);
		sum = 0;
		fflush(stdout);
	}
	return 0;
}`

func startAlarmed(t testing.TB, args ...string) (p *testkit.Proc, text int64) {
	t.Helper()
	testkit.Require(t, "gcc", "ptrace")
	p = testkit.Start(t, testkit.CCText(t, alarmed, []string{"-O2"}), args...)
	addr, err := strconv.ParseInt(strings.TrimPrefix(p.WaitLine("ready "), "ready "), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return p, addr
}

// TestCallsAmongSignals makes system calls in a thread that signals reach all the time.
func TestCallsAmongSignals(t *testing.T) {
	p, _ := startAlarmed(t, "alarms")
	for i := range 50 {
		err := Do(context.Background(), p.PID, func(s *Session) error {
			s.noCave = i%2 == 1
			th, err := s.AttachForCall()
			if err != nil {
				return err
			}
			for range 10 {
				if pid, err := s.Call(th, unix.SYS_GETPID); err != nil || int(pid) != p.PID {
					t.Errorf("getpid: %d, %v", pid, err)
				}
			}
			if _, err := s.Call(th, unix.SYS_MUNMAP, 1); err != unix.EINVAL {
				t.Errorf("munmap of an odd address: %v, want EINVAL", err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	p.Send("")
	if got := p.Next(); got != "sum 1000 alarms 1 unchanged" {
		t.Errorf("got %q", got)
	}
}

// TestUndo: an error, a panic and an interrupt take back what was done, newest first, and let the process go.
func TestUndo(t *testing.T) {
	p, text := startAlarmed(t)
	broken := errors.New("broken")
	for _, tt := range []struct {
		name string
		end  func(cancel func()) error
	}{
		{"error", func(func()) error { return broken }},
		{"panic", func(func()) error { panic(broken) }},
		{"interrupt", func(cancel func()) error { cancel(); return context.Canceled }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			err := recovered(func() error {
				return Do(ctx, p.PID, func(s *Session) error {
					if _, err := s.Attach(p.PID); err != nil {
						return err
					}
					write(t, s, text, "unchanged", "first")
					write(t, s, text, "firstnged", "second")
					return tt.end(cancel)
				})
			})
			if !errors.Is(err, broken) && !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			p.Send("")
			if got := p.Next(); got != "sum 1000 alarms 0 unchanged" {
				t.Errorf("got %q", got)
			}
		})
	}
}

// write writes text with its undo, which checks that it comes in order.
func write(t *testing.T, s *Session, at int64, old, text string) {
	t.Helper()
	s.Undo(func() error {
		_, err := s.WriteAt([]byte(old), at)
		return err
	})
	if _, err := s.WriteAt([]byte(text), at); err != nil {
		t.Error(err)
	}
}

func recovered(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = r.(error)
		}
	}()
	return f()
}

// TestWriteCode: code is written although it is mapped read-only, and only while attached.
func TestWriteCode(t *testing.T) {
	p, _ := startAlarmed(t)
	ranges, err := executable(p.PID, p.PID)
	if err != nil || len(ranges) < 2 {
		t.Fatalf("%v, %v", ranges, err)
	}
	at := int64(ranges[1].end - 16) // padding behind the code
	err = Do(context.Background(), p.PID, func(s *Session) error {
		if _, err := s.WriteAt([]byte{0x90}, at); err == nil {
			t.Error("written without a stopped thread")
		}
		if _, err := s.Attach(p.PID); err != nil {
			return err
		}
		old := make([]byte, 4)
		if _, err := s.ReadAt(old, at); err != nil {
			return err
		}
		s.Undo(func() error { _, err := s.WriteAt(old, at); return err })
		if _, err := s.WriteAt([]byte{1, 2, 3, 4}, at); err != nil {
			return err
		}
		now := make([]byte, 4)
		if _, err := s.ReadAt(now, at); err != nil || hex.EncodeToString(now) != "01020304" {
			t.Errorf("read back %x, %v", now, err)
		}
		return errors.New("take it back")
	})
	if err == nil || err.Error() != "take it back" {
		t.Fatal(err)
	}
}

func TestAttachErrors(t *testing.T) {
	testkit.Require(t, "ptrace")
	for _, tt := range []struct {
		name string
		pid  int
		code fault.Code
	}{
		{"no such process", 1 << 22, "no-such-process"},
		{"this process", os.Getpid(), "permission"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := Do(context.Background(), tt.pid, func(s *Session) error { return s.Seize() })
			if e := fault.As(err); e == nil || e.Code != tt.code {
				t.Errorf("got %v, want %s", err, tt.code)
			}
		})
	}
}

// TestCancelled: a wait ends with the context.
func TestCancelled(t *testing.T) {
	p, _ := startAlarmed(t)
	ctx, cancel := context.WithCancel(context.Background())
	err := Do(ctx, p.PID, func(s *Session) error {
		cancel()
		start := time.Now()
		err := s.until(time.Hour, s.noEvent())
		if time.Since(start) > time.Minute {
			t.Error("waited on")
		}
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestKilledInACall: what a thread does when this program is killed while it makes a call for us. The session is dropped
// after each of its steps as the kernel would drop it.
func TestKilledInACall(t *testing.T) {
	p, _ := startAlarmed(t)
	for steps := range 3 {
		err := Do(context.Background(), p.PID, func(s *Session) error {
			th, err := s.AttachForCall()
			if err != nil {
				return err
			}
			pc, err := s.callSite(th)
			if err != nil {
				return err
			}
			s.trampoline = 0 // nobody puts back what was there
			call := th.Regs.forCall(pc, unix.SYS_GETPID, [6]uint64{1, 2, 3, 4, 5, 6})
			return s.abandon(th, call, steps)
		})
		if err != nil {
			t.Fatal(err)
		}
		p.Send("")
		if got := p.Next(); got != "sum 1000 alarms 0 unchanged" {
			t.Errorf("after %d steps: %q", steps, got)
		}
	}
}

// abandon gives a thread the registers of a call and lets it go after some stops in it, as if this program were killed there.
func (s *Session) abandon(t *Thread, call Regs, steps int) error {
	if err := setRegs(t.TID, &call); err != nil {
		return err
	}
	t.Regs = call
	for range steps {
		if err := s.toSyscallStop(t, callTimeout); err != nil {
			return err
		}
	}
	if err := ptrace(unix.PTRACE_DETACH, t.TID, 0, 0); err != nil {
		return err
	}
	delete(s.threads, t.TID)
	return nil
}
