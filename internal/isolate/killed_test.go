package isolate

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

// killedRun is the program that TestKilled kills: it builds in a view, says so and waits. It runs in a process of its own.
func killedRun(tree string, m Mode) {
	s, err := Open(context.Background(), Options{Tree: tree, Mode: m, Scratch: os.Getenv("ISOLATE_TEST_SCRATCH")})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	cmd := s.Command(context.Background(), Cmd{Args: []string{"sh", "-e", "-c", build + "\necho built; cat > /dev/null"}})
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stdout
	fmt.Println(cmd.Run())
	os.Exit(1)
}

// startKilled starts killedRun in another process and returns when its build is done but not ended.
func startKilled(t *testing.T, tree, scratch string, m Mode) (kill, release func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "ISOLATE_TEST_TREE="+tree, "ISOLATE_TEST_MODE="+string(m), "ISOLATE_TEST_SCRATCH="+scratch)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); line != "built\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	return func() {
			_ = cmd.Process.Kill()
			_, _ = cmd.Process.Wait() // not Wait, which would close the pipes
		}, func() {
			_ = in.Close()
			_, _ = lines.ReadString(0) // ends when the last process of the view closes its output
			for _, lock := range locks(tree, scratch) {
				_ = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX) // and this when it is gone
				_ = lock.Close()
			}
		}
}

// locks opens the lock files of views of a tree.
func locks(tree, scratch string) []*os.File {
	var out []*os.File
	names, _ := filepath.Glob(filepath.Join(scratch, scratchPrefix+"*", "lock"))
	for _, name := range append(names, filepath.Join(tree, journalName, "lock")) {
		if f, err := os.Open(name); err == nil {
			out = append(out, f)
		}
	}
	return out
}

func TestKilled(t *testing.T) {
	modes(t, func(t *testing.T, m Mode) {
		tree, scratch := sampleTree(t), t.TempDir()
		before := snapshot(t, tree)
		kill, release := startKilled(t, tree, scratch, m)
		kill()
		release()
		if m != InPlace {
			if d := cmp.Diff(before, snapshot(t, tree)); d != "" {
				t.Errorf("after SIGKILL: %s", d)
			}
		} else if err := Recover(tree); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(before, snapshot(t, tree)); d != "" {
			t.Errorf("after recovery: %s", d)
		}
		s := open(t, Options{Tree: tree, Scratch: scratch, Mode: m})
		if left, _ := filepath.Glob(filepath.Join(scratch, scratchPrefix+"*")); len(left) > 1 {
			t.Errorf("the next run leaves %v", left)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(before, snapshot(t, tree)); d != "" {
			t.Errorf("after the next run: %s", d)
		}
	})
}

// TestRecoverWaits: while a process of the killed run lives, its tree is left alone.
func TestRecoverWaits(t *testing.T) {
	tree := sampleTree(t)
	_, release := startKilled(t, tree, t.TempDir(), InPlace)
	err := Recover(tree)
	if e := fault.As(err); e == nil || e.Kind != fault.Busy || e.Code != "isolate-busy" {
		t.Errorf("got %v", err)
	}
	release()
	if err := Recover(tree); err != nil {
		t.Fatal(err)
	}
}

// TestRecoverKeepsWork: what somebody wrote after a killed run is moved aside, not lost.
func TestRecoverKeepsWork(t *testing.T) {
	tree := sampleTree(t)
	before := snapshot(t, tree)
	kill, release := startKilled(t, tree, t.TempDir(), InPlace)
	kill()
	release()
	testkit.WriteFile(t, filepath.Join(tree, "mine/note"), "mine\n")
	testkit.WriteFile(t, filepath.Join(tree, "a.c"), "int mine;\n")
	for _, name := range []string{"alive"} {
		age(t, filepath.Join(tree, journalName, name)) // as if the run had died long ago
	}
	if err := Recover(tree); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"mine/note": "mine\n", "a.c": "int mine;\n"} {
		if data, err := os.ReadFile(filepath.Join(tree, RescueName, name)); string(data) != want {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	got := snapshot(t, tree, RescueName)
	if d := cmp.Diff(withoutRoot(before), withoutRoot(got)); d != "" {
		t.Error(d)
	}
}

// withoutRoot drops the tree's own line: the rescue directory counts as a link of it.
func withoutRoot(lines []string) []string {
	var out []string
	for _, l := range lines {
		if !strings.HasPrefix(l, `"." `) {
			out = append(out, l)
		}
	}
	return out
}

// TestRollBackUnfinished: a run killed while it made its backup changed nothing; its journal just goes.
func TestRollBackUnfinished(t *testing.T) {
	tree := sampleTree(t)
	testkit.WriteFile(t, filepath.Join(tree, journalName, "manifest.new"), "part")
	testkit.WriteFile(t, filepath.Join(tree, "a.c"), "int changed;\n")
	if err := Recover(tree); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(filepath.Join(tree, "a.c")); string(data) != "int changed;\n" {
		t.Errorf("a.c: %q", data)
	}
	if _, err := os.Stat(filepath.Join(tree, journalName)); err == nil {
		t.Error("the journal stays")
	}
}

// TestDamagedManifest: nothing is removed on the word of a manifest that cannot be read.
func TestDamagedManifest(t *testing.T) {
	tree := sampleTree(t)
	testkit.WriteFile(t, filepath.Join(tree, journalName, "manifest"), "garbage")
	before := snapshot(t, tree)
	if err := Recover(tree); fault.As(err) == nil {
		t.Errorf("got %v", err)
	}
	if d := cmp.Diff(before, snapshot(t, tree)); d != "" {
		t.Error(d)
	}
}
