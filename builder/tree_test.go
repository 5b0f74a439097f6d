package builder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/isolate"
	"gocare/internal/srcpatch"
	"gocare/internal/test/testkit"
)

func TestMain(m *testing.M) {
	isolate.RunChild()
	os.Exit(m.Run())
}

// said is a Reporter that keeps the headings and what is worth knowing.
type said struct{ lines []string }

func (s *said) add(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}
func (s *said) Heading(format string, args ...any)   { s.add(format, args...) }
func (s *said) Note(format string, args ...any)      { s.add("note: "+format, args...) }
func (s *said) Warn(format string, args ...any)      { s.add("warning: "+format, args...) }
func (s *said) Progress(format string, args ...any)  {}
func (s *said) Working(string, func() string) func() { return func() {} }

// sample makes a tree whose build copies a text, with commands that need no compiler, and a carecc to be found.
func sample(t *testing.T) (Options, *said) {
	t.Helper()
	dir := t.TempDir()
	testkit.WriteFile(t, filepath.Join(dir, "bin", "carecc"), "")
	if err := os.Chmod(filepath.Join(dir, "bin", "carecc"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
	testkit.WriteFile(t, filepath.Join(dir, "tree", "text"), "old\n")
	tree, say := filepath.Join(dir, "tree"), &said{}
	return Options{
		BuildDir: tree, SourceDir: tree, Isolation: isolate.InPlace, Environ: os.Environ(), Output: os.Stderr, Say: say,
		Commands: Commands{
			Build: "cp text built; echo $KPATCH_STAGE >> built", DestVar: "ROOT",
			Install: `mkdir -p "$ROOT" && cp built "$ROOT"`, Clean: "rm -f built",
		},
		Original: Output{Dir: filepath.Join(tree, "lpmake"), Variable: "ORIGINAL", Written: true},
		Patched:  Output{Dir: filepath.Join(tree, ".patched"), Variable: "PATCHED", Written: true},
		Patches:  Output{Dir: filepath.Join(tree, "patchroot"), Variable: "PATCHES", Written: true},
	}, say
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestBuilds: both stages are built and installed from their own sources, and the patched one leaves nothing in the tree.
func TestBuilds(t *testing.T) {
	o, say := sample(t)
	tree, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	ctx := context.Background()
	if err := tree.Original(ctx); err != nil {
		t.Fatal(err)
	}
	fix, err := srcpatch.Parse("fix", []byte("--- text\n+++ text\n@@ -1 +1 @@\n-old\n+new\n"))
	if err != nil {
		t.Fatal(err)
	}
	view, change, err := tree.Patched(ctx, []*srcpatch.Patch{fix})
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(o.Patched.Dir, "built")); got != "new\npatched\n" || len(change.Files) != 1 {
		t.Errorf("patched: %q", got)
	}
	if err := view.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(o.Original.Dir, "built")); got != "old\noriginal\n" {
		t.Errorf("original: %q", got)
	}
	if got := read(t, filepath.Join(o.BuildDir, "text")); got != "old\n" {
		t.Errorf("in the tree: %q", got)
	}
	if _, err := os.Stat(o.Patched.Dir); err == nil {
		t.Error("the patched install is still there")
	}
	want := []string{
		"BUILDING ORIGINAL CODE", "INSTALLING ORIGINAL OBJECTS INTO " + o.Original.Dir,
		"applying fix...", "patching file text",
		"BUILDING PATCHED CODE", "INSTALLING PATCHED OBJECTS INTO " + o.Patched.Dir,
	}
	say.lines = withoutWarnings(say.lines)
	if diff := cmp.Diff(want, say.lines); diff != "" {
		t.Error(diff)
	}
}

// An install directory of ours is emptied where the tree stands now, too; one that somebody else filled is not.
func TestInstallDirFollows(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	old, moved := filepath.Join(base, "old"), filepath.Join(base, "old", "sub")
	empty := func(tree, dir string) (stale string) {
		store, err := buildtree.CreateStore(filepath.Join(tree, ".gocare"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := follow(store); err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(tree, dir)
		if err := (&Tree{Store: store, o: Options{Original: Output{Dir: dir}, Say: &said{}}}).emptyInstallDir(); err != nil {
			t.Fatal(err)
		}
		stale = filepath.Join(dir, "stale")
		if exists(stale) {
			return stale
		}
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(stale, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
		return ""
	}
	for _, tree := range []string{old, old, moved, moved} {
		if tree == moved && !exists(moved) {
			away := filepath.Join(base, "away")
			if err := errors.Join(os.Rename(old, away), os.Mkdir(old, 0o755), os.Rename(away, moved)); err != nil {
				t.Fatal(err)
			}
		}
		if stale := empty(tree, "sub/root"); stale != "" {
			t.Errorf("%s is still there", stale)
		}
	}
	if err := errors.Join(os.Mkdir(filepath.Join(moved, "mine"), 0o755), os.WriteFile(filepath.Join(moved, "mine", "stale"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	if empty(moved, "mine") == "" {
		t.Error("what somebody else installed was removed")
	}
}

// withoutWarnings leaves out what depends on the kernel: whether an install can be confined.
func withoutWarnings(lines []string) (kept []string) {
	for _, l := range lines {
		if !strings.HasPrefix(l, "warning: ") {
			kept = append(kept, l)
		}
	}
	return kept
}

func TestFailedBuild(t *testing.T) {
	for _, tt := range []struct {
		name     string
		commands Commands
		clean    bool
		want     string
		hint     string
	}{
		{"the build", Commands{Build: "exit 3", Install: "true"}, false, "the original build failed: \"exit 3\": exit status 3", "by hand"},
		{"the install", Commands{Build: "true", Install: "exit 4", DestVar: "ROOT"}, false, "the original install failed", "$ROOT"},
		{"the clean command", Commands{Build: "true", Install: "true", Clean: "exit 5"}, true, "the clean command failed", "by hand"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, _ := sample(t)
			o.Commands, o.Clean = tt.commands, tt.clean
			tree, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			defer tree.Close()
			e := fault.As(tree.Original(context.Background()))
			if e == nil || e.Code != fault.BuildFailed || !strings.Contains(e.Error(), tt.want) || !strings.Contains(e.Hint, tt.hint) {
				t.Errorf("got %v", e)
			}
		})
	}
}

// TestOpenRefuses: what would do harm, or be noticed only after a build, is found out before, and leaves no record.
func TestOpenRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"no way to build", func(o *Options) { o.Commands = Commands{} }, "no lpmakefile, Makefile or build.ninja"},
		{"the tree is the home directory", func(o *Options) {
			o.Environ = []string{"HOME=" + o.BuildDir, "KPATCH_ASM_DIR=" + o.BuildDir + "/.gocare"}
		}, "have only this directory in common"},
		{"an output that holds the tree", func(o *Options) { o.Patches.Dir = filepath.Dir(o.BuildDir) }, "cannot hold the tree itself"},
		{"an output below a file", func(o *Options) { o.Original.Dir = filepath.Join(o.BuildDir, "text", "x") }, "not a directory"},
		{"an output in the view below a file", func(o *Options) { o.Patched.Dir = filepath.Join(o.BuildDir, "text", "x") }, "not a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, _ := sample(t)
			tt.change(&o)
			if _, err := Open(o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
			if _, err := os.Stat(filepath.Join(o.BuildDir, ".gocare")); err == nil {
				t.Error("a record was begun")
			}
		})
	}
}

// TestOpenTwice: a tree is open to one at a time; closing one that built nothing removes its record.
func TestOpenTwice(t *testing.T) {
	o, _ := sample(t)
	first, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(o); fault.As(err) == nil || fault.As(err).Kind != fault.Busy {
		t.Errorf("got %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first.Store.Dir()); err == nil {
		t.Error("the record is still there")
	}
	again, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

// TestUnusedOutput: what a run does not write to need not be writable.
func TestUnusedOutput(t *testing.T) {
	o, _ := sample(t)
	o.Patches = Output{Dir: filepath.Join(o.BuildDir, "text"), Variable: "PATCHES"}
	tree, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	tree.Close()
}

func TestEnviron(t *testing.T) {
	o, _ := sample(t)
	o.Environ = []string{"CC=mine", "MAKEFLAGS=-j8", "SOURCE_DATE_EPOCH=7", "OTHER=x"}
	tree, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	got := strings.Join(tree.Environ("original", "ROOT=/r"), "\n") + "\n"
	for want, present := range map[string]bool{
		"CC=mine\n": true, "CXX=": true, "MAKEFLAGS=": false, "SOURCE_DATE_EPOCH=7\n": true, "KPATCH_STAGE=original\n": true,
		"OTHER=x\n": true, "ROOT=/r\n": true, "IS_LIBCARE_CC=y\n": true,
		"ORIGINAL=" + o.Original.Dir + "\n": true, "PATCHED=" + o.Patched.Dir + "\n": true, "PATCHES=" + o.Patches.Dir + "\n": true,
	} {
		if strings.Contains(got, want) != present {
			t.Errorf("%q: want %v in\n%s", want, present, got)
		}
	}
}

// An install finds its root by whatever name, and makes it anew as often as it likes.
func TestInstallName(t *testing.T) {
	for _, name := range []string{"plain", "ä漢字", "a b", "$HOME", "$$", "`id`", `a"b`, "a'b", "a;b", "a\\b", "a\nb", "~", "*", "a%b"} {
		for _, root := range []string{filepath.Join(t.TempDir(), name, "lpmake"), filepath.Join(t.TempDir(), name)} {
			if err := os.MkdirAll(roomFor(root), 0o777); err != nil {
				t.Fatal(err)
			}
			install, remove, err := installName(root)
			if err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command("sh", "-c", "mkdir -p "+install+"; echo x >"+install+"/file").CombinedOutput()
			if err != nil {
				t.Errorf("%q: %v: %s", root, err, out)
			}
			if got := read(t, filepath.Join(root, "file")); got != "x\n" {
				t.Errorf("%q: %q", root, got)
			}
			remove()
			if _, err := os.Lstat(install); install != root && err == nil {
				t.Errorf("%q: %s is still there", root, install)
			}
		}
	}
}
