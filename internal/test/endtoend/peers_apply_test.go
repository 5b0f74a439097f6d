package endtoend

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// applied starts a program from C text and applies a patch made of functions in C text.
type applied struct {
	*testkit.Proc
	program, patch string
}

func startPeer(t *testing.T, source, replacement string, flags ...string) *applied {
	t.Helper()
	programs(t)
	program := testkit.CCText(t, source, append([]string{"-O2", "-pthread"}, flags...))
	a := &applied{program: program, patch: handpatch.Build(t, handpatch.Spec{Program: program, Source: replacement})}
	a.Proc = testkit.Start(t, program)
	a.WaitLine("ready")
	return a
}

func (a *applied) ask(line string) string {
	a.Send(line)
	return a.Next()
}

func (a *applied) carectl(t *testing.T, want int, args ...string) result {
	t.Helper()
	return mustRun(t, want, filepath.Dir(a.patch), nil, "carectl", append(args, "-p", pid(a.Proc))...)
}

// A thread that only spins measures for how long it is held while a patch is refused again and again: the process runs
// between the attempts.
func TestPeersRefusalDoesNotFreeze(t *testing.T) {
	a := startPeer(t, `
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
static atomic_long longest, rounds;
__attribute__((noinline)) int value(int x) { for (;;) pause(); return x; }
static void *inside(void *a) { value(1); return a; }
static long now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000L + t.tv_nsec / 1000000; }
static void *spin(void *a) {
	for (long last = now();; rounds++) { long t = now(); if (t - last > longest) longest = t - last; last = t; }
	return a;
}
int main(void) {
	char line[64]; pthread_t t;
	setvbuf(stdout, 0, _IOLBF, 0);
	pthread_create(&t, 0, inside, 0);
	pthread_create(&t, 0, spin, 0);
	while (!rounds) ;
	puts("ready");
	while (fgets(line, sizeof line, stdin)) printf("%ld\n", atomic_exchange(&longest, 0));
	return 0;
}`, `int value(int x) { return x + 77; }`)
	a.ask("")
	r := a.carectl(t, 3, "patch", "--wait=3s", a.patch)
	assertContains(t, r.Stderr, `"value"`)
	held, err := strconv.Atoi(a.ask(""))
	if err != nil || held > 1500 {
		t.Errorf("held for %d ms of 3 s, %v", held, err)
	}
}

