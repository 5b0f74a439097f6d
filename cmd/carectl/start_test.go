package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gocare/engine/inspect"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// started says what it is given, computes, and ends as its first argument wants.
const started = `
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
__attribute__((noinline)) int value(int x) { return x * 3 + 1; }
int main(int argc, char **argv) {
	char line[64];
	struct sigaction sa;
	setvbuf(stdout, 0, _IOLBF, 0);
	for (int i = 0; i < argc; i++) printf("%s%s", argv[i], i + 1 < argc ? "|" : "\n");
	printf("value %d\n", value(13));
	printf("children %s\n", wait(0) == -1 && errno == ECHILD ? "none" : "some");
	sigaction(SIGHUP, 0, &sa);
	printf("SIGHUP %s\n", sa.sa_handler == SIG_IGN ? "ignored" : "default");
	while (fgets(line, sizeof line, stdin)) printf("read %s", line);
	if (argc > 1 && atoi(argv[1]) < 0) raise(-atoi(argv[1]));
	return argc > 1 ? atoi(argv[1]) : 0;
}`

// TestRun: the command is patched before its main function runs, and is what it would be without carectl.
func TestRun(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	for _, tt := range []struct {
		name  string
		flags []string
	}{
		{"pie", []string{"-O2", "-fPIE", "-pie"}},
		{"no pie", []string{"-O2", "-fno-pie", "-no-pie"}},
		{"static", []string{"-O2", "-static", "-Wl,--build-id"}},
		{"static pie", []string{"-O2", "-fPIE", "-static-pie", "-Wl,--build-id"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			program := testkit.CCText(t, started, tt.flags)
			patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: helloPatch})
			p := testkit.StartCmd(t, child("run", filepath.Dir(patch), "--", program, "7", "--json", "-p", "--", "all"))
			want(t, p, program+"|7|--json|-p|--|all", "value 66", "children none", "SIGHUP default")
			if name, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", p.PID)); err != nil || name != program {
				t.Errorf("process %d executes %q, %v", p.PID, name, err)
			}
			if r := carectl(t, "info", "-p", strconv.Itoa(p.PID)); !strings.Contains(r.out, "0001") {
				t.Error("info does not list the patch")
			}
			p.Send("hello")
			want(t, p, "read hello")
			untraced(t, p.PID)
			p.CloseInput()
			if status := p.Wait(); status != 7 || p.Stderr() != "" {
				t.Errorf("status %d, standard error %q", status, p.Stderr())
			}
		})
	}
}

func want(t testing.TB, p *testkit.Proc, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if got := p.Next(); got != line {
			t.Errorf("got %q, want %q", got, line)
		}
	}
}

func untraced(t testing.TB, pid int) {
	t.Helper()
	if by := tracerOf(t, pid); by != 0 {
		t.Errorf("still traced by %d", by)
	}
}

