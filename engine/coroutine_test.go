package engine

import (
	"context"
	"slices"
	"strings"
	"testing"

	"gocare/engine/inspect"
	"gocare/engine/trace"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// coroutines switches stacks with swapcontext, or as QEMU does: swapcontext to begin, sigsetjmp and siglongjmp from then on.
// A coroutine, or with "leader" the first stack while the coroutine goes on, is suspended inside work().
const coroutines = `
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#define NOINLINE __attribute__((noinline, noclone))
typedef struct { ucontext_t uc; sigjmp_buf env; } side;
static side *leader, *co;
static int jumps, begun;
static char line[64];
static int next(void) { return fgets(line, sizeof line, stdin) != 0; }
NOINLINE static void change(side *from, side *to)
{
	if (!jumps) {
		swapcontext(&from->uc, &to->uc);
	} else if (!sigsetjmp(from->env, 0)) {
		if (to == co && !begun++)
			setcontext(&to->uc);
		siglongjmp(to->env, 1);
	}
}
NOINLINE int work(int x)
{
	volatile char room[256];
	room[x & 127] = 1;
	if (x)
		return 1;
	if (!strcmp(line, "leader\n"))
		change(leader, co);
	else
		change(co, leader);
	return room[0];
}
NOINLINE static int caller(int x) { volatile int room[8]; room[0] = work(x); return room[0]; }
static void body(void)
{
	sigjmp_buf old;
	for (;;) {
		if (!sigsetjmp(old, 0) && !strcmp(line, "coroutine\n"))
			caller(0);
		if (!strcmp(line, "leader\n")) {
			puts("inside");
			next();
		}
		change(co, leader);
	}
}
static void make(int heap)
{
	size_t size = 256 << 10;
	char *stack = heap ? malloc(size) : mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	getcontext(&co->uc);
	co->uc.uc_stack.ss_sp = stack, co->uc.uc_stack.ss_size = size;
	makecontext(&co->uc, body, 0);
}
int main(int argc, char **argv)
{
	jumps = argv[1][0] == 'j';
	leader = calloc(1, sizeof *leader), co = calloc(1, sizeof *co);
	setvbuf(stdout, 0, _IOLBF, 0);
	puts("ready");
	while (next()) {
		if (!co->uc.uc_stack.ss_sp)
			make(!strcmp(argv[2], "heap"));
		if (!strcmp(line, "value\n")) {
			printf("work %d\n", work(1));
		} else if (!strcmp(line, "leader\n")) {
			caller(0);
			puts("left");
		} else if (!strcmp(line, "coroutine\n")) {
			change(leader, co);
			puts("inside");
		} else {
			change(leader, co);
			puts("left");
		}
	}
	return 0;
}`

func TestCoroutine(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, coroutines, []string{"-O2"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: `int work(int x) { return 2; }`})
	for _, how := range []string{"swapcontext", "jumps"} {
		for _, where := range []string{"mmap", "heap"} {
			for _, what := range []string{"coroutine", "leader"} {
				t.Run(how+" "+where+" "+what, func(t *testing.T) {
					p := testkit.Start(t, program, how, where)
					p.Send(what)
					p.WaitLine("inside")
					_, err := apply(t, p.PID, Options{}, patch)
					e := fault.As(err)
					if e == nil || e.Kind != fault.Busy || e.Code != "busy-coroutine" || !strings.Contains(e.What, `"work" (`) || !strings.Contains(e.What, "caller") {
						t.Fatalf("got %v, want busy-coroutine with a backtrace", err)
					}
					noRegion(t, p.PID)
					p.Send("leave")
					p.WaitLine("left")
					mustApply(t, p.PID, patch)
					p.Send("value")
					expect(t, p.WaitLine("work"), "work 2")
				})
			}
		}
	}
}

// TestCoroutineSearchTells: to search memory for coroutines is no silence.
func TestCoroutineSearchTells(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, coroutines, []string{"-O2"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: `int work(int x) { return 2; }`})
	p := testkit.Start(t, program, "jumps", "mmap")
	p.Send("coroutine")
	p.WaitLine("inside")
	told := 0
	if _, err := apply(t, p.PID, Options{Alive: func() { told++ }}, patch); fault.As(err) == nil || told == 0 {
		t.Errorf("told %d times, %v", told, err)
	}
}

// A coroutine made after the last look at the running process is found by its stack.
func TestCoroutineMadeMeanwhile(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, coroutines, []string{"-O2"})
	proc := testkit.Start(t, program, "jumps", "mmap")
	proc.WaitLine("ready")
	p := look(t, proc.PID)
	exe := &p.Objects[slices.IndexFunc(p.Objects, func(o inspect.Object) bool { return o.Main })]
	work := exe.ELF.Symbols[slices.IndexFunc(exe.ELF.Symbols, func(s elfobj.Symbol) bool { return s.Name == "work" })]
	start := exe.Bias + inspect.Addr(work.Value)
	check := newChecker(p, []Code{{Function: "work", Start: start, End: start + inspect.Addr(work.Size)}})
	if err := check.begin(); err != nil {
		t.Fatal(err)
	}
	proc.Send("coroutine")
	proc.WaitLine("inside")
	check.suspended.contexts = nil // a mapping made new holds the coroutine's stack, but not its registers
	if o := stopAndCheck(t, check); o == nil || o.tid != 0 || !o.guess || o.function != "work" {
		t.Errorf("stack mapped after the look: %+v", o)
	}
	if err := check.begin(); err != nil {
		t.Fatal(err)
	}
	if o := stopAndCheck(t, check); o == nil || o.tid != 0 || o.guess {
		t.Errorf("after another look: %+v", o)
	}
	whole := func(c coroutine) bool { return c.in >= 0 && c.complete }
	if !slices.ContainsFunc(check.suspended.contexts, whole) {
		t.Error("where the coroutine's stack begins is not known: it may be taken for a thread's beside it")
	}
}

func stopAndCheck(t *testing.T, check *checker) (o *occupant) {
	t.Helper()
	err := trace.Do(context.Background(), check.process.PID, func(s *trace.Session) error {
		if err := s.Seize(); err != nil {
			return err
		}
		if err := s.StopAll(); err != nil {
			return err
		}
		var err error
		check.threads = nil
		if in, err := checkStopped(check, s, map[int]bool{}); len(in) > 0 || err != nil {
			o = in[0]
			return err
		}
		o, err = check.end(s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}
