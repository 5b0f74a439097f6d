package endtoend

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"gocare/internal/test/testkit"
)

// What new code takes from a library is of the version that its source asks for, or of the default: by source, by objects and by programs.
func TestVersionsOfLibraries(t *testing.T) {
	programs(t)
	t.Parallel()
	archive, err := txtar.ParseFile(filepath.Join("testdata", "versions.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	original := map[string]string{}
	for _, f := range archive.Files {
		original[f.Name] = string(f.Data)
	}
	dir := t.TempDir()
	writeTree(t, dir, original)
	form := func(n string) map[string]string {
		patched := map[string]string{}
		for name, text := range original {
			patched[name] = strings.Replace(text, "-DFORM=0", "-DFORM="+n, 1)
		}
		return patched
	}
	shell := func(script string) { mustRun(t, 0, dir, nil, "sh", "-ec", script) }
	live := func(program, patch, before, after string) {
		t.Helper()
		p := testkit.Start(t, filepath.Join(dir, program))
		hold(t, p, []turn{{Input: "", Want: before}})
		mustRun(t, 0, dir, nil, "carectl", "patch", "-p", pid(p), filepath.Join(dir, patch))
		hold(t, p, []turn{{Input: "", Want: after}})
	}
	mustRun(t, 0, dir, []string{"CC=carecc"}, "make")
	shell(`for n in 0 1 2; do gcc -g -O2 -DFORM=$n -c prog.c -o $n.o; gcc $n.o -o $n -Wl,--build-id,--emit-relocs -L. -lv -Wl,-rpath,$PWD; done`)

	writePatch(t, dir, original, form("1"))
	mustRun(t, 0, dir, []string{"LPMAKE_PATCHROOT=" + filepath.Join(dir, "source")}, "patchmake", "fix.patch")
	live("prog", "source", "10", "11")
	shell("patchmake from-objects --orig 0.o --patched 2.o --binary 0 -o objects")
	live("0", "objects", "10", "122")
	shell("patchmake from-binaries --orig 1 --patched 2 -o binaries")
	live("1", "binaries", "11", "122")
	r := mustRun(t, 1, dir, nil, "patchmake", "from-objects", "--orig", "1.o", "--patched", "2.o", "--binary", "1", "-o", "objects")
	assertContains(t, r.Stderr, `it takes version "V1" of "f", and it cannot be told which one a reference without a version means`)
}
