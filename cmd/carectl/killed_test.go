package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gocare/engine"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// callStep has carectl killed at every so manieth of all its system calls, not only at those that write, and halfRounds more often between
// two hooks. make soak asks for both. killStep leaves out calls that write.
var (
	killStep   = flag.Int("kill-step", 1, "kill carectl at every so manieth system call that changes a process")
	callStep   = flag.Int("call-step", 0, "kill carectl at every so manieth system call")
	halfRounds = flag.Int("half-rounds", 1, "how often to kill carectl at each system call between two hooks")
)

// halfTime is how long a process may be half patched. That it is more here than what is promised is for busy machines; an emulator's
// time (CARE_EMULATED) tells nothing.
const halfTime = 5 * time.Second

// TestKilled: wherever one of carectl's processes is killed, the process is not half patched for long, and what is listed is what runs.
func TestKilled(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	for _, tt := range []struct {
		name    string
		rest    int // inside of one of the functions
		counted []uint64
	}{
		{"seldom busy", 0, []uint64{syscall.SYS_PWRITE64}},
		{"always busy", 1, []uint64{syscall.SYS_PWRITE64, syscall.SYS_PERF_EVENT_OPEN}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := startPair(t, tt.rest)
			apply := []string{"patch", "-p", g.pid, g.patch}
			remove := []string{"unpatch", "--unmap", "-p", g.pid, "-i", "0001"}
			counted := func(nr uint64) bool { return *callStep > 0 || slices.Contains(tt.counted, nr) }
			t.Run("patch", func(t *testing.T) { (&killing{pair: g, before: remove, args: apply}).test(t, counted) })
			t.Run("unpatch", func(t *testing.T) { (&killing{pair: g, before: apply, args: remove}).test(t, counted) })
		})
	}
}

// killing is a command that is killed at many places, and what was seen then.
type killing struct {
	*pair
	before, args []string // what makes the process ready for args, and args, of carectl
	kills, half  int      // half of which some hooks were there without the others
	longest      time.Duration
}

// test kills at every system call that is counted, and between two hooks.
func (k *killing) test(t *testing.T, counted func(nr uint64) bool) {
	k.sweep(t, max(*killStep, *callStep), counted)
	for range *halfRounds {
		k.sweep(t, 1, func(uint64) bool { return k.hooks.half() })
	}
	t.Logf("killed at %d calls, %d of them with some hooks alone: half patched for at most %s", k.kills, k.half, k.longest.Round(100*time.Microsecond))
	if k.half == 0 {
		t.Error("no kill came between two hooks")
	}
}

// sweep kills at the first of the system calls that are counted, then at the one that is step further, and so on to the end.
func (k *killing) sweep(t *testing.T, step int, counted func(nr uint64) bool) {
	t.Helper()
	for n := 1; ; n += step {
		if _, applied := k.answer(t); applied == (k.args[0] == "patch") {
			if r := carectl(t, k.before...); r.exit != 0 {
				t.Fatal(r)
			}
		}
		var w *watch
		killed := killAt(t, n, counted, func() { w = k.hooks.watch() }, k.args...)
		if answer, listed := k.answer(t); answer != map[bool]string{false: "1 1", true: "10 10"}[listed] {
			t.Fatalf("call %d: the process says %q, listed: %v", n, answer, listed)
		}
		if !killed {
			return
		}
		k.saw(t, n, w.end())
	}
}

// saw notes how long a process was half patched after a kill.
func (k *killing) saw(t *testing.T, n int, took time.Duration) {
	t.Helper()
	k.kills++
	k.longest = max(k.longest, took)
	if took > 0 {
		k.half++
	}
	if took > halfTime && os.Getenv("CARE_EMULATED") == "" {
		t.Errorf("killed at call %d: half patched for %s", n, took)
	}
}

