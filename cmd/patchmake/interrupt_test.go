package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gocare/internal/test/testkit"
)

// slowMakefile builds prog. Where ../slow names the stage, the build first starts a process in a session of its own, says so
// through ../up and waits for ever; ../up ends with the last of its processes.
const slowMakefile = `prog: prog.c
	$(CC) -o prog prog.c
	if [ "$$(cat ../slow)" = "$$KPATCH_STAGE" ]; then exec 8>../up 9<>../never; setsid cat <&9 & echo up >&8; cat <&9; fi
install:
	mkdir -p $(DESTDIR); cp prog $(DESTDIR)
`

// stuckBuild is a run of patchmake whose build does not end.
type stuckBuild struct {
	t    *testing.T
	dir  string
	tree string
	tmp  string // for scratch directories
	run  func() *exec.Cmd
	cmd  *exec.Cmd
	up   *os.File
}

func newStuckBuild(t *testing.T, bin, mode string, who *syscall.SysProcAttr) *stuckBuild {
	dir, err := os.MkdirTemp("", "patchmake-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b := &stuckBuild{t: t, dir: dir, tree: filepath.Join(dir, "tree"), tmp: filepath.Join(dir, "tmp")}
	for name, text := range map[string]string{
		"tree/prog.c":   "int main(void) { return 1; }\n",
		"tree/Makefile": slowMakefile,
		"tree/fix":      "--- prog.c\n+++ prog.c\n@@ -1 +1 @@\n-int main(void) { return 1; }\n+int main(void) { return 2; }\n",
		"slow":          "",
		"tmp/empty":     "",
	} {
		testkit.WriteFile(t, filepath.Join(dir, name), text)
	}
	for _, name := range []string{"up", "never"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if who != nil {
		testkit.Run(t, dir, "chown", "-R", fmt.Sprintf("%d:%d", who.Credential.Uid, who.Credential.Gid), dir)
	}
	b.run = func() *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, "patchmake"), "--isolation="+mode, "fix")
		cmd.Dir, cmd.SysProcAttr = b.tree, who
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "TMPDIR="+b.tmp, "HOME="+dir)
		return cmd
	}
	return b
}

// start starts a run that stays in the build of a stage. An original build comes first, as only a second one is stuck.
func (b *stuckBuild) start(stage string) {
	b.t.Helper()
	if stage == "patched" {
		if out, err := b.run().CombinedOutput(); err != nil {
			b.t.Fatalf("%v\n%s", err, out)
		}
	}
	b.startStuck(stage)
}

// startStuck starts a run, and returns when it is in the build of a stage.
func (b *stuckBuild) startStuck(stage string) {
	b.t.Helper()
	testkit.WriteFile(b.t, filepath.Join(b.dir, "slow"), stage)
	b.cmd = b.run()
	if err := b.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	up, err := os.Open(filepath.Join(b.dir, "up")) // returns when the build opens it
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { up.Close() })
	b.up = up
	if line, err := bufio.NewReader(up).ReadString('\n'); line != "up\n" {
		b.t.Fatal(line, err)
	}
}

// ends waits until no process of the build is left.
func (b *stuckBuild) ends() {
	b.t.Helper()
	done := make(chan error, 1)
	go func() { _, err := io.Copy(io.Discard, b.up); done <- err }()
	select {
	case err := <-done:
		if err != nil {
			b.t.Error(err)
		}
	case <-time.After(20 * time.Second):
		b.t.Error("the build goes on after patchmake has ended")
		f, err := os.OpenFile(filepath.Join(b.dir, "never"), os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			f.Close() // lets it end
		}
	}
}

// scratchGone waits until no scratch directory is left.
func (b *stuckBuild) scratchGone() {
	b.t.Helper()
	var left []string
	for range 1000 {
		if left, _ = filepath.Glob(filepath.Join(b.tmp, "gocare-view-*")); len(left) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.t.Errorf("scratch directories are left: %v", left)
}

// journalFree waits until no process of a build in place holds the lock of its journal, which the last one drops as it ends.
func (b *stuckBuild) journalFree() {
	b.t.Helper()
	f, err := os.Open(filepath.Join(b.tree, ".gocare-journal", "lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		b.t.Error(err)
	}
}

// noMounts checks that no mount of the run is seen from here.
func (b *stuckBuild) noMounts() {
	b.t.Helper()
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(data), b.dir) {
		b.t.Errorf("mounts are left: %v", err)
	}
}

// enterable lets every user into a temporary directory of the test.
func enterable(t *testing.T, dir string) {
	for ; filepath.Base(dir) != t.Name() && dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// eachMode runs a test in every isolation mode.
func eachMode(t *testing.T, test func(t *testing.T, mode string)) {
	for _, mode := range []string{"overlay", "copy", "inplace"} {
		t.Run(mode, func(t *testing.T) {
			if mode != "inplace" {
				testkit.Require(t, "userns")
			}
			test(t, mode)
		})
	}
}

// An interrupted run ends the build with everything it started: nothing writes to the tree after it was put back.
func TestInterruptEndsTheBuild(t *testing.T) {
	testkit.Require(t, "gcc", "make", "go", "setsid")
	bin := buildPrograms(t)
	eachMode(t, func(t *testing.T, mode string) {
		b := newStuckBuild(t, bin, mode, nil)
		b.start("patched")
		b.cmd.Process.Signal(syscall.SIGTERM)
		if err := b.cmd.Wait(); err == nil {
			t.Error("an interrupted run ended with status 0")
		}
		b.ends()
		b.noMounts()
		if left, _ := filepath.Glob(filepath.Join(b.tmp, "gocare-view-*")); len(left) > 0 {
			t.Errorf("scratch directories are left: %v", left)
		}
	})
}

// TestKilled: with patchmake the build ends too, nothing but the journal of an in-place run is left, and the next run works;
// for root and for other users.
func TestKilled(t *testing.T) {
	testkit.Require(t, "gcc", "make", "go", "setsid")
	bin := buildPrograms(t)
	enterable(t, bin)
	eachMode(t, func(t *testing.T, mode string) {
		t.Run("self", func(t *testing.T) { killed(newStuckBuild(t, bin, mode, nil), "patched") })
		t.Run("other user", func(t *testing.T) {
			testkit.Require(t, "root")
			who := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			killed(newStuckBuild(t, bin, mode, who), "patched")
		})
	})
	t.Run("original build", func(t *testing.T) { killed(newStuckBuild(t, bin, "auto", nil), "original") })
}

// killed kills patchmake in the build of a stage and looks at what is left.
func killed(b *stuckBuild, stage string) {
	b.start(stage)
	b.cmd.Process.Kill()
	b.cmd.Wait()
	b.ends()
	b.noMounts()
	b.scratchGone()
	b.journalFree()
	testkit.WriteFile(b.t, filepath.Join(b.dir, "slow"), "")
	if out, err := b.run().CombinedOutput(); err != nil {
		b.t.Errorf("the next run after a kill in the %s build: %v\n%s", stage, err, out)
	}
	if data, err := os.ReadFile(filepath.Join(b.tree, "prog.c")); err != nil || !strings.Contains(string(data), "return 1") {
		b.t.Errorf("prog.c: %q, %v", data, err)
	}
}
