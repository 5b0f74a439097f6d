package wrapper

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestShimDir(t *testing.T) {
	root := t.TempDir()
	mkdir := func(name string, mode os.FileMode) string {
		t.Helper()
		dir := filepath.Join(root, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	home, tmp, open := mkdir("home", 0o755), mkdir("tmp", 0o755), mkdir("open/gocare", 0o777)
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name string
		env  map[string]string
		want string // its beginning
	}{
		{"cache directory", map[string]string{"XDG_CACHE_HOME": filepath.Join(root, "xdg"), "HOME": home}, filepath.Join(root, "xdg/gocare/shim-")},
		{"home", map[string]string{"HOME": home, "TMPDIR": tmp}, filepath.Join(home, ".cache/gocare/shim-")},
		{"no such home", map[string]string{"HOME": "/nonexistent", "TMPDIR": tmp}, filepath.Join(tmp, "gocare-")},
		{"no home", map[string]string{"TMPDIR": tmp}, filepath.Join(tmp, "gocare-")},
		{"cache that cannot be made", map[string]string{"XDG_CACHE_HOME": file, "HOME": home}, filepath.Join(home, ".cache/gocare/shim-")},
		{"cache that all may write to", map[string]string{"XDG_CACHE_HOME": filepath.Dir(open), "HOME": home}, filepath.Join(home, ".cache/gocare/shim-")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			getenv := func(name string) string { return c.env[name] }
			dir, err := ShimDir("/opt/carecc", getenv)
			if err != nil || !strings.HasPrefix(dir, c.want) {
				t.Fatalf("ShimDir = %q, %v; want %s...", dir, err, c.want)
			}
			for _, name := range append([]string{"as"}, linkers...) {
				if to, err := os.Readlink(filepath.Join(dir, name)); to != "/opt/carecc" {
					t.Errorf("%s links to %q, %v", name, to, err)
				}
			}
			if again, err := ShimDir("/opt/carecc", getenv); again != dir || err != nil {
				t.Errorf("the second time ShimDir = %q, %v", again, err)
			}
			if other, err := ShimDir("/usr/bin/carecc", getenv); other == dir || err != nil {
				t.Errorf("another carecc shares %q, %v", other, err)
			}
		})
	}
}

// The links of another user's shim directory are not used: they say which program plays as.
func TestShimDirOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a directory of another user")
	}
	root := t.TempDir()
	getenv := func(name string) string { return map[string]string{"XDG_CACHE_HOME": root, "TMPDIR": root}[name] }
	dir, err := ShimDir("/opt/carecc", getenv)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Dir(dir), 12345, 12345); err != nil {
		t.Fatal(err)
	}
	other, err := ShimDir("/opt/carecc", getenv)
	if err != nil || other == dir {
		t.Errorf("ShimDir = %q, %v; want another place than the stranger's", other, err)
	}
}

func TestPrependPath(t *testing.T) {
	for in, want := range map[string]string{"": "/s", "/a:/b": "/s:/a:/b", "/a:/s/:/b:/s": "/s:/a:/b", ":/a": "/s:/a"} {
		if got := prependPath("/s", in); got != want {
			t.Errorf("prependPath(/s, %q) = %q, want %q", in, got, want)
		}
	}
}

func TestEnv(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("COMPILER_PATH", "/other")
	bin := t.TempDir() // without a compiler
	t.Setenv("PATH", bin)
	got := Env("/opt/carecc", "/t/.gocare")
	shim, err := ShimDir("/opt/carecc", os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"COMPILER_PATH=" + shim + ":/other", "PATH=" + shim + ":" + bin, "KPATCH_ASM_DIR=/t/.gocare", "CCACHE_DISABLE=1", "DISTCC_HOSTS=localhost"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Env (-want +got):\n%s", diff)
	}
}

// TestClangLinks: links have the names of the clangs in PATH, and no others.
func TestClangLinks(t *testing.T) {
	bin, shim := t.TempDir(), t.TempDir()
	put := func(name string) {
		if err := os.WriteFile(filepath.Join(bin, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	links := func() (names []string) {
		withClang(shim, "/opt/carecc", bin)
		entries, _ := os.ReadDir(filepath.Join(shim, "compilers"))
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	put("clang")
	put("clang++-14")
	put("clang-format")
	if diff := cmp.Diff([]string{"clang", "clang++-14"}, links()); diff != "" {
		t.Error(diff)
	}
	if err := os.Remove(filepath.Join(bin, "clang")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"clang++-14"}, links()); diff != "" {
		t.Error("after one is gone:", diff)
	}
	want := strings.Join([]string{shim, filepath.Join(shim, "compilers"), bin}, ":")
	for range 2 {
		if got := withClang(shim, "/opt/carecc", want); got != want {
			t.Errorf("PATH is %q, want %q", got, want)
		}
	}
}

func TestChildStatus(t *testing.T) {
	files := [3]*os.File{os.Stdin, os.Stdout, os.Stderr}
	cases := []struct {
		name, script string
		want         status
	}{
		{"success", "exit 0", status{}},
		{"failure", "exit 3", status{code: 3}},
		{"signal", "kill -SEGV $$", status{signal: syscall.SIGSEGV}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			child, err := start("/bin/sh", []string{"sh", "-c", c.script}, os.Environ(), files)
			if err != nil {
				t.Fatal(err)
			}
			got, err := child.wait()
			if err != nil || got != c.want {
				t.Errorf("ended with %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
	if _, err := start("/no/such/tool", []string{"tool"}, nil, files); !os.IsNotExist(err) {
		t.Errorf("start of nothing: %v", err)
	}
}
