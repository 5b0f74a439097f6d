package engine

import (
	"path/filepath"
	"strconv"
	"testing"

	"gocare/internal/fault"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// resolvers is a library of functions that are picked at run time, and that nothing in the process uses.
const resolvers = `
#include <unistd.h>
static int good(int x) { return x + 1000; }
static int bad(int x) { return -x; }
static int numbers[4] __attribute__((aligned(16)));
#ifdef __x86_64__
// strict faults where the stack is not aligned as the ABI says
__asm__(".globl strict\n"
	".type strict, @gnu_indirect_function\n"
	"strict:\n"
	"movaps %xmm0, -24(%rsp)\n"
	"lea good_one(%rip), %rax\n"
	"ret\n"
	"good_one:\n"
	"lea 1000(%rdi), %eax\n"
	"ret\n");
#else
__asm__(".globl strict\n"
	".type strict, @gnu_indirect_function\n"
	"strict:\n"
	"bti c\n"
	"ldr x0, [sp]\n"
	"adr x0, good_one\n"
	"ret\n"
	"good_one:\n"
	"bti c\n"
	"add w0, w0, #1000\n"
	"ret\n");
#endif
static void *by_null(void) { *(volatile int *)0 = 1; return good; }
static void *by_trap(void) { __builtin_trap(); }
static void *by_call(void) { return getpid() > 0 ? good : bad; }
static void *by_data(void) { return numbers; }
int null(int) __attribute__((ifunc("by_null")));
int trap(int) __attribute__((ifunc("by_trap")));
int call(int) __attribute__((ifunc("by_call")));
int data(int) __attribute__((ifunc("by_data")));
`

// TestResolversThatFail: the process goes on as it was, and takes the next patch.
func TestResolversThatFail(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	dir := t.TempDir()
	testkit.WriteFile(t, filepath.Join(dir, "lib.c"), resolvers)
	lib := filepath.Join(dir, "libpick.so")
	testkit.Run(t, dir, "gcc", "-O1", "-w", "-shared", "-fPIC", "lib.c", "-o", lib)
	program := testkit.CCText(t, ticker, []string{"-O2", "-Wl,--no-as-needed", "-Wl,-rpath," + dir}, lib)
	s := &session{testkit.Start(t, program)}
	s.p.WaitLine("ready")
	expect(t, s.ask(), "value 41 calls 1")
	patch := func(name string) string {
		return handpatch.Build(t, handpatch.Spec{Program: program, Source: "int " + name + "(int);\nint value(int x) { return " + name + "(x) + 1; }"})
	}
	calls := 1
	for name, code := range map[string]string{"null": "resolver-failed", "trap": "resolver-failed", "call": "resolver-failed", "data": "ifunc-unresolved"} {
		_, err := apply(t, s.p.PID, Options{}, patch(name))
		if e := fault.As(err); e == nil || string(e.Code) != code {
			t.Errorf("%s: got %v, want %s", name, err, code)
		}
		noRegion(t, s.p.PID)
		calls++
		expect(t, s.ask(), "value 41 calls "+strconv.Itoa(calls))
	}
	mustApply(t, s.p.PID, patch("strict"))
	expect(t, s.ask(), "value 1041 calls "+strconv.Itoa(calls))
}
