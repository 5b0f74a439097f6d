package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"gocare/buildtree"
	"gocare/internal/test/testkit"
	"gocare/internal/version"
)

// personalities are the names under which the test binary is carecc.
var personalities = []string{"carecc", "carec++", "as", "ld", "ld.bfd", "ld.gold", "ld.lld", "ld.mold", "clang", "clang++"}

func TestMain(m *testing.M) {
	if slices.Contains(append(personalities, "gcc"), filepath.Base(os.Args[0])) {
		main()
	}
	os.Exit(m.Run())
}

// binDir returns a directory with carecc and carec++ in it.
func binDir(t testing.TB) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range personalities[:2] {
		if err := os.Symlink(exe, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestVersion(t *testing.T) {
	got, err := exec.Command(filepath.Join(binDir(t), "carecc"), "--carecc-version").Output()
	if want := "carecc " + version.String + "\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

func TestScripts(t *testing.T) {
	testkit.Require(t, "gcc", "as", "ld")
	bin := binDir(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+":"+env.Getenv("PATH"))
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
			env.Setenv("HOME", filepath.Join(env.WorkDir, ".home"))
			env.Setenv("BIN", bin)
			return os.MkdirAll(filepath.Join(env.WorkDir, ".home"), 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"record": cmdRecord},
	})
}

// cmdRecord prints a stage's record: record [-store DIR] STAGE.
func cmdRecord(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(".gocare")
	if len(args) == 3 && args[0] == "-store" {
		dir, args = ts.MkAbs(args[1]), args[2:]
	}
	if len(args) != 1 {
		ts.Fatalf("usage: record [-store DIR] STAGE")
	}
	store, err := buildtree.OpenStore(dir)
	if neg {
		if err == nil {
			ts.Fatalf("%s has a record", dir)
		}
		return
	}
	ts.Check(err)
	rec, err := store.Load(buildtree.Stage(args[0]))
	ts.Check(err)
	ts.Check(printRecord(ts.Stdout(), store, rec))
}

func printRecord(w io.Writer, store *buildtree.Store, rec *buildtree.Record) error {
	for _, u := range rec.Units {
		asm, err := store.Blob(u.AsmID)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "unit source=%s object=%s lang=%s driver=%s as=%s argv=%q asargs=%q asm=%v\n",
			u.Source, u.Object, u.Lang, u.Driver, u.As, u.Argv, u.AsArgs, strings.Contains(string(asm), "\t.file\t"))
	}
	for i, l := range rec.Links {
		linkMap, err := store.Blob(l.MapID)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "link output=%s buildid=%v partial=%v map=%v shared=%v\n",
			l.Output, len(l.BuildID) == 40, l.Partial, strings.Contains(string(linkMap), "Linker script and memory map"),
			len(l.Shared) > 0)
		for _, in := range l.Inputs {
			source := "-"
			if u := rec.UnitFor(&rec.Links[i], in); u != nil {
				source = u.Source
			}
			if in.ObjectID != "" {
				if _, err := store.Blob(in.ObjectID); err != nil {
					return err
				}
			}
			fmt.Fprintf(w, "input %s of %s from %s known=%v\n", in, filepath.Base(l.Output), source, in.ObjectID != "")
		}
	}
	errs, err := store.Errors()
	for _, e := range append(errs, rec.Damaged...) {
		fmt.Fprintln(w, "error", e)
	}
	return err
}
