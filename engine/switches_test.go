package engine

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"gocare/engine/inspect"
	"gocare/engine/unwind"
	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// ownSwitch switches stacks in code of its own, of the kind that a macro names: as libco does, with the stack pointer in memory or in an argument, as
// swapcontext does, within the function, or in code that it generates. Each line lets the coroutine go on, which is in work() between the first and the second. With "thread"
// another thread has been in work(), and has ended there what it had to do.
const ownSwitch = `
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define NOINLINE __attribute__((noinline, noclone))
#define PUSHES "push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
#define POPS "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n"
struct side { void *reg[8]; };
#ifdef INSIDE
#define hop(from, to) do { struct side *f = from, *t = to; __asm__ volatile( \
	"push %%rbp\nlea 1f(%%rip),%%rax\nmov %%rax,56(%0)\nmov %%rsp,48(%0)\nmov 48(%1),%%rsp\njmp *56(%1)\n1: pop %%rbp" \
	: "+D"(f), "+S"(t) :: "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory"); } while (0)
#elif defined GENERATED
#include <sys/mman.h>
static const char switching[] = "\x55\x53\x41\x54\x41\x55\x41\x56\x41\x57\x48\x89\x67\x30\x48\x8b\x66\x30\x41\x5f\x41\x5e\x41\x5d\x41\x5c\x5b\x5d\xc3";
static void (*hop)(struct side *from, struct side *to);
__attribute__((constructor)) static void generate(void)
{
	void *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hop = memcpy(code, switching, sizeof switching);
}
#else
void hop(struct side *from, struct side *to);
__asm__(".globl hop\n.type hop,@function\nhop:\n"
#if defined ADD
	PUSHES "mov %rsp,48(%rdi)\nmov 48(%rsi),%rax\nsub %rsp,%rax\nadd %rax,%rsp\n" POPS
#elif defined LIBCO
	PUSHES "mov %rsp,48(%rdi)\nmov 48(%rsi),%rsp\n" POPS
#elif defined ARGUMENT
	PUSHES "mov %rsp,48(%rdi)\nmov 48(%rsi),%rdi\nmov %rdi,%rsp\n" POPS
#elif defined CONTEXT
	"mov %rbx,(%rdi)\nmov %rbp,8(%rdi)\nmov %r12,16(%rdi)\nmov %r13,24(%rdi)\nmov %r14,32(%rdi)\nmov %r15,40(%rdi)\n"
	"mov (%rsp),%rcx\nmov %rcx,56(%rdi)\nlea 8(%rsp),%rcx\nmov %rcx,48(%rdi)\n"
	"mov 48(%rsi),%rsp\nmov (%rsi),%rbx\nmov 8(%rsi),%rbp\nmov 16(%rsi),%r12\nmov 24(%rsi),%r13\nmov 32(%rsi),%r14\nmov 40(%rsi),%r15\n"
	"push 56(%rsi)\nret\n"
#endif
	".size hop,.-hop\n");
#endif
static struct side first, co;
static int inside;
NOINLINE int work(int x)
{
	volatile char room[64];
	room[x & 31] = 1;
	if (inside)
		hop(&co, &first);
	return room[x & 31];
}
NOINLINE static void body(void) { for (;;) { inside = 1; work(1); inside = 0; hop(&co, &first); } }
static void *idle(void *arg) { work(1); puts("was inside"); for (;;) pause(); return 0; }
int main(int argc, char **argv)
{
	char line[16];
	char *stack = malloc(65536);
	void **top = (void **)((unsigned long)(stack + 65536) & -16) - 1;
	pthread_t t;
	setvbuf(stdout, 0, _IOLBF, 0);
	co.reg[7] = (void *)body, co.reg[6] = top;
#if defined LIBCO || defined ARGUMENT || defined GENERATED
	*--top = (void *)body;
	co.reg[6] = memset(top - 6, 0, 48);
#endif
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
		hop(&first, &co);
		puts(inside ? "inside" : "outside");
	}
	return 0;
}`

// TestOwnSwitch: a coroutine of code that only its instructions tell is found by what its stack returns to; what is left on the stacks of threads is not
// taken for one.
func TestOwnSwitch(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	onlyOn(t, "amd64")
	for _, flags := range []string{"-O2 -DLIBCO", "-O0 -DLIBCO -DADD", "-O2 -DARGUMENT", "-O2 -DCONTEXT -fno-asynchronous-unwind-tables", "-O2 -DINSIDE", "-O2 -DGENERATED"} {
		program := testkit.CCText(t, ownSwitch, append(strings.Fields(flags), "-pthread"))
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

// TestWellKnown: libraries whose ways to switch stacks are known are told from those that only have names like theirs.
func TestWellKnown(t *testing.T) {
	for name, want := range map[string]bool{
		"libc.so.6": true, "libc-2.31.so": true, "ld-linux-x86-64.so.2": true, "ld-musl-aarch64.so.1": true, "libunwind-x86_64.so.8": true,
		"libco.so": false, "libc-client.so.2007e": false, "ld-tasks.so": false, "libcoro.so.4": false,
	} {
		if got := wellKnown(&inspect.Object{Name: name}); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestFinderParts: code is looked at in parts as it is as a whole, functions that lie across two of them and calls from one to another as well.
func TestFinderParts(t *testing.T) {
	testkit.Require(t, "gcc")
	onlyOn(t, "amd64")
	for _, row := range []struct {
		name, code string
		want       bool
	}{
		{"no switch", "", false},
		{"frame kept by a function far away", "lea (%rsp),%rax\nand $-64,%rsp\ncall leaves_rax\nlea (%rax),%rsp\nret", false},
		{"frame lost by a function far away", "mov %rsp,%rax\nmov %rax,(%rdi)\ncall sets_rax\nmov %rax,%rsp\nret", true},
		{"across two parts", "mov %rsp,%rbx\n.fill 300 << 10, 1, 0x90\nmov %rbx,%rsp\nret", false},
		{"switch across two parts", "mov %rsp,(%rdi)\n.fill 300 << 10, 1, 0x90\nmov %rdi,%rsp\nret", true},
	} {
		path := testkit.CCText(t, `__asm__(".text\n.balign 4096\n"
			".type leaves_rax,@function\nleaves_rax: ret\n.size leaves_rax,.-leaves_rax\n"
			".type sets_rax,@function\nsets_rax: xor %eax,%eax\nret\n.size sets_rax,.-sets_rax\n"
			".fill (4 << 20) - (150 << 10), 1, 0x90\n"
			".type it,@function\nit:\n`+strings.ReplaceAll(row.code, "\n", "\\n")+`\n.size it,.-it\n"
			".fill 5 << 20, 1, 0x90\n");
			int main(void) { return 0; }`, nil)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file, err := elfobj.ParseAt(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		f := finder{machine: unwind.MachineOf(&arch.X86_64), file: file, table: &unwind.Table{}}
		if found, sure := f.finds(); found != row.want || !sure {
			t.Errorf("%s: %v, %v", row.name, found, sure)
		}
	}
}
