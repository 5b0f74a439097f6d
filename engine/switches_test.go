package engine

import (
	"testing"

	"gocare/internal/fault"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// ownSwitch switches stacks in code of its own, as libco does. Each line lets the coroutine go on, which is in work() between the first and the
// second. With "thread" another thread has been in work(), and has ended there what it had to do.
const ownSwitch = `
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define NOINLINE __attribute__((noinline, noclone))
void co_switch(void **from, void *to);
__asm__(".globl co_switch\n.type co_switch,@function\nco_switch:\n"
	"push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
	"mov %rsp,(%rdi)\nmov %rsi,%rsp\n"
	"pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n.size co_switch,.-co_switch\n");
static void *first, *co;
static int inside;
NOINLINE int work(int x)
{
	volatile char room[64];
	room[x & 31] = 1;
	if (inside)
		co_switch(&co, first);
	return room[x & 31];
}
NOINLINE static void body(void) { for (;;) { inside = 1; work(1); inside = 0; co_switch(&co, first); } }
static void *idle(void *arg) { work(1); puts("was inside"); for (;;) pause(); return 0; }
int main(int argc, char **argv)
{
	char line[16];
	char *stack = malloc(65536);
	void **top = (void **)((unsigned long)(stack + 65536) & -16) - 1;
	pthread_t t;
	setvbuf(stdout, 0, _IOLBF, 0);
	*--top = (void *)body;
	co = top - 6;
	memset(co, 0, 48);
	work(1);
	if (argc > 1)
		pthread_create(&t, 0, idle, 0);
	else
		puts("was inside");
	while (fgets(line, sizeof line, stdin)) {
		if (line[0] == 'v') {
			printf("work %d\n", work(0));
			continue;
		}
		co_switch(&first, co);
		puts(inside ? "inside" : "outside");
	}
	return 0;
}`

// TestOwnSwitch: a coroutine of a library that is known by its functions is found by what its stack returns to; what is left on the stacks of threads
// is not taken for one.
func TestOwnSwitch(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	onlyOn(t, "amd64")
	for _, flags := range []string{"-O2", "-O0"} {
		program := testkit.CCText(t, ownSwitch, []string{flags, "-pthread"})
		patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: `int work(int x) { return 2; }`})
		for _, args := range [][]string{nil, {"thread"}} {
			p := testkit.Start(t, program, args...)
			p.WaitLine("was inside")
			mustApply(t, p.PID, patch)
			mustRevert(t, p.PID, "0001")
			p.Send("")
			p.WaitLine("inside")
			_, err := apply(t, p.PID, Options{}, patch)
			if e := fault.As(err); e == nil || e.Code != fault.BusyCoroutine {
				t.Fatalf("%s: got %v, want busy-coroutine", flags, err)
			}

			p.Send("")
			p.WaitLine("outside")
			if _, err := apply(t, p.PID, Options{Mix: true}, patch); err != nil {
				t.Fatal(err)
			}
			p.Send("v")
			expect(t, p.WaitLine("work"), "work 2")
		}
	}
}
