package isolate

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/test/testkit"
)

// inNamespace runs a test of this package once more, as root of new namespaces, after a shell script has made the
// environment it is about. D names the directory that outer and inner test share.
func inNamespace(t *testing.T, script string, test func(t *testing.T, dir string)) {
	if dir := os.Getenv("ISOLATE_TEST_INNER"); dir != "" {
		test(t, dir)
		return
	}
	testkit.Require(t, "userns", "overlay", "unshare")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.Command("unshare", "--user", "--map-root-user", "--mount", "sh", "-e", "-c", script+"\nexec \"$0\" \"$@\"",
		self, "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "ISOLATE_TEST_INNER="+dir, "D="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestMountsInTree: file systems mounted in the tree are seen, and not written either.
func TestMountsInTree(t *testing.T) {
	script := `mkdir -p "$D/tree/m/n" "$D/tree/file"; mount -t tmpfs none "$D/tree/m"; mkdir "$D/tree/m/n"; mount -t tmpfs none "$D/tree/m/n"
echo a > "$D/tree/m/a"; echo b > "$D/tree/m/n/b"; echo c > "$D/tree/c"; echo real > "$D/real"; mount --bind "$D/real" "$D/tree/c"`
	inNamespace(t, script, func(t *testing.T, dir string) {
		for _, m := range []Mode{Overlay, Copy} {
			before := snapshot(t, filepath.Join(dir, "tree"))
			s := open(t, Options{Tree: filepath.Join(dir, "tree"), Mode: m})
			if got := mustSh(t, s, Cmd{}, "cat m/a m/n/b c; echo x >> m/a; rm m/n/b; echo y > m/n/y"); got != "a\nb\nreal\n" {
				t.Errorf("%s: seen %q", m, got)
			}
			if got := mustSh(t, s, Cmd{}, "echo z > c || true; cat m/a m/n/*"); !strings.HasSuffix(got, "a\nx\ny\n") {
				t.Errorf("%s: the next command sees %q", m, got)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if d := cmp.Diff(before, snapshot(t, filepath.Join(dir, "tree"))); d != "" {
				t.Errorf("%s: %s", m, d)
			}
		}
	})
}

// TestScratchOnOverlay: the kernel refuses an upper layer on an overlay, as a container's /tmp is one; another
// directory is found.
func TestScratchOnOverlay(t *testing.T) {
	script := `mkdir "$D/l" "$D/u" "$D/w" "$D/o" "$D/tree"; echo a > "$D/tree/a"
mount -t overlay o -o "lowerdir=$D/l,upperdir=$D/u,workdir=$D/w,userxattr" "$D/o"; mount -t tmpfs none /dev/shm; export TMPDIR="$D/o"`
	inNamespace(t, script, func(t *testing.T, dir string) {
		s := open(t, Options{Tree: filepath.Join(dir, "tree"), Scratch: filepath.Join(dir, "o"), Mode: Auto})
		defer s.Close()
		if s.Mode() != Overlay || Within(s.scratch.dir, filepath.Join(dir, "o")) {
			t.Errorf("%s in %s: %s", s.Mode(), s.scratch.dir, s.Why())
		}
	})
}

// TestNamespacesRefused: where no mount namespace can be had, auto works in place and says why; a read-only install of
// the real tree is refused.
func TestNamespacesRefused(t *testing.T) {
	script := `mkdir "$D/tree"; echo a > "$D/tree/a"; echo 0 > /proc/sys/user/max_mnt_namespaces`
	inNamespace(t, script, func(t *testing.T, dir string) {
		tree := filepath.Join(dir, "tree")
		before := snapshot(t, tree)
		s := open(t, Options{Tree: tree, Mode: Auto})
		if s.Mode() != InPlace || !strings.Contains(s.Why(), "overlay: ") || !strings.Contains(s.Why(), "copy: ") || s.names {
			t.Errorf("%s: %q", s.Mode(), s.Why())
		}
		mustSh(t, s, Cmd{ReadOnly: true}, "echo b > a; echo c > c")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(before, snapshot(t, tree)); d != "" {
			t.Error(d)
		}
		for _, m := range []Mode{Overlay, Copy} {
			if _, err := Open(t.Context(), Options{Tree: tree, Mode: m}); err == nil {
				t.Errorf("%s works", m)
			}
		}
		if _, err := ReadOnlyCommand(t.Context(), tree, nil, Cmd{Args: []string{"true"}}); err == nil {
			t.Error("ReadOnlyCommand works")
		}
		if d := cmp.Diff(before, snapshot(t, tree)); d != "" {
			t.Error(d)
		}
	})
}
