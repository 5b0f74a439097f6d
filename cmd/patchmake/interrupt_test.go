package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"gocare/internal/testkit"
)

// An interrupted run ends the build with everything it started: nothing writes to the tree after it was put back.
func TestInterruptEndsTheBuild(t *testing.T) {
	testkit.Require(t, "gcc", "make", "go")
	bin := buildPrograms(t)
	for _, mode := range []string{"overlay", "copy", "inplace"} {
		t.Run(mode, func(t *testing.T) {
			if mode != "inplace" {
				testkit.Require(t, "userns")
			}
			dir := t.TempDir()
			tree := filepath.Join(dir, "tree")
			for name, text := range map[string]string{
				"prog.c":   "int main(void) { return 1; }\n",
				"Makefile": "prog: prog.c\n\t$(CC) -o prog prog.c\n\tif [ -e ../slow ]; then exec 9<>../never; echo up >../up; cat <&9; fi\ninstall:\n\tmkdir -p $(DESTDIR); cp prog $(DESTDIR)\n",
				"fix":      "--- prog.c\n+++ prog.c\n@@ -1 +1 @@\n-int main(void) { return 1; }\n+int main(void) { return 2; }\n",
			} {
				testkit.WriteFile(t, filepath.Join(tree, name), text)
			}
			for _, name := range []string{"up", "never"} {
				if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			patchmake := func() *exec.Cmd {
				cmd := exec.Command(filepath.Join(bin, "patchmake"), "--isolation="+mode, "fix")
				cmd.Dir, cmd.Env = tree, append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
				return cmd
			}
			if out, err := patchmake().CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			testkit.WriteFile(t, filepath.Join(dir, "slow"), "")
			cmd := patchmake()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			up, err := os.Open(filepath.Join(dir, "up")) // returns when the build writes to it
			if err != nil {
				t.Fatal(err)
			}
			defer up.Close()
			if _, err := bufio.NewReader(up).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			cmd.Process.Signal(syscall.SIGTERM)
			if err := cmd.Wait(); err == nil {
				t.Error("an interrupted run ended with status 0")
			}
			// A reader of the pipe would be the rest of the build.
			f, err := os.OpenFile(filepath.Join(dir, "never"), os.O_WRONLY|syscall.O_NONBLOCK, 0)
			if !errors.Is(err, syscall.ENXIO) {
				f.Close()
				t.Errorf("the build goes on after patchmake has ended (%v)", err)
			}
		})
	}
}