func tracerOf(t testing.TB, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, field, _ := strings.Cut(string(text), "TracerPid:")
	n, err := strconv.Atoi(strings.Fields(field)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRunEnds: the command ends as it would without carectl, or does not run at all.
func TestRunEnds(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, started, []string{"-O2"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: helloPatch})
	other := handpatch.Build(t, handpatch.Spec{Program: testkit.CCText(t, hello, []string{"-O2"}), Source: helloPatch})
	script := filepath.Join(t.TempDir(), "script")
	testkit.WriteFile(t, script, "exec \"$PROGRAM\" \"$@\"\n")
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(t.TempDir(), "text")
	testkit.WriteFile(t, text, "no program\n")
	leaves := testkit.CCText(t, started+`
__attribute__((constructor)) static void leave(void) { exit(9); }`, []string{"-O2"})
	for _, tt := range []struct {
		name   string
		args   []string
		status int // minus the signal
		out    string
		errs   string
		code   string // with --json
	}{
		{"status", []string{patch, "--", program, "3"}, 3, "value 66", "", ""},
		{"signal", []string{patch, "--", program, "-15"}, -15, "value 66", "", ""},
		{"kill", []string{patch, "--", program, "-9"}, -9, "value 66", "", ""},
		{"two files, one for another program", []string{patch, other, "--", program}, 0, "value 66", "", ""},
		{"verbose", []string{"-v", patch, "--", program}, 0, "value 66", "patch 0001 applied to fixture, 1 function(s)", ""},
		{"ends before its main", []string{handpatch.Build(t, handpatch.Spec{Program: leaves, Source: helloPatch}), "--", leaves}, 9, "", "", ""},
		{"nothing matches", []string{other, "--", program}, 1, "", "no patch is for an object", "not-applicable"},
		{"nothing in the directory", []string{t.TempDir(), "--", program}, 1, "", "no patch is for an object", "not-applicable"},
		{"all or none", []string{patch, patch, "--", program}, 1, "", "already applied", "already-applied"},
		{"script without interpreter", []string{patch, "--", script}, 1, "", "no patch is for an object", "not-applicable"},
		{"missing patch", []string{"nosuch.kpatch", "--", program}, 1, "", "cannot read the patch", "no-patch-file"},
		{"missing command", []string{patch, "--", "no-such-command"}, 127, "", `cannot run "no-such-command"`, "environment"},
		{"missing path", []string{patch, "--", "/no/such/command"}, 127, "", `cannot run "/no/such/command"`, "environment"},
		{"no program", []string{patch, "--", text}, 126, "", fmt.Sprintf("cannot run %q", text), "environment"},
		{"directory", []string{patch, "--", t.TempDir()}, 126, "", "is a directory", "environment"},
		{"no command", []string{patch}, 2, "", "no command given", "usage"},
		{"nothing behind the dashes", []string{patch, "--"}, 2, "", "no command given", "usage"},
		{"no patch", []string{"--", program}, 2, "", "no patch given", "usage"},
		{"option of another command", []string{"-p", "1", patch, "--", program}, 2, "", "unknown option -p", "usage"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := child(append([]string{"run"}, tt.args...)...)
			cmd.Env = append(cmd.Env, "PROGRAM="+program)
			status, out, errs := runChild(t, cmd)
			if status != tt.status || !strings.Contains(out, tt.out) || tt.out == "" && out != "" {
				t.Errorf("status %d, want %d; output %q", status, tt.status, out)
			}
			if !strings.Contains(errs, tt.errs) || tt.errs == "" && errs != "" {
				t.Errorf("standard error %q", errs)
			}
			if tt.code == "" {
				return
			}
			if strings.Count(errs, "error: ") != 1 || !strings.Contains(errs, "hint: ") || tt.code != "usage" && !strings.Contains(errs, "state: ") {
				t.Errorf("not one clear message: %q", errs)
			}
			status, out, _ = runChild(t, child(append([]string{"--json", "run"}, tt.args...)...))
			var document struct{ Error struct{ Code string } }
			if err := json.Unmarshal([]byte(out), &document); err != nil || document.Error.Code != tt.code || status != tt.status {
				t.Errorf("json: status %d, %v: %q", status, err, out)
			}
		})
	}
}

// runChild runs a command to its end; minus the signal if one ended it.
func runChild(t testing.TB, cmd *exec.Cmd) (status int, out, errs string) {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // the status is in ProcessState
	if cmd.ProcessState == nil {
		t.Fatal("did not start")
	}
	ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		return -int(ws.Signal()), stdout.String(), stderr.String()
	}
	return ws.ExitStatus(), stdout.String(), stderr.String()
}

// TestRunPath: the command is sought in PATH, a script is run by its interpreter, and that is what is patched.
func TestRunPath(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, started, []string{"-O2"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: helloPatch})
	script := filepath.Join(t.TempDir(), "script")
	testkit.WriteFile(t, script, "#!"+program+" 4\n")
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := child("run", patch, "--", "script", "x")
	cmd.Env = append(cmd.Env, "PATH="+filepath.Dir(script))
	status, out, errs := runChild(t, cmd)
	if status != 4 || !strings.HasPrefix(out, program+"|4|"+script+"|x\nvalue 66\n") {
		t.Errorf("status %d, %q, %q", status, out, errs)
	}
}