// TestGuardGivesLockUp: a guard that took over removes the lock of the process, and no other file.
func TestGuardGivesLockUp(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	g := startPair(t, 0)
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	t.Chdir(t.TempDir())
	if err := os.WriteFile("lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	pwrite := func(nr uint64) bool { return nr == syscall.SYS_PWRITE64 }
	if !killAt(t, 1, pwrite, func() {}, "patch", "-p", g.pid, g.patch) {
		t.Fatal("not killed")
	}
	if _, err := os.Stat("lock"); err != nil {
		t.Error(err)
	}
	for _, dir := range []string{"/run/gocare", filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "gocare")} {
		left, _ := filepath.Glob(filepath.Join(dir, g.pid+"-*"))
		for _, path := range left {
			awaitUnlocked(path)
			if _, err := os.Stat(path); err == nil {
				t.Errorf("left behind: %s", path)
			}
		}
	}
}

// awaitUnlocked waits until nobody has a lock any more: a guard may outlive who started it by a little.
func awaitUnlocked(path string) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	_ = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
}

// TestLockAbandoned: a guard that is told nothing, as who started it was killed, gives the lock up, and removes nothing else.
func TestLockAbandoned(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	pid := os.Getpid()
	h, err := engine.Hold(context.Background(), testkit.Start(t, "cat").PID, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := "/run/gocare"
	if os.Geteuid() != 0 {
		dir = filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "gocare")
	}
	h.Release()
	other := filepath.Join(t.TempDir(), fmt.Sprintf("%d-1", pid))
	for _, tt := range []struct {
		path  string
		stays bool
	}{{filepath.Join(dir, fmt.Sprintf("%d-1", pid)), false}, {filepath.Join(dir, "other"), true}, {other, true}} {
		f, err := os.Create(tt.path)
		if err != nil {
			t.Fatal(err)
		}
		engine.Abandon(f)
		if _, err := os.Stat(tt.path); (err == nil) != tt.stays {
			t.Errorf("%s: %v", tt.path, err)
		}
		_ = os.Remove(tt.path)
	}
}

// pair is a program with two functions that are patched together, so far apart that this takes two writes. It answers once both of its threads have got on.
type pair struct {
	*target
	hooks *hooks
}

// startPair starts a program whose second thread sleeps between calls of the functions, or inside of one.
func startPair(t *testing.T, inside int) *pair {
	program := testkit.CCText(t, `
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
__attribute__((noinline)) int f1(int x) { __asm__ volatile("nop; nop; nop"); if (INSIDE) usleep(3000); return x + 1; }
char far[8192] __attribute__((section(".text"))) = {1};
__attribute__((noinline)) int f2(int x) { __asm__ volatile("nop; nop; nop"); return x + 1; }
static volatile int sum, turns;
static void *work(void *a) { for (;; turns++) { sum = f1(0) + f2(0); if (!INSIDE) usleep(300); } }
int main(void)
{
	char line[64];
	pthread_t t;
	pthread_create(&t, 0, work, 0);
	setvbuf(stdout, 0, _IOLBF, 0);
	puts("ready");
	printf("%p %p\n", f1, f2);
	while (fgets(line, sizeof line, stdin)) {
		for (int before = turns; turns == before;) usleep(100);
		printf("%d %d\n", f1(0), f2(0));
	}
	return 0;
}`, []string{"-O2", "-w", "-pthread", "-fno-toplevel-reorder", fmt.Sprintf("-DINSIDE=%d", inside)})
	p := testkit.Start(t, program)
	p.WaitLine("ready")
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: fmt.Sprintf(`
int usleep(unsigned);
int f1(int x) { if (%d) usleep(3000); return x + 10; }
int f2(int x) { return x + 10; }`, inside)})
	return &pair{&target{Proc: p, pid: strconv.Itoa(p.PID), program: program, patch: patch}, newHooks(t, p.PID, p.Next())}
}

// answer returns what the program says, and whether the patch is listed.
func (g *pair) answer(t *testing.T) (text string, listed bool) {
	t.Helper()
	var out, errs strings.Builder
	if exit := run(context.Background(), []string{"info", "-p", g.pid}, &out, &errs); exit != 0 {
		t.Fatalf("info: exit %d: %s", exit, errs.String())
	}
	g.Send("")
	return g.Next(), strings.Contains(out.String(), "Patch id:")
}
