package engine

import (
	"testing"
	"time"

	"gocare/internal/arch"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// canary waits in read(2) on a stack of 512 bytes, in its only thread. What lies around that, beyond the red zone, is data whose
// changes it counts.
const canary = `
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
static struct { unsigned char below[65536], zone[128], above[512]; } data __attribute__((aligned(64)));
int calls;
__attribute__((noinline)) int value(int x) { calls++; return x + 1; }
int main(void)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, 0);
	memset(&data, 0x5a, sizeof data);
	puts("ready");
	fflush(stdout);
	for (;;) {
		char c = 0;
		long r;
#ifdef __aarch64__
		register long x8 __asm__("x8") = SYS_read, x0 __asm__("x0") = 0, x1 __asm__("x1") = (long)&c, x2 __asm__("x2") = 1;
		__asm__ volatile("mov x19, sp; mov sp, %[sp]; svc #0; mov sp, x19"
			: "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), [sp] "r"(data.above) : "x19", "memory");
		r = x0;
#else
		__asm__ volatile("mov %%rsp, %%rbx; mov %[sp], %%rsp; syscall; mov %%rbx, %%rsp"
			: "=a"(r) : "a"(SYS_read), "D"(0), "S"(&c), "d"(1), [sp] "r"(data.above) : "rbx", "rcx", "r11", "memory");
#endif
		if (r != 1) return 0;
		if (c != '\n') continue;
		int changed = 0;
		for (unsigned char *p = (void *)&data; p < (unsigned char *)(&data + 1); p++) changed += *p != 0x5a;
		printf("value %d changed %d\n", value(40), changed);
		fflush(stdout);
	}
}`

// TestNoStackIsTouched: nothing that is done to a process writes around the stack pointer of a thread: maps, functions that are run
// there to bind an import, replacements, removals, unmaps.
func TestNoStackIsTouched(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, canary, []string{"-O1", "-w", "-Wl,--no-as-needed"}, "-lm")
	first := handpatch.Build(t, handpatch.Spec{Program: program, Flags: roundsByCall(), Source: `
		double floor(double);
		static int added = 1;
		int value(int x) { return floor(x / 3.0) + added; }`})
	second := handpatch.Build(t, handpatch.Spec{Program: program, ID: "0002", Source: "int value(int x) { return x + 2; }"})
	s := &session{testkit.Start(t, program)}
	s.p.WaitLine("ready")
	expect(t, s.ask(), "value 41 changed 0")
	mustApply(t, s.p.PID, first)
	expect(t, s.ask(), "value 14 changed 0")
	if _, err := applyFiles(t, s.p.PID, Options{Wait: time.Second}, []*File{loadFile(t, second)}, "0001"); err != nil {
		t.Fatal(err)
	}
	expect(t, s.ask(), "value 42 changed 0")
	if _, err := revert(t, s.p.PID, Options{Wait: time.Second, Unmap: true}, "0002"); err != nil {
		t.Fatal(err)
	}
	expect(t, s.ask(), "value 41 changed 0")
}

// roundsByCall are options with which the compiler calls floor, a function that is picked at start on x86-64.
func roundsByCall() []string {
	if arch.Host() == &arch.X86_64 {
		return []string{"-fno-builtin", "-mno-sse4.1"}
	}
	return []string{"-fno-builtin"}
}
