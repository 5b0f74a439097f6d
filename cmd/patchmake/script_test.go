package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"gocare/internal/test/testkit"
)

// buildPrograms builds the real programs: patchmake re-executes itself, and carecc is found beside it.
func buildPrograms(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	testkit.Run(t, "..", "go", "build", "-o", bin+"/", "./carecc", "./patchmake")
	if err := os.Symlink("carecc", filepath.Join(bin, "carec++")); err != nil {
		t.Fatal(err)
	}
	return bin
}

// otherEtc runs a command in a namespace of mounts, where /etc/libcare.conf is that of the working directory.
const otherEtc = `
	mkdir -p ../etc && mount --bind /etc ../etc && mount -t tmpfs none /etc && ln -s "${PWD%/*}"/etc/* /etc && cp --remove-destination libcare.conf /etc
	exec "$@"`

func TestScripts(t *testing.T) {
	testkit.Require(t, "gcc", "make", "go")
	bin := buildPrograms(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
			env.Setenv("HOME", env.WorkDir+"/home")
			env.Setenv("OTHERETC", otherEtc)
			env.Setenv("FOO", filepath.Join(testkit.Root(t), "testdata", "foo"))
			return os.Mkdir(env.WorkDir+"/home", 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "same": same},
	})
}

// exits STATUS COMMAND...: the command ends with that status; its output is there for stdout and stderr.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// same [snap] NAME DIR: "snap" remembers a directory's files with times and contents under a name; without it they
// must be as remembered.
func same(ts *testscript.TestScript, _ bool, args []string) {
	if args[0] == "snap" {
		ts.Setenv("SNAP_"+args[1], snapshot(ts, args[2]))
		return
	}
	if got, want := snapshot(ts, args[1]), ts.Getenv("SNAP_"+args[0]); got != want {
		ts.Fatalf("%s changed:\n%s\nwas:\n%s", args[1], got, want)
	}
}

func snapshot(ts *testscript.TestScript, dir string) string {
	out := ""
	err := filepath.Walk(ts.MkAbs(dir), func(path string, fi os.FileInfo, err error) error {
		if err != nil || fi.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		out += fmt.Sprintf("%s %v %v %x\n", path, fi.Mode(), fi.ModTime().UnixNano(), len(data)) + string(data)
		return err
	})
	ts.Check(err)
	return out
}
