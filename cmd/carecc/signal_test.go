package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gocare/wrapper"
)

// fakeTool returns the path of the as link and an environment in which the real as is a shell script.
func fakeTool(t *testing.T, script string) (link string, env []string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "as"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	shim, err := wrapper.ShimDir(exe, func(name string) string { return map[string]string{"XDG_CACHE_HOME": dir}[name] })
	if err != nil {
		t.Fatal(err)
	}
	env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "KPATCH_ASM_DIR=" + filepath.Join(dir, "store")}
	if err := os.WriteFile(filepath.Join(dir, "a.s"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(shim, "as"), append(env, "DIR="+dir)
}

// A tool that a signal ends takes carecc with it by the same signal, also by one that Go would catch.
func TestEndsBySignal(t *testing.T) {
	for _, name := range []string{"KILL", "SEGV", "TERM", "ABRT"} {
		link, env := fakeTool(t, "kill -"+name+" $$\n")
		cmd := exec.Command(link, "a.s")
		cmd.Env, cmd.Dir = env, strings.TrimPrefix(env[2], "DIR=")
		err := cmd.Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatalf("SIG%s: %v", name, err)
		}
		ws := exit.Sys().(syscall.WaitStatus)
		want := map[string]syscall.Signal{"KILL": syscall.SIGKILL, "SEGV": syscall.SIGSEGV, "TERM": syscall.SIGTERM, "ABRT": syscall.SIGABRT}[name]
		if !ws.Signaled() || ws.Signal() != want {
			t.Errorf("SIG%s: %v", name, err)
		}
	}
}

// A signal to carecc reaches the tool, which may tidy up and choose its status.
func TestForwardsSignal(t *testing.T) {
	// The shell looks for signals in wait, not in read: there one may come between its look and the system call.
	link, env := fakeTool(t, "trap 'echo tidy; kill $!; exit 7' TERM\ncat <&3 >/dev/null 2>&1 &\necho ready\nwait $!\nexit 9\n")
	hold, release, err := os.Pipe() // the script waits on this, not on the clock
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	defer release.Close()
	cmd := exec.Command(link, "a.s")
	cmd.Env, cmd.Dir, cmd.ExtraFiles = env, strings.TrimPrefix(env[2], "DIR="), []*os.File{hold}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	if lines.Text() != "ready" {
		t.Fatalf("the tool said %q", lines.Text())
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	lines.Scan()
	if lines.Text() != "tidy" {
		t.Errorf("the tool said %q to the signal", lines.Text())
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("ended with %v, want exit status 7", err)
	}
}
