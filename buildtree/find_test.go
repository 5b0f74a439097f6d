package buildtree

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindStore(t *testing.T) {
	cases := []struct {
		name   string
		make   []string // files, and directories with a slash at the end
		dir    string
		env    map[string]string
		sticky string
		want   string // relative to the root; "" for an error
	}{
		{name: "named", dir: "p/", env: map[string]string{"KPATCH_ASM_DIR": "/s"}, want: "/s"},
		{name: "named relative", dir: "p/", env: map[string]string{"KPATCH_ASM_DIR": "../s"}, want: "s"},
		{name: "nearest store above", make: []string{".gocare/", "p/.gocare/", "p/q/Makefile"}, dir: "p/q/r/", want: "p/.gocare"},
		{name: "a store is a directory", make: []string{"p/.gocare", "Makefile"}, dir: "p/", want: ".gocare"},
		{name: "nearest git root", make: []string{".git/", "p/.git/", "Makefile"}, dir: "p/q/", want: "p/.gocare"},
		{name: "git worktree", make: []string{"p/.git", "p/q/Makefile"}, dir: "p/q/", want: "p/.gocare"},
		{name: "outermost Makefile", make: []string{"Makefile", "p/q/Makefile"}, dir: "p/q/r/", want: ".gocare"},
		{name: "lpmakefile", make: []string{"p/lpmakefile"}, dir: "p/q/", want: "p/.gocare"},
		{name: "ninja", make: []string{"p/build.ninja"}, dir: "p/q/", want: "p/.gocare"},
		{name: "cmake", make: []string{"p/CMakeCache.txt"}, dir: "p/q/", want: "p/.gocare"},
		{name: "configure", make: []string{"p/config.status"}, dir: "p/q/", want: "p/.gocare"},
		{name: "nothing: the directory itself", dir: "p/q/", want: "p/q/.gocare"},
		{name: "never home", make: []string{"Makefile", ".git/", "p/"}, dir: "p/q/", env: map[string]string{"HOME": ""}, want: "p/q/.gocare"},
		{name: "in home itself", make: []string{"Makefile"}, dir: "", env: map[string]string{"HOME": ""}},
		{name: "not where all may write", make: []string{"tmp/Makefile"}, dir: "tmp/x/", sticky: "tmp", want: "tmp/x/.gocare"},
		{name: "in such a place itself", make: []string{"tmp/Makefile"}, dir: "tmp/", sticky: "tmp"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			for _, name := range append(c.make, c.dir) {
				create(t, filepath.Join(root, name), strings.HasSuffix(name, "/") || name == "")
			}
			if c.sticky != "" {
				if err := os.Chmod(filepath.Join(root, c.sticky), 0o777|os.ModeSticky); err != nil {
					t.Fatal(err)
				}
			}
			home := filepath.Dir(root) // the walk goes no further than the test's own directory
			if _, ok := c.env["HOME"]; ok {
				home = root
			}
			got, err := FindStore(filepath.Join(root, c.dir), func(name string) string {
				if name == "HOME" {
					return home
				}
				return c.env[name]
			})
			want := c.want
			if want != "" && !filepath.IsAbs(want) {
				want = filepath.Join(root, want)
			}
			if got != want || (err != nil) != (want == "") {
				t.Errorf("FindStore = %q, %v; want %q", got, err, want)
			}
		})
	}
}

// A store of another user is not to be trusted: it says which as to run.
func TestFindStoreOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a directory of another user")
	}
	root := t.TempDir()
	create(t, filepath.Join(root, storeName), true)
	create(t, filepath.Join(root, "p/Makefile"), false)
	if err := os.Chown(filepath.Join(root, storeName), 12345, 12345); err != nil {
		t.Fatal(err)
	}
	got, err := FindStore(filepath.Join(root, "p"), func(name string) string { return map[string]string{"HOME": root}[name] })
	if want := filepath.Join(root, "p", storeName); got != want || err != nil {
		t.Errorf("FindStore = %q, %v; want %q", got, err, want)
	}
}

func create(t *testing.T, path string, dir bool) {
	t.Helper()
	if !dir {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

// A submodule of git is built with the tree that holds it.
func TestFindStoreOfSubmodule(t *testing.T) {
	for _, c := range []struct{ name, link, want string }{
		{"submodule", "gitdir: ../.git/modules/sub\n", ".gocare"},
		{"work tree", "gitdir: /repo/.git/worktrees/sub\n", "sub/.gocare"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			create(t, filepath.Join(root, ".git"), true)
			create(t, filepath.Join(root, "sub/dir"), true)
			if err := os.WriteFile(filepath.Join(root, "sub/.git"), []byte(c.link), 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := FindStore(filepath.Join(root, "sub/dir"), func(string) string { return "" })
			if err != nil || got != filepath.Join(root, c.want) {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}