// TestRunKeepsHangup: as under nohup.
func TestRunKeepsHangup(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, started, []string{"-O2"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: helloPatch})
	cmd := exec.Command("sh", "-c", `trap "" HUP; exec "$@"`, "sh", os.Args[0], "run", patch, "--", program)
	cmd.Env = append(os.Environ(), "CARECTL_CHILD=1")
	if status, out, errs := runChild(t, cmd); status != 0 || !strings.Contains(out, "value 66\n") || !strings.Contains(out, "SIGHUP ignored\n") {
		t.Errorf("status %d, %q, %q", status, out, errs)
	}
}

const library = `
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
__attribute__((noinline)) int value(int x) { return x * 3 + 1; }
static int ready[2];
__attribute__((noinline)) int work(int fd) { char c; write(ready[1], "r", 1); read(fd, &c, 1); return c; }
static void *thread(void *arg) { work(*(int *)arg); return 0; }
static int never[2];
#ifdef THREAD
__attribute__((constructor)) static void start(void) {
	pthread_t t;
	char c;
	pipe(never); pipe(ready);
	pthread_create(&t, 0, thread, never);
	read(ready[0], &c, 1);
}
#endif
`

const libraryUser = `
#include <stdio.h>
int value(int x);
static int choice(void) { return 1000; }
static void *choose(void) { return choice; }
int chosen(void) __attribute__((ifunc("choose")));
int main(void) { printf("value %d\n", value(13)); return 0; }`

