package trace

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

// called has functions to be called in it, and a handler that it must not lose.
const called = `
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
static volatile int runs;
static int *volatile nowhere;
static sigjmp_buf back;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void handler(int sig) { siglongjmp(back, 1); }
static void plain(int a, int b) { runs += a * 10 + b; }
static void stops(void) { kill(getpid(), SIGSTOP); runs++; }
static void fails(void) { runs += *nowhere; }
static void reads(void) { char c; if (read(0, &c, 1) == 1) runs++; }
static void waits(void) { pthread_mutex_lock(&lock); runs++; }
static void *other(void *arg) { for (;;) pause(); }
int main(void) {
	char c;
	pthread_t thread;
	pthread_create(&thread, 0, other, 0);
	signal(SIGSEGV, handler);
	pthread_mutex_lock(&lock);
	printf("%p %p %p %p %p\n", plain, stops, fails, reads, waits);
	fflush(stdout);
	while (read(0, &c, 1) == 1) {
		int handled = sigsetjmp(back, 1);
		if (!handled) fails();
		printf("runs %d handled %d\n", runs, handled);
		fflush(stdout);
	}
}`

type calledProgram struct {
	*testkit.Proc
	plain, stops, fails, reads, waits uint64
}

func startCalled(t *testing.T) *calledProgram {
	t.Helper()
	testkit.Require(t, "gcc", "ptrace")
	p := &calledProgram{Proc: testkit.Start(t, testkit.CCText(t, called, []string{"-O1", "-pthread"}))}
	if _, err := fmt.Sscanf(p.Next(), "0x%x 0x%x 0x%x 0x%x 0x%x", &p.plain, &p.stops, &p.fails, &p.reads, &p.waits); err != nil {
		t.Fatal(err)
	}
	return p
}

// execute calls a function in a session of its own.
func (p *calledProgram) execute(function uint64, args ...uint64) error {
	return Do(context.Background(), p.PID, func(s *Session) error {
		t, err := s.Attach(p.PID)
		if err != nil {
			return err
		}
		if _, err := s.AttachForCall(); err != nil { // by way of the other, memory can be written meanwhile
			return err
		}
		return s.Execute(t, function, args...)
	})
}

// expect asks the program how often functions have run. It fails first, which its handler must see, and blocks no signal.
func (p *calledProgram) expect(t *testing.T, runs int) {
	t.Helper()
	p.Send("")
	if got, want := p.Next(), fmt.Sprintf("runs %d handled 1", runs); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID))
	if err != nil || !strings.Contains(string(text), "\nSigBlk:\t0000000000000000\n") {
		t.Errorf("signals are blocked: %v\n%s", err, text)
	}
}

func TestExecute(t *testing.T) {
	p := startCalled(t)
	if err := p.execute(p.plain, 4, 2); err != nil {
		t.Fatal(err)
	}
	p.expect(t, 42)
	if e := fault.As(p.execute(p.fails)); e == nil || e.Code != fault.ResolverFailed {
		t.Errorf("a function that fails: %v", e)
	}
	p.expect(t, 42)
}

// TestExecuteStopped: a stop of the whole process in the middle of a function does not end it there.
func TestExecuteStopped(t *testing.T) {
	p := startCalled(t)
	p.AllowStopped()
	if err := p.execute(p.stops); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(p.PID, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p.expect(t, 1)
}

// TestExecuteTimeout: a function that waits for a lock is called off; one that is slow comes to its end.
func TestExecuteTimeout(t *testing.T) {
	for _, tt := range []struct {
		name     string
		function func(*calledProgram) uint64
		then     func(*calledProgram)
		runs     int
	}{
		{"lock", func(p *calledProgram) uint64 { return p.waits }, func(*calledProgram) {}, 0},
		{"slow", func(p *calledProgram) uint64 { return p.reads }, func(p *calledProgram) { p.Send("") }, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := startCalled(t)
			if e := fault.As(p.execute(tt.function(p))); e == nil || e.Code != fault.ThreadDoesNotStop {
				t.Errorf("got %v", e)
			}
			tt.then(p)
			p.expect(t, tt.runs)
		})
	}
}

// TestKilledInAFunction: what a thread does when this program is killed while it calls a function. The session is dropped after
// each of its steps as the kernel would drop it.
func TestKilledInAFunction(t *testing.T) {
	p := startCalled(t)
	for steps := range 3 {
		err := Do(context.Background(), p.PID, func(s *Session) error {
			th, err := s.Attach(p.PID)
			if err != nil {
				return err
			}
			own, err := s.mapStack(th)
			if err != nil {
				return err
			}
			if err := th.block(); err != nil {
				return err
			}
			call, err := s.arrange(th, own, p.plain, own.code(), []uint64{0, 1})
			if err != nil {
				return err
			}
			return s.abandon(th, call, steps)
		})
		if err != nil {
			t.Fatal(err)
		}
		p.expect(t, steps+1)
	}
}
