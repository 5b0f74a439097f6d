package engine

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gocare/engine/trace"
	"gocare/internal/fault"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// occupied is inside work() in the way its argument names until a line comes; then it prints work()'s value for each.
const occupied = `
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define NOINLINE __attribute__((noinline, noclone))
static volatile int leave, entered, burn;
static char mode[32];
static void say(const char *s) { if (write(1, s, strlen(s)) < 0) _exit(1); }
static void block(void) { entered = 1; while (!leave) usleep(1000); }
static int compare(const void *a, const void *b) { if (!leave) block(); return *(int *)a - *(int *)b; }
static void handler(int sig) { block(); }
NOINLINE int work(int x)
{
	volatile char room[256];
	room[x & 127] = 1;
	if (leave)
		return 1;
	if (!strcmp(mode, "leaf")) {
		entered = 1;
		while (!leave)
			burn++;
	} else if (!strcmp(mode, "signal")) {
		pthread_kill(pthread_self(), SIGUSR1);
	} else if (!strcmp(mode, "qsort")) {
		int list[] = {3, 1, 2};
		qsort(list, 3, sizeof list[0], compare);
	} else if (!strcmp(mode, "recursion") && x < 2000) {
		return work(x + 1) + room[x & 127] - 1;
	} else {
		block();
	}
	return 1 + room[x & 127] - 1;
}
NOINLINE static int caller(int x) { volatile int room[8]; room[0] = work(x); return room[0]; }
static void *idle(void *arg) { for (;;) { if (arg) burn++; else pause(); } return 0; }
static void *busy(void *arg)
{
	static char stack[65536];
	stack_t alt = {.ss_sp = stack, .ss_size = sizeof stack};
	if (strstr(mode, "signal"))
		sigaltstack(&alt, 0);
	caller(0);
	say("left\n");
	return 0;
}
int main(int argc, char **argv)
{
	char line[64];
	pthread_t t;
	struct sigaction sa = {.sa_handler = handler, .sa_flags = argc > 3 ? SA_ONSTACK : 0};
	strcpy(mode, argv[1]);
	sigaction(SIGUSR1, &sa, 0);
	setvbuf(stdout, 0, _IOLBF, 0);
	for (int i = 0; i < atoi(argv[2]); i++)
		pthread_create(&t, 0, idle, i < 3 ? (void *)1 : 0);
	pthread_create(&t, 0, busy, 0);
	while (!entered)
		usleep(1000);
	puts("inside");
	while (fgets(line, sizeof line, stdin)) {
		if (leave)
			printf("work %d\n", work(0));
		leave = 1;
	}
	return 0;
}`

func TestBusy(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	for _, flags := range []string{"-O2 -fomit-frame-pointer", "-O0 -g"} {
		program := testkit.CCText(t, occupied, append(strings.Fields(flags), "-pthread"))
		patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: `int work(int x) { return 2; }`})
		for _, tt := range []struct {
			name string
			args []string
		}{
			{"in a call", []string{"call", "0"}},
			{"as the leaf, spinning", []string{"leaf", "0"}},
			{"under a callback of libc", []string{"qsort", "0"}},
			{"under a signal handler", []string{"signal", "0"}},
			{"under a signal handler on its own stack", []string{"signal", "0", "alt"}},
			{"deep in recursion", []string{"recursion", "0"}},
			{"among 50 threads", []string{"call", "50"}},
		} {
			t.Run(flags+", "+tt.name, func(t *testing.T) {
				p := testkit.Start(t, program, tt.args...)
				p.WaitLine("inside")
				_, err := apply(t, p.PID, Options{}, patch)
				wantBusy(t, err, "work")
				if list, err := List(look(t, p.PID)); err != nil || len(list) != 0 {
					t.Errorf("after the refusal: %v, %v", list, err)
				}
				noRegion(t, p.PID)
				p.Send("leave")
				p.WaitLine("left")
				p.Send("")
				expect(t, p.WaitLine("work"), "work 1")
				mustApply(t, p.PID, patch)
				p.Send("")
				expect(t, p.WaitLine("work"), "work 2")
			})
		}
	}
}

// TestBusyQEMU: where the program is QEMU, the hint names its monitor's commands, by which the threads of a guest leave most functions. Its other
// programs have no monitor.
func TestBusyQEMU(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, occupied, []string{"-O2", "-pthread"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: `int work(int x) { return 2; }`})
	for name, named := range map[string]bool{"qemu-system-x86_64": true, "qemu-kvm": true, "qemu-img": false} {
		t.Run(name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), name)
			testkit.Run(t, "", "cp", program, copied)
			p := testkit.Start(t, copied, "call", "0")
			p.WaitLine("inside")
			_, err := apply(t, p.PID, Options{}, patch)
			wantBusy(t, err, "work")
			hint := fault.As(err).Hint
			if got := strings.Contains(hint, "`stop` in its monitor: patch then, and `cont`"); got != named {
				t.Errorf("hint %q", hint)
			}
		})
	}
}

func wantBusy(t testing.TB, err error, function string) {
	t.Helper()
	e := fault.As(err)
	if e == nil || e.Kind != fault.Busy || e.Code != "busy-thread" {
		t.Fatalf("got %v, want busy-thread", err)
	}
	if !strings.Contains(e.What, `"`+function+`"`) || !strings.Contains(e.What, "thread ") || e.State != "process unchanged and running" {
		t.Errorf("message %q, state %q", e.What, e.State)
	}
}

