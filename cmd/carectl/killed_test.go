package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// callStep has carectl killed at every so manieth of all its system calls, not only at those that write. make soak asks for it.
var callStep = flag.Int("call-step", 0, "kill carectl at every so manieth system call")

// halfTime is how long a process may run half patched. That it is more here than what is promised is for busy machines; an
// emulator's time (CARE_EMULATED) tells nothing.
const halfTime = 500 * time.Millisecond

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
			testKilled(t, startPair(t, tt.rest), func(nr uint64) bool { return *callStep > 0 || slices.Contains(tt.counted, nr) })
		})
	}
}

func testKilled(t *testing.T, g *pair, counted func(nr uint64) bool) {
	apply := []string{"patch", "-p", g.pid, g.patch}
	remove := []string{"unpatch", "--unmap", "-p", g.pid, "-i", "0001"}
	for _, tt := range []struct {
		name         string
		before, kill []string
	}{
		{"patch", remove, apply},
		{"unpatch", apply, remove},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var longest time.Duration
			n := 1
			for ; ; n += max(1, *callStep) {
				if _, applied := g.answer(t); applied == (tt.name == "patch") {
					if r := carectl(t, tt.before...); r.exit != 0 {
						t.Fatal(r)
					}
				}
				killed := killAt(t, n, counted, tt.kill...)
				took := g.wholeAgain(t)
				longest = max(longest, took)
				if took > halfTime && os.Getenv("CARE_EMULATED") == "" {
					t.Errorf("killed at call %d: half patched for %s", n, took)
				}
				if !killed {
					break
				}
			}
			t.Logf("killed at %d calls; half patched for at most %s", n-1, longest)
		})
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
	if !killAt(t, 1, pwrite, "patch", "-p", g.pid, g.patch) {
		t.Fatal("not killed")
	}
	if _, err := os.Stat("lock"); err != nil {
		t.Error(err)
	}
	for _, dir := range []string{"/run/gocare", filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "gocare")} {
		if left, _ := filepath.Glob(filepath.Join(dir, g.pid+"-*")); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
}

// pair is a program with two functions that are patched together. It answers once both of its threads have got on.
type pair struct{ *target }

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
	while (fgets(line, sizeof line, stdin)) {
		for (int before = turns; turns == before;) usleep(100);
		printf("%d %d\n", f1(0), f2(0));
	}
	return 0;
}`, []string{"-O2", "-w", "-pthread", fmt.Sprintf("-DINSIDE=%d", inside)})
	p := testkit.Start(t, program)
	p.WaitLine("ready")
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: fmt.Sprintf(`
int usleep(unsigned);
int f1(int x) { if (%d) usleep(3000); return x + 10; }
int f2(int x) { return x + 10; }`, inside)})
	return &pair{&target{Proc: p, pid: strconv.Itoa(p.PID), program: program, patch: patch}}
}

// wholeAgain returns how long it was seen that the functions were not both of the version that is listed.
func (g *pair) wholeAgain(t *testing.T) (half time.Duration) {
	t.Helper()
	start := time.Now()
	for {
		g.Send("")
		answer := g.Next()
		if answer == "1 1" || answer == "10 10" {
			again, listed := g.answer(t)
			if answer = again; answer == map[bool]string{false: "1 1", true: "10 10"}[listed] {
				return half
			}
		}
		if half = time.Since(start); half > 5*time.Second {
			t.Fatalf("the process says %q", answer)
		}
	}
}

// answer returns what the program says, and whether the patch is listed.
func (g *pair) answer(t *testing.T) (text string, listed bool) {
	t.Helper()
	var out strings.Builder
	if exit := run(context.Background(), []string{"info", "-p", g.pid}, &out, io.Discard); exit != 0 {
		t.Fatalf("info: exit %d", exit)
	}
	g.Send("")
	return g.Next(), strings.Contains(out.String(), "Patch id:")
}

// killAt runs carectl and kills that process of it which begins the n-th of the system calls that are counted. It returns whether it
// came to that.
func killAt(t *testing.T, n int, counted func(nr uint64) bool, args ...string) (killed bool) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := child(args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const options = syscall.PTRACE_O_TRACESYSGOOD | syscall.PTRACE_O_TRACECLONE | syscall.PTRACE_O_TRACEFORK | syscall.PTRACE_O_TRACEVFORK
	seen, left := map[int]bool{}, map[int]bool{cmd.Process.Pid: true} // threads: that have stopped once, that have not ended
	ended := map[int]bool{}
	for len(left) > 0 {
		var ws syscall.WaitStatus
		const clones, notThread = 0x80000000, 0x20000000 // __WCLONE, __WNOTHREAD: tracees alone, no children of other tests
		tid, err := syscall.Wait4(-1, &ws, clones|notThread, nil)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			t.Fatal(err)
		case tid == cmd.Process.Pid && ws.Exited() && ws.ExitStatus() != 0 && !killed:
			t.Fatalf("carectl %q: exit %d", args, ws.ExitStatus())
		case !ws.Stopped():
			delete(left, tid)
			ended[tid] = true
			continue
		case len(seen) == 0:
			if err := syscall.PtraceSetOptions(tid, options); err != nil {
				t.Fatal(err)
			}
		}
		sig := ws.StopSignal()
		switch {
		case sig == syscall.SIGTRAP|0x80:
			if nr, entry := enters(tid); entry && counted(nr) {
				if n--; n == 0 {
					killed = true
					killThread(t, tid)
				}
			}
			sig = 0
		case ws.TrapCause() > 0: // it has made another
			if made, err := syscall.PtraceGetEventMsg(tid); err == nil && !ended[int(made)] {
				left[int(made)] = true
			}
			sig = 0
		case sig == syscall.SIGTRAP || sig == syscall.SIGSTOP && !seen[tid]: // its exec, its begin
			sig = 0
		}
		seen[tid] = true
		_ = syscall.PtraceSyscall(tid, int(sig)) // fails only when it was killed
	}
	return killed
}

// killThread kills the process that a thread is of.
func killThread(t *testing.T, tid int) {
	t.Helper()
	if err := syscall.Kill(tid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// enters returns the number of the system call that a stopped thread is about to make, if it stopped for that.
func enters(tid int) (nr uint64, entry bool) {
	var info struct {
		op     uint8
		_      [3]uint8
		_      uint32
		_, _   uint64
		number uint64
		_      [8]uint64
	}
	const getSyscallInfo, opEntry = 0x420e, 1 // PTRACE_GET_SYSCALL_INFO, PTRACE_SYSCALL_INFO_ENTRY
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PTRACE, getSyscallInfo, uintptr(tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	return info.number, errno == 0 && info.op == opEntry
}
