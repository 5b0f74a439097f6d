package trace

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

// freezer is a hierarchy of control groups that can freeze processes.
type freezer struct {
	kind           string // of the file system
	controller     string // of the mount's options; "" for any
	file           string // by which a group is frozen
	freeze, thaw   string // what is written to it
	report, frozen string // the file that says when all of it are, and what it says then
}

var freezers = map[string]freezer{
	"cgroup2": {"cgroup2", "", "cgroup.freeze", "1", "0", "cgroup.events", "frozen 1"},
	"cgroup":  {"cgroup", "freezer", "freezer.state", "FROZEN", "THAWED", "freezer.state", "FROZEN"},
}

// mount returns where the hierarchy is mounted, "" if it is not.
func (f *freezer) mount(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		field := strings.Fields(line)
		if field[2] == f.kind && strings.Contains(field[3], f.controller) {
			return field[1]
		}
	}
	return ""
}

// hold freezes a process in a group of its own until the function it returns is called.
func (f *freezer) hold(t *testing.T, pid int) (release func()) {
	t.Helper()
	top := f.mount(t)
	if top == "" {
		t.Skip("no such control groups here")
	}
	group := filepath.Join(top, "gocare-test-"+strconv.Itoa(pid))
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skipf("no control group of our own here: %v", err)
	}
	write := func(file, text string) error { return os.WriteFile(file, []byte(text), 0) }
	release = func() {
		_ = write(filepath.Join(group, f.file), f.thaw)
		_ = write(filepath.Join(top, "cgroup.procs"), strconv.Itoa(pid))
		_ = unix.Rmdir(group) // the second time it is gone
	}
	t.Cleanup(release)
	if err := write(filepath.Join(group, "cgroup.procs"), strconv.Itoa(pid)); err != nil {
		t.Skipf("processes cannot be moved here: %v", err)
	}
	if err := write(filepath.Join(group, f.file), f.freeze); err != nil {
		t.Skipf("this kernel freezes no such group: %v", err)
	}
	for {
		state, err := os.ReadFile(filepath.Join(group, f.report))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(state, []byte(f.frozen)) {
			return release
		}
	}
}

// TestFrozen: a process whose control group is frozen is told as such, and goes on afterwards as if nothing had been. In the one kind of group it can be
// stopped, but makes no system call; in the other it cannot even be stopped.
func TestFrozen(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace", "root")
	for name, f := range freezers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := startAlarmed(t)
			thaw := f.hold(t, p.PID)
			err := Do(context.Background(), p.PID, func(s *Session) error {
				th, err := s.AttachForCall()
				if err != nil {
					return err
				}
				_, err = s.Call(th, unix.SYS_GETPID)
				return err
			})
			e := fault.As(err)
			if e == nil || e.Code != fault.ThreadDoesNotStop || !strings.Contains(e.Hint, "its control group is frozen") || !strings.Contains(e.Hint, "try again") {
				t.Errorf("got %v, %+v", err, e)
			}
			thaw()
			p.Send("")
			if got, want := p.Next(), "sum 1000 alarms 0 unchanged"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
