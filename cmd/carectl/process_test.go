package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"gocare/engine"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// child returns a command that runs this test binary as carectl.
func child(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "CARECTL_CHILD=1")
	return cmd
}

// stuck never leaves value().
const stuck = `
#include <stdio.h>
#include <unistd.h>
volatile int ticks;
__attribute__((noinline)) int value(int x) {
	for (;;) { char c; if (read(0, &c, 1) != 1) return x; printf("tick %d\n", ++ticks); fflush(stdout); }
}
int main(void) { puts("ready"); fflush(stdout); return value(1); }`

// TestRefusalTellsFreeze: a refused patch, and a refused removal, say for how long running threads were held in vain.
func TestRefusalTellsFreeze(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	const spins = `
		#include <unistd.h>
		static volatile int n;
		__attribute__((noinline)) int value(int x) { write(1, "inside\n", 7); while (x) n++; return x; }`
	program := testkit.CCText(t, spins+`int main(void) { char c; write(1, "ready\n", 6); return read(0, &c, 1) == 1 ? value(1) : 0; }`, []string{"-O2", "-w"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: spins})
	for _, tt := range []struct{ name, command, before, argument string }{
		{"patch", "patch", "", patch},
		{"removal", "unpatch", patch, "-i0001"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := testkit.Start(t, program)
			p.WaitLine("ready")
			pid := strconv.Itoa(p.PID)
			if tt.before != "" {
				carectl(t, "patch", "-p", pid, tt.before)
			}
			p.Send("")
			p.WaitLine("inside")
			r := carectl(t, "-v", tt.command, "--json", "--hold=0", "--wait=300ms", "-p", pid, tt.argument)
			var document struct {
				Processes []struct {
					Status   string
					Attempts int
					Freeze   int `json:"freeze_us"`
					Failed   int `json:"failed_freeze_us"`
				}
			}
			if err := json.Unmarshal([]byte(r.out), &document); err != nil || len(document.Processes) != 1 {
				t.Fatal(err, r.out)
			}
			if o := document.Processes[0]; r.exit != 3 || o.Status != "failed" || o.Attempts < 2 || o.Freeze == 0 || o.Failed == 0 {
				t.Errorf("exit %d, %+v", r.exit, o)
			}
			if !strings.Contains(r.errs, "attempt 1: stopped for ") || strings.Contains(r.errs, "attempt 1: stopped for 0s") {
				t.Error("-v does not tell of the attempts")
			}
		})
	}
}

// TestSignals: SIGINT, SIGTERM and SIGKILL to a waiting carectl leave a running target.
func TestSignals(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, stuck, []string{"-O2"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: `int value(int x) { return x + 77; }`})
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(sig.String(), func(t *testing.T) {
			p := testkit.Start(t, program)
			p.WaitLine("ready")
			cmd := child("-v", "patch", "--wait=60s", "-p", strconv.Itoa(p.PID), patch)
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			text := waitFor(t, stderr, "waiting for 1 thread")
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			text += waitFor(t, stderr, "")
			_ = cmd.Wait()
			if sig != syscall.SIGKILL && (cmd.ProcessState.ExitCode() != 1 || !strings.Contains(text, "interrupted") ||
				!strings.Contains(text, "state: process unchanged and running")) {
				t.Errorf("exit %d: %s", cmd.ProcessState.ExitCode(), text)
			}
			p.Send("")
			if got := p.Next(); got != "tick 1" {
				t.Errorf("got %q", got)
			}
			h, err := engine.Hold(context.Background(), p.PID, engine.Options{Wait: testkit.Deadline}) // a worker outlives who was killed for a moment
			if err != nil {
				t.Fatal(err)
			}
			h.Release()
			if r := carectl(t, "info", "-p", strconv.Itoa(p.PID)); r.exit != 0 || r.out != "" {
				t.Errorf("info: exit %d", r.exit)
			}
			if r := carectl(t, "patch", "--wait=0", "-p", strconv.Itoa(p.PID), patch); r.exit != 3 || !strings.Contains(r.errs, `is executing "value"`) {
				t.Errorf("the next run: exit %d", r.exit)
			}
		})
	}
}

// waitFor reads until a text comes, or to the end without one.
func waitFor(t testing.TB, r interface{ Read([]byte) (int, error) }, text string) string {
	t.Helper()
	var all strings.Builder
	buf := make([]byte, 4096)
	for text == "" || !strings.Contains(all.String(), text) {
		n, err := r.Read(buf)
		all.Write(buf[:n])
		if err != nil {
			break
		}
	}
	return all.String()
}

// readable returns a temporary directory that every user may enter.
func readable(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "carectl-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestSeccomp: a target that may only read, write and leave.
func TestSeccomp(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace", "root")
	program := testkit.CCText(t, `
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
__attribute__((noinline)) int value(int x) { return x * 3 + 1; }
#define ALLOW(n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, n, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
int main(void) {
	char line[64];
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_read), ALLOW(SYS_write), ALLOW(SYS_exit_group),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog filter = {sizeof code / sizeof code[0], code};
	setvbuf(stdout, 0, _IOLBF, 0);
	puts("ready");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) return 1;
	while (read(0, line, sizeof line) > 0)
		printf("value %d\n", value(13));
	return 0;
}`, []string{"-O2"})
	g := &target{Proc: testkit.Start(t, program), program: program}
	g.WaitLine("ready")
	if got := g.ask(); got != "value 40" {
		t.Fatalf("got %q", got)
	}
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: helloPatch})
	if r := carectl(t, "patch", "-p", strconv.Itoa(g.PID), patch); r.exit != 0 {
		t.Fatalf("exit %d", r.exit)
	}
	if got := g.ask(); got != "value 66" {
		t.Errorf("got %q", got)
	}
	carectl(t, "unpatch", "-p", strconv.Itoa(g.PID), "-i", "0001")
	if got := g.ask(); got != "value 40" {
		t.Errorf("got %q", got)
	}
}
