package isolate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

func TestMain(m *testing.M) {
	RunChild()
	if tree := os.Getenv("ISOLATE_TEST_TREE"); tree != "" {
		killedRun(tree, Mode(os.Getenv("ISOLATE_TEST_MODE")))
	}
	os.Exit(m.Run())
}

// sampleTree makes a tree with everything a build tree has, all its times in the past.
func sampleTree(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree, with:odd\\name")
	testkit.WriteFile(t, filepath.Join(dir, "a.c"), "int a;\n")
	testkit.WriteFile(t, filepath.Join(dir, "sub/b.c"), "int b;\n")
	testkit.WriteFile(t, filepath.Join(dir, "sub/b.o"), "old object\n")
	testkit.WriteFile(t, filepath.Join(dir, "gone.c"), "int g;\n")
	testkit.WriteFile(t, filepath.Join(dir, "closed/file"), "closed\n")
	testkit.WriteFile(t, filepath.Join(dir, "\xff\xfe.c"), "not UTF-8\n")
	for _, err := range []error{
		os.Symlink("a.c", filepath.Join(dir, "link.c")),
		os.Link(filepath.Join(dir, "sub/b.o"), filepath.Join(dir, "hard.o")),
		os.Mkdir(filepath.Join(dir, "empty"), 0o755),
		os.Mkdir(filepath.Join(dir, "store"), 0o755),
		os.Chmod(filepath.Join(dir, "gone.c"), 0o444),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	age(t, dir)
	return dir
}

// age sets all times to distinct moments in the past.
func age(t *testing.T, dir string) {
	var paths []string
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	})
	for i := len(paths) - 1; i >= 0; i-- {
		ts := []syscall.Timespec{{Sec: 1e9 + int64(i), Nsec: 7}, {Sec: 1e9 + int64(i), Nsec: 12345}}
		if info, _ := os.Lstat(paths[i]); info.Mode().Type() == 0 || info.IsDir() {
			if err := syscall.UtimesNano(paths[i], ts); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// snapshot describes everything in a tree: kind, mode, time of change, links, content.
func snapshot(t *testing.T, dir string, skip ...string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		for _, s := range skip {
			if rel == s {
				return skipOf(d)
			}
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		line := fmt.Sprintf("%q %s %d.%d links %d", rel, info.Mode(), st.Mtim.Sec, st.Mtim.Nsec, st.Nlink)
		if info.Mode().IsRegular() {
			data, _ := os.ReadFile(path)
			line += fmt.Sprintf(" %q", data)
		}
		out = append(out, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(out)
	return out
}

// modes runs a test in each mode, skipping those that need what is missing here.
func modes(t *testing.T, test func(t *testing.T, m Mode)) {
	for _, m := range []Mode{Overlay, Copy, InPlace} {
		t.Run(string(m), func(t *testing.T) {
			switch m {
			case Overlay:
				testkit.Require(t, "overlay")
			case Copy:
				testkit.Require(t, "userns")
			}
			test(t, m)
		})
	}
}

func open(t *testing.T, o Options) *Sandbox {
	t.Helper()
	s, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if s.Mode() != o.Mode && o.Mode != Auto {
		t.Fatalf("mode is %s, not %s", s.Mode(), o.Mode)
	}
	return s
}

// sh runs a shell script in the view.
func sh(t *testing.T, s *Sandbox, c Cmd, script string) (string, error) {
	t.Helper()
	c.Args = []string{"sh", "-e", "-c", script}
	cmd := s.Command(context.Background(), c)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func mustSh(t *testing.T, s *Sandbox, c Cmd, script string) string {
	t.Helper()
	out, err := sh(t, s, c, script)
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return out
}

// build is what a careless build does to a tree.
const build = `
echo new >> sub/b.o; touch -d 2001-01-01 sub/b.o; rm -f gone.c; mkdir -p empty/x/y; echo o > empty/x/y/o
mv a.c moved.c; ln -sf nowhere link.c; chmod 700 sub; mv sub sub2; mkdir sub; echo z > sub/z; rm -r empty; echo f > empty
mkdir locked; echo x > locked/x; chmod 0 locked; chmod 0 closed/file closed; rm ./*.c; echo kept > store/record`

func TestTreeUnchanged(t *testing.T) {
	modes(t, func(t *testing.T, m Mode) {
		tree := sampleTree(t)
		store := filepath.Join(tree, "store")
		before := snapshot(t, tree, "store")
		scratch := t.TempDir()
		s := open(t, Options{Tree: tree, Shared: []string{store}, Mode: m, Scratch: scratch})
		edits := map[string][]byte{
			filepath.Join(tree, "a.c"):          []byte("int patched;\n"),
			filepath.Join(tree, "new/n.c"):      []byte("int n;\n"),
			filepath.Join(tree, "gone.c"):       nil,
			filepath.Join(tree, "sub/absent.c"): nil,
		}
		if err := s.WriteFiles(edits, map[string]fs.FileMode{filepath.Join(tree, "new/n.c"): 0o755}); err != nil {
			t.Fatal(err)
		}
		got := mustSh(t, s, Cmd{}, `pwd; cat a.c new/n.c; test -x new/n.c; test ! -e gone.c; test a.c -nt sub/b.o; cat store/* 2>/dev/null || true`)
		if want := tree + "\nint patched;\nint n;\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		mustSh(t, s, Cmd{}, "touch gone.c;"+build)
		if got := mustSh(t, s, Cmd{}, "cat sub/z empty moved.c 2>&1 || true"); !strings.HasPrefix(got, "z\nf\n") {
			t.Errorf("the next command sees %q", got)
		}
		if m != InPlace {
			if d := cmp.Diff(before, snapshot(t, tree, "store")); d != "" {
				t.Errorf("tree during the run: %s", d)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(before, snapshot(t, tree, "store")); d != "" {
			t.Errorf("tree: %s", d)
		}
		if data, _ := os.ReadFile(filepath.Join(store, "record")); string(data) != "kept\n" {
			t.Errorf("shared directory: %q", data)
		}
		if left, _ := os.ReadDir(scratch); len(left) > 0 {
			t.Errorf("left in scratch: %v", left)
		}
	})
}

func TestCommand(t *testing.T) {
	modes(t, func(t *testing.T, m Mode) {
		tree := sampleTree(t)
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(tree, link); err != nil {
			t.Fatal(err)
		}
		s := open(t, Options{Tree: link, Mode: m})
		defer s.Close()
		cmd := s.Command(context.Background(), Cmd{
			Dir: filepath.Join(link, "sub"), Env: []string{"PATH=" + os.Getenv("PATH"), "A=b"},
			Args: []string{"sh", "-c", `pwd; echo $A; cat; id -u; echo err >&2; exit 7`},
		})
		var out, errs bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("in\n"), &out, &errs
		err := cmd.Run()
		want := fmt.Sprintf("%s/sub\nb\nin\n%d\n", link, os.Getuid())
		if exitStatus(err) != 7 || out.String() != want || errs.String() != "err\n" {
			t.Errorf("%v: got %q %q, want %q", err, out.String(), errs.String(), want)
		}
		cmd = s.Command(context.Background(), Cmd{Args: []string{"no-such-program"}})
		if text, err := cmd.CombinedOutput(); exitStatus(err) != exitNotRun || !strings.Contains(string(text), "no-such-program") {
			t.Errorf("missing program: %v %q", err, text)
		}
	})
}

func TestWriteFilesStaysInTree(t *testing.T) {
	modes(t, func(t *testing.T, m Mode) {
		tree, outside := sampleTree(t), t.TempDir()
		testkit.WriteFile(t, filepath.Join(outside, "f"), "outside\n")
		for name, to := range map[string]string{"dir": outside, "file": filepath.Join(outside, "f")} {
			if err := os.Symlink(to, filepath.Join(tree, name)); err != nil {
				t.Fatal(err)
			}
		}
		s := open(t, Options{Tree: tree, Mode: m})
		defer s.Close()
		for _, path := range []string{filepath.Join(tree, "../x"), filepath.Join(outside, "f"), tree, "a.c"} {
			err := s.WriteFiles(map[string][]byte{path: []byte("bad")}, nil)
			if e := fault.As(err); e == nil || e.Code != "isolate-path" {
				t.Errorf("%s: %v", path, err)
			}
		}
		if err := s.WriteFiles(map[string][]byte{filepath.Join(tree, "dir/f"): []byte("bad")}, nil); err == nil {
			t.Error("written through a directory link")
		}
		if err := s.WriteFiles(map[string][]byte{filepath.Join(tree, "file"): []byte("good")}, nil); err != nil {
			t.Log(err) // refusing is right too
		}
		if data, _ := os.ReadFile(filepath.Join(outside, "f")); string(data) != "outside\n" {
			t.Errorf("outside: %q", data)
		}
	})
}

func TestReadOnly(t *testing.T) {
	testkit.Require(t, "userns")
	if under([]string{"/tmp", "/var/tmp", "/dev"}, testkit.Root(t)) {
		t.Skip("the checkout is in a directory that stays writable")
	}
	home, err := os.MkdirTemp(testkit.Root(t), ".isolate-test-") // not below /tmp, which stays writable
	if err != nil {
		t.Skip(err)
	}
	defer os.RemoveAll(home)
	dest := filepath.Join(home, "dest/made")
	c := Cmd{ReadOnly: true, Writable: []string{dest}}
	script := "echo a > in-tree; echo b > '" + dest + "/b'; echo > /dev/null; echo t > /tmp/$$; rm /tmp/$$; echo c > '" + home + "/usr'"
	check := func(t *testing.T, out string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(out, home+"/usr") || !strings.Contains(out, "Read-only file system") {
			t.Errorf("%v: %q", err, out)
		}
		if data, _ := os.ReadFile(filepath.Join(dest, "b")); string(data) != "b\n" {
			t.Errorf("DESTDIR: %q", data)
		}
		if _, err := os.Stat(filepath.Join(home, "usr")); err == nil {
			t.Error("written outside")
		}
		os.RemoveAll(filepath.Join(home, "dest"))
	}
	modes(t, func(t *testing.T, m Mode) {
		tree := sampleTree(t)
		s := open(t, Options{Tree: tree, Mode: m})
		defer s.Close()
		if !s.names {
			t.Fatal("not enforced")
		}
		out, err := sh(t, s, c, script)
		check(t, out, err)
		if got := mustSh(t, s, Cmd{}, "cat in-tree"); got != "a\n" {
			t.Errorf("tree: %q", got)
		}
		mustSh(t, s, Cmd{}, "echo c > '"+home+"/usr'; rm '"+home+"/usr'") // without ReadOnly it can
	})
	t.Run("real tree", func(t *testing.T) {
		tree := sampleTree(t)
		c := c
		c.Args = []string{"sh", "-e", "-c", script}
		cmd, err := ReadOnlyCommand(context.Background(), tree, []string{filepath.Join(home, "other")}, c)
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.CombinedOutput()
		check(t, string(out), err)
		if data, _ := os.ReadFile(filepath.Join(tree, "in-tree")); string(data) != "a\n" {
			t.Errorf("tree: %q", data)
		}
	})
}

func TestAuto(t *testing.T) {
	testkit.Require(t, "overlay")
	s := open(t, Options{Tree: sampleTree(t), Mode: Auto})
	defer s.Close()
	if s.Mode() != Overlay || s.Why() != "" {
		t.Errorf("mode %s: %s", s.Mode(), s.Why())
	}
}

func TestOpenRefuses(t *testing.T) {
	tree := sampleTree(t)
	for _, r := range []struct {
		name string
		o    Options
		code fault.Code
	}{
		{"scratch in the tree", Options{Tree: tree, Scratch: filepath.Join(tree, "sub")}, "isolate-path"},
		{"no tree", Options{Tree: filepath.Join(tree, "none")}, ""},
		{"relative", Options{Tree: "tree"}, ""},
		{"unknown mode", Options{Tree: tree, Mode: "magic"}, ""},
	} {
		_, err := Open(context.Background(), r.o)
		if e := fault.As(err); e == nil || e.Code != r.code {
			t.Errorf("%s: %v", r.name, err)
		}
	}
}

// TestModeRefused: a mode that cannot be had here is refused by name; another one is there.
func TestModeRefused(t *testing.T) {
	tree := sampleTree(t)
	gone := filepath.Join(tree, "none")
	s := &Sandbox{tree: gone, real: gone}
	err := s.try(context.Background(), Copy, "")
	if e := fault.As(err); e == nil || e.Code != "isolate-mode" || s.Mode() != "" {
		t.Errorf("got %v, mode %q", err, s.Mode())
	}
	box, err := Open(context.Background(), Options{Tree: tree, Mode: InPlace})
	if err != nil {
		t.Fatal(err)
	}
	if box.Mode() != InPlace {
		t.Errorf("mode %q", box.Mode())
	}
	if err := box.Close(); err != nil {
		t.Error(err)
	}
}

// exitStatus returns the status in err, -1 when there is none.
func exitStatus(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}
