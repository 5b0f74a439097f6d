package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

const nobodyID = 65534

func nobody() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobodyID, Gid: nobodyID}}
}

// user is a user without rights over others, with carectl and a patch for a program of his own that runs.
type user struct {
	dir   string
	patch string
	own   *target
	other *target // of root, the same program
}

func newUser(t *testing.T) *user {
	testkit.Require(t, "root")
	g := start(t)
	u := &user{dir: readable(t), other: g}
	u.patch = filepath.Join(u.dir, "patch")
	copyFile(t, os.Args[0], filepath.Join(u.dir, "carectl"))
	copyFile(t, g.program, filepath.Join(u.dir, "program"))
	copyFile(t, handpatch.Build(t, handpatch.Spec{Program: g.program, ID: ownID, Source: helloPatch}), u.patch)
	if err := os.Mkdir(filepath.Join(u.dir, "run"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Join(u.dir, "run"), nobodyID, nobodyID); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(u.dir, "program"))
	cmd.SysProcAttr = nobody()
	u.own = &target{Proc: testkit.StartCmd(t, cmd)}
	u.own.WaitLine("ready")
	u.own.pid = strconv.Itoa(u.own.PID)
	return u
}

// carectl runs carectl as that user.
func (u *user) carectl(t *testing.T, args ...string) ran {
	cmd := exec.Command(filepath.Join(u.dir, "carectl"), args...)
	cmd.Env = []string{"CARECTL_CHILD=1", "XDG_RUNTIME_DIR=" + filepath.Join(u.dir, "run")}
	cmd.SysProcAttr = nobody()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	t.Logf("carectl %q: exit %d\n%s%s", args, cmd.ProcessState.ExitCode(), out.String(), errs.String())
	return ran{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// TestUnprivileged: a user patches an own process, and is told why not another's.
func TestUnprivileged(t *testing.T) {
	u := newUser(t)
	if r := u.carectl(t, "patch", "-p", u.other.pid, u.patch); r.exit != 1 || !strings.Contains(r.errs, "hint: ") || !strings.Contains(r.errs, "root") {
		t.Errorf("another's process: exit %d: %s", r.exit, r.errs)
	}
	if r := u.carectl(t, "patch", "-p", u.own.pid, u.patch); r.exit != 0 {
		t.Fatalf("own process: exit %d: %s", r.exit, r.errs)
	}
	if got := u.own.ask(); got != "value 66" {
		t.Errorf("got %q", got)
	}
	if r := u.carectl(t, "unpatch", "-p", u.own.pid, "-i", ownID); r.exit != 0 {
		t.Errorf("removal: exit %d: %s", r.exit, r.errs)
	}
}

// leftOutNote is all that is said of the processes a user has no rights over.
var leftOutNote = regexp.MustCompile(`^carectl: note: \d+ process(es)? of other users left out\n$`)

// TestAllOfUser: for a user without rights over others "all" is the processes he may patch; what is left out is counted.
func TestAllOfUser(t *testing.T) {
	u := newUser(t)
	for _, c := range []struct {
		name string
		args []string
		out  string
		says string // by the program afterwards
	}{
		{"check", []string{"check", "-p", "all", u.patch}, "Function:", "value 40"},
		{"patch", []string{"patch", "-p", "all", u.patch}, "1 patch hunk(s) have been successfully applied to PID '" + u.own.pid + "'\n", "value 66"},
		{"info", []string{"info"}, "Patch id:", "value 66"},
		{"unpatch", []string{"unpatch", "-p", "all", "-i", ownID}, "1 patch hunk(s) were successfully cancelled from PID '" + u.own.pid + "'\n", "value 40"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := u.carectl(t, c.args...)
			if r.exit != 0 || !strings.Contains(r.out, c.out) || !leftOutNote.MatchString(r.errs) {
				t.Errorf("exit %d, %q, %q", r.exit, r.out, r.errs)
			}
			if got := u.own.ask(); got != c.says {
				t.Errorf("got %q, want %q", got, c.says)
			}
		})
	}
	if got := u.other.ask(); got != "value 40" {
		t.Errorf("another's process: %q", got)
	}
}

// TestAllNothing: where no process the user may patch is concerned, that is exit status 1.
func TestAllNothing(t *testing.T) {
	u := newUser(t)
	if err := syscall.Kill(u.own.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"unpatch", "-p", "all", "-i", "none"}, {"check", "-p", "all", u.patch}, {"patch", "-p", "all", u.patch}} {
		r := u.carectl(t, append(args, "--json")...)
		var doc struct {
			LeftOut int `json:"left_out"`
			Error   struct{ Code, Hint string }
		}
		if err := json.Unmarshal([]byte(r.out), &doc); err != nil {
			t.Fatal(err)
		}
		if r.exit != 1 || doc.LeftOut == 0 || doc.Error.Code != "nothing-done" || !strings.Contains(doc.Error.Hint, "root") {
			t.Errorf("exit %d: %+v", r.exit, doc)
		}
	}
}
