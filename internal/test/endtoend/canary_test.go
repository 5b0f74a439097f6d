package endtoend

import (
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// canaryProgram has one thread, which nearly always waits in poll(2) on a stack of 512 bytes, with an argument in turn(). What lies around that stack, beyond
// the red zone, is data whose changes it counts. It says them, and what ran, whenever turn() gives something else than before: that tells, too, whether
// the unwinder finds it.
var canaryProgram = map[string]string{
	"Makefile": `prog: prog.c
	$(CC) -O1 -fno-omit-frame-pointer -fexceptions -w -o prog prog.c -Wl,--no-as-needed -lgcc_s
install: prog
	mkdir -p $(DESTDIR) && cp prog $(DESTDIR)
clean:
	rm -f prog
`,
	"prog.c": `#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

static struct { unsigned char below[65536], zone[128], above[512]; } data __attribute__((aligned(64)));
int ran, inside;
const void *_Unwind_Find_FDE(void *, void *);

__attribute__((noipa)) int found(void)
{
	void *bases[3];

	return _Unwind_Find_FDE(__builtin_return_address(0), bases) != 0;
}

__attribute__((noipa)) void rest(void)
{
	long r = SYS_poll;

	__asm__ volatile("mov %%rsp, %%rbx; mov %[sp], %%rsp; syscall; mov %%rbx, %%rsp"
		: "+a"(r) : "D"(0), "S"(0), "d"(20), [sp] "r"(data.above) : "rbx", "rcx", "r11", "memory");
}

__attribute__((noipa)) int turn(void)
{
	if (inside)
		rest();
	return found();
}

int main(int argc, char **argv)
{
	int last = 0;

	inside = argc > 1;
	setvbuf(stdout, 0, _IOLBF, 0);
	memset(&data, 0x5a, sizeof data);
	for (;;) {
		int now = turn(), changed = 0;

		if (!inside)
			rest();
		if (now == last)
			continue;
		for (unsigned char *p = (void *)&data; p < (unsigned char *)(&data + 1); p++)
			changed += *p != 0x5a;
		printf("turn %d ran %d changed %d\n", now, ran, changed);
		last = now;
	}
}
`,
}

// TestNoStackIsTouched: nothing that carectl does to a process writes around the stack pointer of a thread: what a patch has to be run, an unwinder that is
// told of it and is to forget it, a thread that is led out, maps and unmaps.
func TestNoStackIsTouched(t *testing.T) {
	programs(t)
	t.Parallel()
	dir := t.TempDir()
	patchEdit(t, dir, canaryProgram, "prog.c", `__attribute__((noipa)) int turn(void)
{
	if (inside)
		rest();
	return found();
}
`, `#include <gocare.h>
static int deep(int n) { volatile char room[4096]; room[0] = n; return n ? deep(n - 1) + room[0] : 0; }
static int act(int n) { ran = ran * 10 + n; return deep(10) < 0; }
static int before(void) { return act(1); }
static int behind(void) { return act(2); }
static int first(void) { return act(3); }
static int last(void) { return act(4); }
GOCARE_PRE_APPLY(before);
GOCARE_POST_APPLY(behind);
GOCARE_PRE_REMOVE(first);
GOCARE_POST_REMOVE(last);
static void tidy(void *unused) { fflush(stdout); }

__attribute__((noipa)) int turn(void)
{
	int tidied __attribute__((cleanup(tidy)));

	if (inside)
		rest();
	fflush(stdout); /* may throw, for all the compiler knows */
	return 2 + found();
}
`)
	for _, tt := range []struct {
		name string
		args []string
		led  bool
	}{
		{"outside", nil, false},
		{"inside", []string{"inside"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := testkit.Start(t, filepath.Join(dir, "lpmake", "prog"), tt.args...)
			says := func(want string) {
				t.Helper()
				if got := p.Next(); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
			carectl := func(args ...string) {
				t.Helper()
				args = append(args, "--allow=busy-coroutine") // the other stack is taken for a coroutine's, which is not what this is about
				said := mustRun(t, 0, dir, nil, "carectl", append([]string{"-v", "--wait=20s", "-p", pid(p)}, args...)...)
				if tt.led && !strings.Contains(said.Stderr, `to leave "turn"`) {
					t.Error("no thread was led out")
				}
			}
			says("turn 1 ran 0 changed 0")
			carectl("patch", "patchroot")
			says("turn 3 ran 12 changed 0")
			carectl("unpatch", "-i", "c1", "--unmap")
			says("turn 1 ran 1234 changed 0")
		})
	}
}