// noRegion checks that nothing of ours is mapped.
func noRegion(t testing.TB, pid int) {
	t.Helper()
	if list := dormantRegions(look(t, pid)); len(list) != 0 {
		t.Errorf("%d region(s) stay mapped", len(list))
	}
}

// TestWait: the process is let go between attempts, so the thread can leave meanwhile.
func TestWait(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, occupied, []string{"-O2", "-pthread"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: `int work(int x) { return 2; }`})
	p := testkit.Start(t, program, "call", "0")
	p.WaitLine("inside")
	left := false
	opt := Options{Wait: 20 * time.Second, Progress: func(format string, args ...any) {
		if strings.HasPrefix(format, "attempt") && !left {
			left = true
			p.Send("leave")
		}
	}}
	r, err := apply(t, p.PID, opt, patch)
	if err != nil || r.Attempts < 2 {
		t.Fatalf("%d attempts, %v", r.Attempts, err)
	}
	p.Send("")
	expect(t, p.WaitLine("work"), "work 2")
}

// TestRemovalBusy: removal is refused while a thread is in the new code, called code of the original included.
func TestRemovalBusy(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, ticker, []string{"-O2"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: `
		int read(int, void *, unsigned long);
		int write(int, const void *, unsigned long);
		int value(int x) { char c; write(1, "in\n", 3); while (read(0, &c, 1) == 1 && c != '\n') ; return x; }`})
	p := testkit.Start(t, program)
	p.WaitLine("ready")
	mustApply(t, p.PID, patch)
	p.Send("")
	p.WaitLine("in")
	_, err := revert(t, p.PID, Options{}, "0001")
	wantBusy(t, err, "value")
	p.Send("!")
	p.WaitLine("value")
	mustRevert(t, p.PID, "0001")
	p.Send("")
	expect(t, p.WaitLine("value"), "value 41 calls 1")
}

// TestApplyStepsFail makes every step fail in turn: memory and registers are as before, and nothing stays mapped.
func TestApplyStepsFail(t *testing.T) {
	s, program := startTicker(t, "-O2")
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: tickerPatch})
	broken := errors.New("made to fail")
	for n := 1; ; n++ {
		steps := 0
		opt := Options{step: func(string) error {
			if steps++; steps == n {
				return broken
			}
			return nil
		}}
		_, err := apply(t, s.p.PID, opt, patch)
		if err == nil {
			if steps < 5 {
				t.Errorf("only %d steps", steps)
			}
			expect(t, s.ask(), "value 141 calls "+strconv.Itoa(n-1+10))
			return
		}
		if !errors.Is(err, broken) {
			t.Fatal(err)
		}
		noRegion(t, s.p.PID)
		expect(t, s.ask(), "value 41 calls "+strconv.Itoa(n))
	}
}

// TestRecover: a run is killed between any two writes of applying or removing; recovery puts everything back.
func TestRecover(t *testing.T) {
	t.Run("near", func(t *testing.T) { testRecover(t, false) })
	t.Run("far", func(t *testing.T) { testRecover(t, true) })
}

func testRecover(t *testing.T, far bool) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, reserve+`
		#include <stdio.h>
		#define F(n) __attribute__((noinline)) int f##n(int x) { __asm__ volatile("nop; nop; nop"); return x + n; }
		F(1) F(2) F(3)
		int main(void) {
			char line[64];
			setvbuf(stdout, 0, _IOLBF, 0); puts("ready");
			while (fgets(line, sizeof line, stdin)) { if (*line == 'f') reserve(f1); printf("%d %d %d\n", f1(0), f2(0), f3(0)); }
			return 0;
		}`, []string{"-O2"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: `
		int f1(int x) { return x + 11; } int f2(int x) { return x + 12; } int f3(int x) { return x + 13; }`})
	p := testkit.Start(t, program)
	p.WaitLine("ready")
	ask := func() string { p.Send(""); return p.Next() }
	if far {
		reserved(t, p)
	}
	plan, err := NewPlan(look(t, p.PID), Request{Files: []*File{loadFile(t, patch)}})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(plan.Writes()); n++ {
		plan, err := NewPlan(look(t, p.PID), Request{Files: []*File{loadFile(t, patch)}})
		if err != nil {
			t.Fatal(err)
		}
		if err := plan.prepare(context.Background(), Options{waits: trace.NewWaits(p.PID, nil)}); err != nil {
			t.Fatal(err)
		}
		killedAfter(t, p.PID, plan.Writes()[:n])
		mustRecover(t, p.PID)
		expect(t, ask(), "1 2 3")
		mustApply(t, p.PID, patch)
		expect(t, ask(), "11 12 13")
		removal, err := NewRemoval(look(t, p.PID), "0001", nil)
		if err != nil {
			t.Fatal(err)
		}
		killedAfter(t, p.PID, removal.Writes[:n])
		mustRecover(t, p.PID)
		expect(t, ask(), "1 2 3")
	}
	if _, err := NewRecovery(look(t, p.PID)); err == nil {
		t.Error("something is left to recover")
	}
}

// killedAfter makes some of a commit's writes.
func killedAfter(t testing.TB, pid int, writes []Write) {
	t.Helper()
	for _, w := range writes {
		poke(t, pid, int64(w.Addr), w.New)
	}
}

func mustRecover(t testing.TB, pid int) {
	t.Helper()
	h := mustHold(t, pid)
	defer h.Release()
	removal, err := NewRecovery(h.Process)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Revert(context.Background(), removal, Options{Wait: time.Second}); err != nil {
		t.Fatal(err)
	}
	if list, err := List(look(t, pid)); err != nil || len(list) != 0 {
		t.Errorf("still listed: %v, %v", list, err)
	}
}