// TestRunLibrary: libraries loaded at start-up are patched, IFUNCs that nothing has resolved are, and a thread that a
// constructor has started may be in the way.
func TestRunLibrary(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	for _, tt := range []struct {
		name, define, source string
		status               int
		out, errs            string
	}{
		{"plain", "-DNONE", helloPatch, 0, "value 66\n", ""},
		{"new import, chosen at run time", "-DNONE", "int chosen(void);\nint value(int x) { return chosen() + x; }", 0, "value 1013\n", ""},
		{"thread elsewhere", "-DTHREAD", helloPatch, 0, "value 66\n", ""},
		{"thread in the way", "-DTHREAD", "int work(int x) { return x; }", 3, "", `"work"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			testkit.WriteFile(t, filepath.Join(dir, "lib.c"), library)
			lib := testkit.CC(t, dir, "libvalue.so", "-O2", "-w", "-fPIC", "-shared", tt.define, "lib.c")
			testkit.WriteFile(t, filepath.Join(dir, "main.c"), libraryUser)
			program := testkit.CC(t, dir, "program", "-O2", "-rdynamic", "main.c", lib)
			patch := handpatch.Build(t, handpatch.Spec{Program: lib, Source: tt.source, Flags: []string{"-fPIC"}})
			status, out, errs := runChild(t, child("run", "--wait=50ms", patch, "--", program))
			if status != tt.status || out != tt.out || !strings.Contains(errs, tt.errs) {
				t.Errorf("status %d, output %q, standard error %q", status, out, errs)
			}
		})
	}
}

// early reads a line in a library's constructor, which may tell it to execute the program again.
const early = `
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void early(void) {
	char c;
	write(1, "early\n", 6);
	if (!getenv("AGAIN") && read(0, &c, 1) == 1 && c == 'x') {
		char *argv[] = {"again", 0};
		setenv("AGAIN", "1", 1);
		execv("/proc/self/exe", argv);
	}
}`

func startEarly(t *testing.T) *testkit.Proc {
	t.Helper()
	testkit.Require(t, "gcc", "ptrace")
	lib := testkit.CCText(t, early, []string{"-O2", "-w", "-fPIC", "-shared"})
	program := testkit.CCText(t, started, []string{"-O2", "-Wl,--no-as-needed"}, lib)
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: helloPatch})
	p := testkit.StartCmd(t, child("run", patch, "--", program))
	want(t, p, "early")
	return p
}

// TestRunExecutesAgain: a constructor executes a program; that one is patched.
func TestRunExecutesAgain(t *testing.T) {
	p := startEarly(t)
	p.Send("x")
	want(t, p, "early", "again", "value 66")
	p.CloseInput()
	p.Wait()
}

// TestRunSignals: what comes while the command starts reaches it.
func TestRunSignals(t *testing.T) {
	t.Run("stop and continue", func(t *testing.T) {
		p := startEarly(t)
		stopAndContinue(t, p.PID)
		p.Send("")
		p.WaitLine("value 66")
		p.CloseInput()
		p.Wait()
	})
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGKILL} {
		t.Run(sig.String(), func(t *testing.T) {
			p := startEarly(t)
			if err := syscall.Kill(p.PID, sig); err != nil {
				t.Fatal(err)
			}
			if status := p.Wait(); status != -int(sig) || p.Stderr() != "" {
				t.Errorf("status %d, standard error %q", status, p.Stderr())
			}
		})
	}
}

// stopAndContinue stops a traced process, whose parent this is, and lets it go on.
func stopAndContinue(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil { // SIGTSTP does nothing where the process group is orphaned
		t.Fatal(err)
	}
	const wStopped, pPID = 2, 1
	if _, _, errno := syscall.Syscall6(syscall.SYS_WAITID, pPID, uintptr(pid), 0, wStopped, 0, 0); errno != 0 {
		t.Fatal(errno)
	}
	for until := time.Now().Add(50 * time.Millisecond); time.Now().Before(until); {
		if st, err := inspect.Status(pid); err != nil || st.State != 't' && st.State != 'T' {
			t.Fatalf("state %c, %v", st.State, err)
		}
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

// TestRunHelperKilled: a command that nobody can patch any more does not run.
func TestRunHelperKilled(t *testing.T) {
	p := startEarly(t)
	helper := tracerOf(t, p.PID)
	if helper == 0 {
		t.Fatal("not traced")
	}
	if st, err := inspect.Status(helper); err != nil || st.Comm == "" {
		t.Fatalf("helper %d: %v", helper, err)
	}
	if err := syscall.Kill(helper, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if status := p.Wait(); status != -int(syscall.SIGKILL) {
		t.Errorf("status %d", status)
	}
}

// TestRunUnprivileged: a user patches own programs, but none that would lose the privileges of its file.
func TestRunUnprivileged(t *testing.T) {
	testkit.Require(t, "root", "gcc", "ptrace")
	dir := readable(t)
	program := testkit.CCText(t, started, []string{"-O2"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: helloPatch})
	copyFile(t, os.Args[0], filepath.Join(dir, "carectl"))
	copyFile(t, program, filepath.Join(dir, "program"))
	copyFile(t, program, filepath.Join(dir, "setuid"))
	copyFile(t, patch, filepath.Join(dir, "patch"))
	if err := os.Chmod(filepath.Join(dir, "setuid"), 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Join(dir, "run"), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	run := func(name string) (int, string, string) {
		cmd := exec.Command("./carectl", "--json", "run", "patch", "--", "./"+name)
		cmd.Dir = dir
		cmd.Env = []string{"CARECTL_CHILD=1", "XDG_RUNTIME_DIR=" + filepath.Join(dir, "run")}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		return runChild(t, cmd)
	}
	if status, out, errs := run("program"); status != 0 || !strings.Contains(out, "value 66\n") {
		t.Errorf("status %d, %q, %q", status, out, errs)
	}
	if status, out, errs := run("setuid"); status != 1 || !strings.Contains(out, `"code": "privileged-program"`) || !strings.Contains(errs, "privileges of its own") {
		t.Errorf("set-user-ID: status %d, %q, %q", status, out, errs)
	}
}