// A process that may not gain executable memory (systemd's MemoryDenyWriteExecute): no page is writable and executable.
func TestPeersMemoryDenyWriteExecute(t *testing.T) {
	a := startPeer(t, `
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
__attribute__((noinline)) int value(int x) { __asm__ volatile("nop; nop; nop"); return x + 1; }
int main(void) {
	char line[64];
	setvbuf(stdout, 0, _IOLBF, 0);
	puts("ready");
	puts(prctl(65 /* PR_SET_MDWE */, 1, 0, 0, 0) ? "no" : "denied");
	while (fgets(line, sizeof line, stdin)) printf("%d\n", value(1));
	return 0;
}`, `static int kept = 5; int value(int x) { return x + 76 + kept++; }`)
	if a.Next() == "no" {
		t.Skip("this kernel has no PR_SET_MDWE")
	}
	a.carectl(t, 0, "patch", a.patch)
	for _, want := range []string{"82", "83"} {
		if got := a.ask(""); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	a.carectl(t, 0, "unpatch", "-i", "0001")
	if got := a.ask(""); got != "2" {
		t.Errorf("after removal: %s", got)
	}
}

// The thread that the process is named after has ended; the others go on.
func TestPeersLeaderHasEnded(t *testing.T) {
	a := startPeer(t, `
#include <pthread.h>
#include <stdio.h>
__attribute__((noinline)) int value(int x) { __asm__ volatile("nop; nop; nop"); return x + 1; }
static pthread_t leader;
static void *go_on(void *a) {
	char line[64];
	pthread_join(leader, 0);
	puts("ready");
	while (fgets(line, sizeof line, stdin)) printf("%d\n", value(1));
	return a;
}
int main(void) {
	pthread_t t;
	setvbuf(stdout, 0, _IOLBF, 0);
	leader = pthread_self();
	pthread_create(&t, 0, go_on, 0);
	pthread_exit(0);
}`, `int value(int x) { return x + 77; }`)
	a.carectl(t, 0, "patch", a.patch)
	if got := a.ask(""); got != "78" {
		t.Errorf("patched: %s", got)
	}
	assertContains(t, a.carectl(t, 0, "info").Stdout, "0001")
	a.carectl(t, 0, "unpatch", "-i", "0001")
	if got := a.ask(""); got != "2" {
		t.Errorf("after removal: %s", got)
	}
}

// Where a stack cannot be walked by its tables, or a return address is behind the end of its function, the function is
// found all the same, and no other is blamed.
func TestPeersOddStacks(t *testing.T) {
	const source = `
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static volatile int entered, leave;
static void hold(void) { entered = 1; while (!leave) usleep(1000); }
__attribute__((noinline, noreturn)) static void last(void) { hold(); pthread_exit(0); }
void plain(void (*f)(void)); // has no unwind tables
__asm__(".text\n.type plain,@function\nplain: push %rbx\nsub $48,%rsp\ncall *%rdi\nadd $48,%rsp\npop %rbx\nret\n.size plain,.-plain");
__attribute__((noinline)) int value(int x) {
	__asm__ volatile("nop; nop; nop");
	if (x == 1) plain(hold);
	if (x == 2) last();
	return x + 1;
}
__attribute__((noinline)) int innocent(int x) { __asm__ volatile("nop; nop; nop"); return x + 2; }
static void *inside(void *a) { value((long)a); return 0; }
int main(int argc, char **argv) {
	char line[64]; pthread_t t;
	setvbuf(stdout, 0, _IOLBF, 0);
	pthread_create(&t, 0, inside, (void *)atol(argv[1]));
	while (!entered) usleep(1000);
	puts("ready");
	while (fgets(line, sizeof line, stdin)) {
		if (line[0] == 'l') { leave = 1; pthread_join(t, 0); puts("left"); }
		else printf("%d %d\n", value(0), innocent(0));
	}
	return 0;
}`
	programs(t)
	program := testkit.CCText(t, source, []string{"-O2", "-pthread"})
	busy := handpatch.Build(t, handpatch.Spec{Program: program, Source: `int value(int x) { return x + 77; }`})
	other := handpatch.Build(t, handpatch.Spec{Program: program, ID: "0002", Source: `int innocent(int x) { return x + 88; }`})
	for arg, name := range map[string]string{"1": "under a frame without tables", "2": "before a call that does not return"} {
		t.Run(name, func(t *testing.T) {
			a := &applied{Proc: testkit.Start(t, program, arg), patch: busy}
			a.WaitLine("ready")
			r := a.carectl(t, 3, "patch", "--wait=0", busy)
			assertContains(t, r.Stderr, `"value"`)
			a.carectl(t, 0, "patch", other)
			if got := a.ask(""); got != "1 88" {
				t.Errorf("got %s", got)
			}
			if got := a.ask("leave"); got != "left" {
				t.Errorf("got %s", got)
			}
			a.carectl(t, 0, "patch", busy)
			if got := a.ask(""); got != "77 88" {
				t.Errorf("got %s", got)
			}
		})
	}
}

// A coroutine is suspended in the function, on a stack that no thread uses: the patch comes, and goes, only where the user lets it
// end in the version it began in. That it has ended cannot be seen while its registers are still there.
func TestPeersCoroutine(t *testing.T) {
	const body = `
#include <ucontext.h>
extern ucontext_t host, routine;
extern volatile int suspend;
__attribute__((noinline)) int value(int x) {
	volatile int kept = x;
	if (suspend) { suspend = 0; swapcontext(&routine, &host); }
	return kept + ADD;
}`
	a := startPeer(t, strings.Replace(body, "ADD", "1", 1)+`
#include <stdio.h>
ucontext_t host, routine;
volatile int suspend;
static char stack[65536];
static int answer;
static void run(void) { answer = value(10); }
int main(void) {
	char line[64];
	setvbuf(stdout, 0, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof line, stdin)) {
		if (line[0] == 's') {
			getcontext(&routine);
			routine.uc_stack.ss_sp = stack; routine.uc_stack.ss_size = sizeof stack; routine.uc_link = &host;
			makecontext(&routine, run, 0);
			suspend = 1;
			swapcontext(&host, &routine);
			puts("suspended");
		} else if (line[0] == 'r') {
			swapcontext(&host, &routine);
			printf("%d\n", answer);
		} else {
			printf("%d\n", value(0));
		}
	}
	return 0;
}`, strings.Replace(body, "ADD", "77", 1))
	expect := func(line, want string) {
		t.Helper()
		if got := a.ask(line); got != want {
			t.Errorf("%q: got %s, want %s", line, got, want)
		}
	}
	expect("suspend", "suspended")
	a.carectl(t, 3, "patch", "--wait=0", a.patch)
	a.carectl(t, 2, "patch", "--allow", "busy-thread", a.patch)
	expect("call", "1")
	a.carectl(t, 0, "patch", "--allow", "busy-coroutine", a.patch)
	expect("call", "77")
	expect("resume", "11")
	expect("suspend", "suspended")
	a.carectl(t, 3, "unpatch", "--wait=0", "-i", "0001")
	expect("call", "77")
	a.carectl(t, 0, "unpatch", "--allow", "busy-coroutine", "-i", "0001")
	expect("call", "1")
	expect("resume", "87")
	expect("suspend", "suspended")
	expect("resume", "11")
	a.carectl(t, 3, "patch", "--wait=0", a.patch)
}

// C++ exceptions pass through new code that has unwind data: see TestCXX. Of other code it is said that they do not, when the patch is applied,
// and only of processes that could throw.
func TestPeersExceptions(t *testing.T) {
	programs(t)
	testkit.Require(t, "g++")
	dir := t.TempDir()
	const source = `#include <stdio.h>
extern "C" __attribute__((noinline)) int value(int x) { __asm__ volatile("nop; nop; nop"); return x + 1; }
int main(int argc, char **) {
	char line[64];
	if (argc > 5) throw argc;
	setvbuf(stdout, 0, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof line, stdin)) printf("%d\n", value(1));
}
`
	testkit.WriteFile(t, filepath.Join(dir, "prog.cc"), source)
	testkit.Run(t, dir, "g++", "-O2", "-o", "prog", "prog.cc")
	program := filepath.Join(dir, "prog")
	a := &applied{Proc: testkit.Start(t, program), patch: handpatch.Build(t, handpatch.Spec{Program: program, Source: `int value(int x) { return x + 77; }`})}
	a.WaitLine("ready")
	if r := a.carectl(t, 0, "patch", a.patch); strings.Contains(r.Stderr, "exception") {
		t.Errorf("said of a patch with unwind data: %s", r.Stderr)
	}
	bare := handpatch.Build(t, handpatch.Spec{
		Program: program, ID: "bare", Source: `int value(int x) { return x + 77; }`, Flags: []string{"-fno-asynchronous-unwind-tables"},
	})
	r := a.carectl(t, 0, "patch", "--allow", "over-patch", bare)
	assertContains(t, r.Stderr, "an exception that passes through a patched function ends the process")
	if got := a.ask(""); got != "78" {
		t.Errorf("got %s", got)
	}
	plain := startPeer(t, strings.NewReplacer(`extern "C"`, "", "throw argc", "return argc").Replace(strings.Replace(source, "char **)", "char **argv)", 1)),
		`int value(int x) { return x + 77; }`)
	if r := plain.carectl(t, 0, "patch", plain.patch); strings.Contains(r.Stderr, "exception") {
		t.Errorf("said of a C program: %s", r.Stderr)
	}
}
