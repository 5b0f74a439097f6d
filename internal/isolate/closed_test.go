package isolate

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"gocare/internal/test/testkit"
)

// asAnother runs a test of this package once more, as a user who is not root, in a directory that both may use.
func asAnother(t *testing.T, prepare, test func(t *testing.T, dir string)) {
	if dir := os.Getenv("ISOLATE_TEST_INNER"); dir != "" {
		test(t, dir)
		return
	}
	testkit.Require(t, "userns", "overlay")
	if os.Geteuid() != 0 {
		t.Skip("only root can make a directory of another user")
	}
	dir, err := os.MkdirTemp("", "isolate-") // t.TempDir's is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	prepare(t, dir)
	program := filepath.Join(dir, "test")
	testkit.Run(t, dir, "cp", os.Args[0], program)
	testkit.Run(t, dir, "chmod", "755", dir, program)
	cmd := exec.Command(program, "-test.run", "^"+t.Name()+"$")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "ISOLATE_TEST_INNER="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestClosedSource: sources in a directory that the user may not write to are patched in a copy, where another user owns it, and in any
// view, where he does.
func TestClosedSource(t *testing.T) {
	asAnother(t, func(t *testing.T, dir string) {
		for _, name := range []string{"theirs/a.c", "own/a.c"} {
			testkit.WriteFile(t, filepath.Join(dir, "tree", name), "old\n")
		}
		testkit.Run(t, dir, "chown", "65534:65534", "tree", "tree/own", "tree/own/a.c")
		testkit.Run(t, dir, "chmod", "555", "tree/own")
	}, func(t *testing.T, dir string) {
		for _, tt := range []struct {
			where string
			asked Mode
			want  Mode // "" if it is not possible
		}{
			{"theirs", Auto, Copy},
			{"theirs", Overlay, ""},
			{"own", Auto, Overlay},
			{"own", Copy, Copy},
		} {
			file := filepath.Join(dir, "tree", tt.where, "a.c")
			s, err := Open(context.Background(), Options{Tree: filepath.Join(dir, "tree"), Mode: tt.asked, Writes: []string{filepath.Dir(file)}})
			if err != nil {
				if tt.want != "" {
					t.Errorf("%s, %s: %v", tt.where, tt.asked, err)
				}
				continue
			}
			defer s.Close()
			if s.Mode() != tt.want {
				t.Errorf("%s, %s: mode %s, want %s (%s)", tt.where, tt.asked, s.Mode(), tt.want, s.Why())
			}
			if err := s.WriteFiles(map[string][]byte{file: []byte("new\n")}, map[string]fs.FileMode{}); err != nil {
				t.Errorf("%s, %s: %v", tt.where, tt.asked, err)
			}
			if got := mustSh(t, s, Cmd{}, "cat "+tt.where+"/a.c; cat < "+file); got != "new\nnew\n" {
				t.Errorf("%s, %s: reads %q", tt.where, tt.asked, got)
			}
		}
	})
}
