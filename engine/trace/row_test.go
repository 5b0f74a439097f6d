package trace

import (
	"context"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

// computing computes the same again and again, and says now and then how often it was wrong.
const computing = `
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
static volatile long rounds, wrong, alarms;
static void count(int sig) { alarms++; }
static unsigned long compute(void)
{
	unsigned long a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8;
	double x = 1;
	for (int i = 0; i < 1000; i++) {
		a += b * 3; b ^= c >> 1; c += d * 5; d ^= e << 1; e += f * 7; f ^= g >> 3; g += h * 11; h ^= a << 2; x = x * 1.0000001 + i;
	}
	return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ (unsigned long)x;
}
int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = count, .sa_flags = SA_RESTART};
	struct itimerval every = {{0, 100}, {0, 100}};
	unsigned long want = compute();
	sigaction(SIGALRM, &sa, 0);
	if (argc > 1) setitimer(ITIMER_REAL, &every, 0);
	puts("ready");
	fflush(stdout);
	for (;;) {
		wrong += compute() != want;
		if (++rounds % 20000 == 0) { printf("wrong %ld\n", wrong); fflush(stdout); }
	}
}`

// TestInARow: calls in a row, or in turns with the program, are all made, in threads that wait and that run, and these go on as if nothing had been;
// among signals, too.
func TestInARow(t *testing.T) {
	t.Run("in a row", func(t *testing.T) {
		testCalls(t, func(s *Session, th *Thread, f func() error) error {
			own := th.Regs
			defer func() {
				if th.Regs.PC() == own.PC() && th.Regs != own {
					t.Errorf("registers %+v, before %+v", th.Regs, own)
				}
			}()
			return s.InARow(th, f)
		})
	})
	t.Run("in turns", func(t *testing.T) { testCalls(t, (*Session).InTurns) })
}

// together lets a function make several calls in a thread.
type together func(*Session, *Thread, func() error) error

func testCalls(t *testing.T, how together) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, computing, []string{"-O2"})
	running := func(args ...string) func() *testkit.Proc {
		return func() *testkit.Proc {
			p := testkit.Start(t, program, args...)
			p.WaitLine("ready")
			return p
		}
	}
	waiting := func(args ...string) func() *testkit.Proc {
		return func() *testkit.Proc { p, _ := startAlarmed(t, args...); return p }
	}
	for _, tt := range []struct {
		name  string
		start func() *testkit.Proc
		ask   bool
		want  string
	}{
		{"running", running(), false, "wrong 0"},
		{"running, among signals", running("alarms"), false, "wrong 0"},
		{"waiting", waiting(), true, "sum 1000 alarms 0 unchanged"},
		{"waiting, among signals", waiting("alarms"), true, "sum 1000 alarms 1 unchanged"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.start()
			for range 20 {
				if err := Do(context.Background(), p.PID, func(s *Session) error { return callTogether(t, s, how) }); err != nil {
					t.Fatal(err)
				}
			}
			if tt.ask {
				p.Send("")
			} else {
				p.Drain()
			}
			if got := p.Next(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// callTogether makes several calls, one that fails among them, and one more behind them.
func callTogether(t *testing.T, s *Session, how together) error {
	th, err := s.AttachForCall()
	if err != nil {
		return err
	}
	err = how(s, th, func() error {
		for range 5 {
			if pid, err := s.Call(th, unix.SYS_GETPID); err != nil || int(pid) != s.PID {
				t.Errorf("getpid: %d, %v", pid, err)
			}
			if _, err := s.Call(th, unix.SYS_MUNMAP, 1); err != unix.EINVAL {
				t.Errorf("munmap of an odd address: %v, want EINVAL", err)
			}
		}
		return nil
	})
	if th.saved != nil {
		t.Error("the thread has registers of ours")
	}
	if pid, err := s.Call(th, unix.SYS_GETPID); err != nil || int(pid) != s.PID {
		t.Errorf("getpid: %d, %v", pid, err)
	}
	return err
}

// TestInTurns: a thread that runs gets on between the calls; one that waits makes them in a row, and so does one of several.
func TestInTurns(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	p := testkit.Start(t, testkit.CCText(t, computing, []string{"-O2"}))
	p.WaitLine("ready")
	if calls := callsUntilMoved(t, p.PID, 1000); calls == 1000 {
		t.Errorf("a running thread has not moved in %d calls", calls)
	}
	waiting, _ := startAlarmed(t)
	for threadState(waiting.PID, waiting.PID) != 'S' {
		runtime.Gosched()
	}
	if calls := callsUntilMoved(t, waiting.PID, 10); calls < 10 {
		t.Errorf("a waiting thread has moved in %d calls", calls)
	}
	two := testkit.Start(t, testkit.CCText(t, twoRunning, []string{"-O2", "-pthread"}))
	two.WaitLine("ready")
	if calls := callsUntilMoved(t, two.PID, 1000); calls < 1000 {
		t.Errorf("one of two running threads has moved in %d calls", calls)
	}
}

// twoRunning has two threads that run without a pause.
const twoRunning = `
#include <pthread.h>
#include <stdio.h>
static void *run(void *told) { if (told) { puts("ready"); fflush(stdout); } for (volatile long n = 0;; n++) ; }
int main(void) { pthread_t t; pthread_create(&t, 0, run, 0); run(&t); }`

// callsUntilMoved makes calls in turns until a thread has got on between two, or that many are made.
func callsUntilMoved(t *testing.T, pid, most int) (calls int) {
	t.Helper()
	err := Do(context.Background(), pid, func(s *Session) error {
		th, err := s.AttachForCall()
		if err != nil {
			return err
		}
		begun := th.Regs
		return s.InTurns(th, func() error {
			for ; calls < most && (th.between() || th.Regs == begun); calls++ {
				if _, err := s.Call(th, unix.SYS_GETPID); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return calls
}

// dispatching computes while all of its system calls are dispatched to a handler.
const dispatching = `
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>
static volatile char all;
static volatile int seen, stop;
static void *wait_for_line(void *arg) { char c; stop = read(0, &c, 1); return 0; }
static void handle(int sig) { all = 0; seen++; }
int main(void)
{
	struct sigaction sa = {.sa_handler = handle};
	pthread_t t;
	pthread_create(&t, 0, wait_for_line, 0);
	sigaction(SIGSYS, &sa, 0);
	puts(prctl(59, 1, 0, 0, &all) ? "unknown to this kernel" : "ready");
	fflush(stdout);
	all = 1;
	while (!stop)
		;
	all = 0;
	printf("seen %d\n", seen);
	fflush(stdout);
	for (;;) pause();
}`

// TestCallDispatched: a call of ours is not given to a handler for the program's own, and refused.
func TestCallDispatched(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	p := testkit.Start(t, testkit.CCText(t, dispatching, []string{"-O2", "-pthread"}))
	if begun := p.Next(); begun != "ready" {
		t.Skipf("dispatch of system calls: %s", begun)
	}
	computing := func(t *Thread) bool { _, inside := t.Regs.SystemCall(); return !inside }
	err := Do(context.Background(), p.PID, func(s *Session) error {
		th, err := s.AttachForCallWhere(computing)
		for err == nil && th == nil { // has not come to compute yet
			th, err = s.AttachForCallWhere(computing)
		}
		if err == nil {
			_, err = s.Call(th, unix.SYS_GETPID)
		}
		return err
	})
	if e := fault.As(err); e == nil || e.Code != fault.Seccomp {
		t.Errorf("got %v, want seccomp", err)
	}
	p.Send("")
	if got := p.Next(); got != "seen 0" {
		t.Errorf("got %q", got)
	}
}

// TestNextTime: that a thread has ended is no reason to give up, and hides no other.
func TestNextTime(t *testing.T) {
	s := &Session{PID: 1}
	ended, rseq := s.noThread(2), s.inRseq(3)
	for _, tt := range []struct {
		name string
		errs []error
		code fault.Code
	}{
		{"ended", []error{ended, ended}, fault.ThreadDoesNotStop},
		{"ended last", []error{rseq, ended}, fault.Rseq},
		{"ended first", []error{ended, rseq}, fault.Rseq},
	} {
		var failed error
		for _, err := range tt.errs {
			failed = s.nextTime(failed, err)
		}
		if e := fault.As(failed); e == nil || e.Kind != fault.Busy || e.Code != tt.code {
			t.Errorf("%s: %v, want %v that may be over next time", tt.name, failed, tt.code)
		}
	}
}
