package testkit

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
)

// Require skips the test unless every tool is there: a name of a probe ("ptrace", "userns", "overlay", "root"), else of
// a program in PATH. With CARE_REQUIRE=all in the environment the test fails instead, but not for want of "root": that
// depends on who runs the tests, not on what is installed.
func Require(t testing.TB, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		err := probe(t, tool)
		if err == nil {
			continue
		}
		if os.Getenv("CARE_REQUIRE") == "all" && tool != "root" {
			t.Fatalf("this test requires %q: %v", tool, err)
		}
		t.Skipf("this test requires %q: %v", tool, err)
	}
}

func probe(t testing.TB, tool string) error {
	switch tool {
	case "ptrace":
		return canPtrace()
	case "userns":
		return runIn(syscall.CLONE_NEWUSER, "true")
	case "overlay":
		return probeOverlay(t.TempDir())
	case "root":
		if os.Geteuid() != 0 {
			return fmt.Errorf("effective user is %d", os.Geteuid())
		}
		return nil
	}
	_, err := exec.LookPath(tool)
	return err
}

const ptraceSeize = 0x4206

// canPtrace is asked once, as many tests require it for each command that they run.
var canPtrace = sync.OnceValue(probePtrace)

// probePtrace seizes a child that waits for its standard input, then kills it.
func probePtrace() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	cmd.Stdout = io.Discard
	if err := cmd.Start(); err != nil {
		return err
	}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PTRACE, ptraceSeize, uintptr(cmd.Process.Pid), 0, 0, 0, 0)
	_ = cmd.Process.Kill()
	_ = stdin.Close()
	_ = cmd.Wait() // always "signal: killed"
	if errno != 0 {
		return fmt.Errorf("PTRACE_SEIZE of a child: %w", errno)
	}
	return nil
}

func probeOverlay(dir string) error {
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			return err
		}
	}
	flags := uintptr(syscall.CLONE_NEWNS)
	if os.Geteuid() != 0 {
		flags |= syscall.CLONE_NEWUSER
	}
	const mount = `cd "$0" && mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged && umount merged`
	return runIn(flags, "sh", "-c", mount, dir)
}

// runIn runs a command in new namespaces, as root of the new user namespace if there is one.
func runIn(flags uintptr, argv ...string) error {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
	if flags&syscall.CLONE_NEWUSER != 0 {
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v in new namespaces: %w: %s", argv, err, out)
	}
	return nil
}
