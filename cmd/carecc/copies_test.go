package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"gocare/internal/test/testkit"
)

// TestTwoCopies: two copies of carecc, of which one comes behind the other in every way there is, compile as one does. Should they start
// each other, few processes are allowed.
func TestTwoCopies(t *testing.T) {
	testkit.Require(t, "gcc", "as", "ld", "sh")
	for _, tt := range []struct{ name, env, command string }{
		{"environment of one, compiler of the other", `eval "$(one/carecc --env)"`, "../two/carecc"},
		{"environment of both", `eval "$(one/carecc --env)"; eval "$(two/carecc --env)"`, "gcc"},
		{"compiler of the other", "export KPCCREAL=$PWD/one/carecc", "../two/carecc"},
		{"its own compiler", "export KPCCREAL=$PWD/one/carecc", "../one/carecc"},
		{"a link in PATH", "PATH=$PWD/links:$PATH", "../one/carecc"},
		{"a script in PATH", "PATH=$PWD/scripts:$PATH", "../one/carecc"},
		{"a script in COMPILER_PATH", `eval "$(one/carecc --env)"; export COMPILER_PATH=$COMPILER_PATH:$PWD/scripts`, "gcc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := twoCopies(t)
			script := fmt.Sprintf("ulimit -u 200; %s; cd tree && %s -c a.c && gcc a.o -o prog && ./prog && grep unit .gocare/original.jsonl", tt.env, tt.command)
			cmd := exec.Command("sh", "-c", script)
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir+"/home", "XDG_CACHE_HOME=", "TMPDIR="+dir, "COMPILER_PATH=", "KPATCH_STAGE=original")
			if os.Geteuid() == 0 { // whom no limit holds
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

const nobody = 65534

// twoCopies makes a directory of a user who is not root, with two copies of carecc and what leads to them.
func twoCopies(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "copies-") // t.TempDir's is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	testkit.WriteFile(t, filepath.Join(dir, "tree", "a.c"), "int main(void) { return 0; }\n")
	testkit.WriteFile(t, filepath.Join(dir, "tree", "Makefile"), "")
	testkit.WriteFile(t, filepath.Join(dir, "home", "empty"), "")
	testkit.WriteFile(t, filepath.Join(dir, "scripts", "gcc"), "#!/bin/sh\nexec "+dir+"/one/carecc \"$@\"\n")
	testkit.WriteFile(t, filepath.Join(dir, "scripts", "as"), "#!/bin/sh\nexec "+dir+"/links/as \"$@\"\n")
	data, err := os.ReadFile(filepath.Join(binDir(t), "carecc"))
	if err != nil {
		t.Fatal(err)
	}
	for _, copied := range []string{"one", "two"} {
		testkit.WriteFile(t, filepath.Join(dir, copied, "carecc"), string(data))
	}
	testkit.Run(t, dir, "sh", "-c", "mkdir links; ln -s ../two/carecc links/gcc; ln -s ../two/carecc links/as; chmod 755 . */carecc scripts/*")
	if os.Geteuid() == 0 {
		testkit.Run(t, dir, "chown", "-R", fmt.Sprint(nobody), ".")
	}
	return dir
}
