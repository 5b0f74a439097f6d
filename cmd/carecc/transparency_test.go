package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/buildtree"
	"gocare/internal/test/testkit"
)

// sources are written anew before every command.
var sources = map[string]string{
	"a.c": `#include <stdio.h>
#include "h.h"
int f(int);
int main(int c, char **v) { printf("%d\n", f(c) + H); return 0; }
`,
	"b.c":         "static int n;\nint f(int x) { return n += x; }\n",
	"sub/a.c":     "int g(void) { return 7; }\n",
	"h.h":         "#define H 35\n",
	"lib.c":       "int api(int x) { return x * 3; }\n",
	"alone.c":     "int main(void) { return 3; }\n",
	"warn.c":      "int w(void) { int unused; return 1 }\n",
	"warning.c":   "#warning look\nint w2(void) { return; }\n",
	"undefined.c": "int nowhere(void);\nint main(void) { return nowhere(); }\n",
	"badasm.c":    "void f(void) { __asm__(\"no such instruction\"); }\n",
	"pre.S":       "#define NAME pre\n\t.text\n\t.globl NAME\nNAME:\tret\n\t.section .note.GNU-stack,\"\",@progbits\n",
	"raw.s":       "\t.text\n\t.globl raw\nraw:\tret\n\t.section .note.GNU-stack,\"\",@progbits\n",
	"args":        "-O2 -g -c a.c -DX='a b' -o \"a b.o\"\n",
	"x.cc": `#include <string>
int main() { std::string s = "x"; return s.size() - 1; }
`,
}

// shapes are command lines; the first word stands for the compiler, further commands follow after ";".
var shapes = []struct{ name, cmd, stdin string }{
	{name: "plain program", cmd: "CC a.c b.c -o prog; ./prog"},
	{name: "debug information", cmd: "CC -g -c a.c"},
	{name: "optimised", cmd: "CC -O2 -c a.c b.c"},
	{name: "link time optimisation", cmd: "CC -O2 -flto -frandom-seed=1 a.c b.c -o prog; ./prog"},
	{name: "parallel link time optimisation", cmd: "CC -O2 -flto=2 -flto-partition=max -frandom-seed=1 a.c b.c -o prog; ./prog"},
	{name: "fat lto objects", cmd: "CC -O2 -flto -ffat-lto-objects -frandom-seed=1 -c a.c"},
	{name: "pipe", cmd: "CC -pipe -O2 -c a.c; CC -pipe a.c b.c -o prog; ./prog"},
	{name: "dependencies", cmd: "CC -MMD -c a.c -o out/a.o"},
	{name: "dependencies named", cmd: "CC -MD -MF out/dep -MT t -MP -c a.c"},
	{name: "dependencies of the preprocessor", cmd: "CC -Wp,-MMD,out/dep -c a.c"},
	{name: "only dependencies", cmd: "CC -M a.c"},
	{name: "split dwarf", cmd: "CC -g -gsplit-dwarf -c a.c -o out/a.o"},
	{name: "several inputs", cmd: "CC -g a.c b.c sub/a.c -o prog; ./prog"},
	{name: "source on standard input", cmd: "CC -x c -c - -o in.o", stdin: "int in(void) { return 1; }\n"},
	{name: "source on standard input, piped", cmd: "CC -pipe -x c -c - -o in.o", stdin: "int in(void) { return 1; }\n"},
	{name: "preprocess", cmd: "CC -E a.c"},
	{name: "to assembly", cmd: "CC -O2 -S a.c -o -"},
	{name: "compile error", cmd: "CC -c warn.c"},
	{name: "one of two fails", cmd: "CC -c warn.c b.c"},
	{name: "warning", cmd: "CC -Wall -c warning.c"},
	{name: "assembler error", cmd: "CC -c badasm.c"},
	{name: "assembler error, piped", cmd: "CC -pipe -c badasm.c"},
	{name: "undefined symbol", cmd: "CC undefined.c -o prog"},
	{name: "no such file", cmd: "CC -c absent.c"},
	{name: "no input", cmd: "CC"},
	{name: "no option", cmd: "CC --no-such-option -c b.c"},
	{name: "save temps", cmd: "CC -O2 -save-temps -c a.c"},
	{name: "save temps of a link", cmd: "CC -save-temps=obj a.c b.c -o out/prog"},
	{name: "response file", cmd: "CC @args"},
	{name: "shared library", cmd: "CC -shared -fPIC -O2 lib.c -o lib.so"},
	{name: "static", cmd: "CC -static alone.c -o prog; ./prog"},
	{name: "no pie", cmd: "CC -no-pie -O2 alone.c -o prog; ./prog"},
	{name: "no build id", cmd: "CC -Wl,--build-id=none alone.c -o prog"},
	{name: "object elsewhere", cmd: "CC -c sub/a.c -o out/other.o"},
	{name: "archive", cmd: "CC -c b.c sub/a.c; ar rcsD l.a b.o a.o; CC a.c l.a -o prog; ./prog"},
	{name: "thin archive", cmd: "CC -c b.c; ar rcsTD l.a b.o; CC a.c l.a -o prog; ./prog"},
	{name: "relocatable link", cmd: "CC -c a.c b.c; CC -r -nostdlib a.o b.o -o both.o; CC both.o -o prog; ./prog"},
	{name: "map of its own", cmd: "CC -Wl,-Map=out/map -ffile-prefix-map=/tmp=/ -save-temps a.c b.c -o prog"},
	{name: "map on standard output", cmd: "CC -save-temps -Wl,-M a.c b.c -o prog"},
	{name: "map printed last", cmd: "CC -save-temps -Wl,-Map=out/map -Wl,--print-map a.c b.c -o prog"},
	{name: "gold", cmd: "CC -fuse-ld=gold a.c b.c -o prog; ./prog"},
	{name: "bfd by name", cmd: "CC -fuse-ld=bfd a.c b.c -o prog; ./prog"},
	{name: "a linker that is not there", cmd: "CC -fuse-ld=lld alone.c -o prog"},
	{name: "linker version", cmd: "CC -Wl,--version alone.c -o prog"},
	{name: "preprocessed assembly", cmd: "CC -g -c pre.S"},
	{name: "assembly", cmd: "CC -c raw.s"},
	{name: "assembler options", cmd: "CC -Wa,--noexecstack,-L -c a.c"},
	{name: "assembler listing", cmd: "CC -Wa,-adhln=out/list -g -c b.c"},
	{name: "output to nowhere", cmd: "CC -c b.c -o /dev/null"},
	{name: "configure probe", cmd: "cp b.c conftest.c; CC -c conftest.c"},
	{name: "version", cmd: "CC --version; CC -dumpversion; CC -dumpmachine"},
	{name: "tools it uses", cmd: "CC -print-prog-name=as; CC -print-prog-name=ld; CC -print-search-dirs"},
	{name: "dry run", cmd: "CC -### -c b.c"},
	{name: "coverage", cmd: "CC --coverage -frandom-seed=1 -c b.c -o out/b.o"},
	{name: "recorded switches", cmd: "CC -frecord-gcc-switches -g3 -c b.c"},
	{name: "sections and collection", cmd: "CC -ffunction-sections -fdata-sections -Wl,--gc-sections a.c b.c -o prog; ./prog"},
	{name: "stack usage", cmd: "CC -fstack-usage -c b.c -o out/b.o"},
	{name: "stripped", cmd: "CC -s a.c b.c -o prog; ./prog"},
	{name: "kept relocations", cmd: "CC -Wl,-q a.c b.c -o prog; ./prog"},
	{name: "language by option", cmd: "cp b.c b.txt; CC -xc -c b.txt -xnone sub/a.c"},
	{name: "syntax only", cmd: "CC -fsyntax-only a.c"},
	{name: "a directory of tools", cmd: "cp /usr/bin/as out/as; CC -Bout -frecord-gcc-switches -c b.c; CC -Bout -g3 a.c b.c -o prog; ./prog"},
	{name: "its own options among others", cmd: "CC --carecc-version -c b.c"},
}

// outcome is all that a command line shows to the world.
type outcome struct {
	Stdout, Stderr string
	Status         string
	Files          map[string]string // path -> mode and digest
}

func TestTransparency(t *testing.T) {
	testkit.Require(t, "gcc", "as", "ld", "ar")
	r := newRunner(t)
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			want := r.run(t, "gcc", s.cmd, s.stdin)
			for _, stage := range []string{"original", "patched", "configure"} {
				r.stage = stage
				if diff := cmp.Diff(want, r.run(t, "carecc", s.cmd, s.stdin)); diff != "" {
					t.Errorf("stage %s: %s differs from gcc (-gcc +carecc):\n%s", stage, s.cmd, diff)
				}
			}
		})
	}
	r.checkRecords(t, 40, 4, buildtree.Original, buildtree.Patched) // most links write "prog"
}

// clangShapes are command lines for clang besides those of shapes that are named.
var clangShapes = []struct{ name, cmd, stdin string }{
	{name: "link time optimisation", cmd: "CC -O2 -flto a.c b.c -o prog; ./prog"},
	{name: "thin link time optimisation", cmd: "CC -O2 -flto=thin -c a.c; CC -flto=thin -fuse-ld=gold a.o b.c -o prog; ./prog"},
	{name: "assembler apart", cmd: "CC -O2 -g -fno-integrated-as -c a.c"},
	{name: "bitcode", cmd: "CC -emit-llvm -c a.c -o out/a.bc"},
	{name: "ir", cmd: "CC -emit-llvm -S a.c -o -"},
	{name: "time trace", cmd: "CC -c -fsave-optimization-record -O2 b.c -o out/b.o"},
	{name: "compilation database", cmd: "CC -MJ out/db -c b.c -o out/b.o"},
	{name: "option of llvm", cmd: "CC -O2 -mllvm -inline-threshold=0 -g -c a.c -o out/a.o"},
	{name: "machine", cmd: "CC -march=haswell -O3 a.c b.c -o prog; ./prog"},
}

// named are the shapes that clang is tried with too.
var named = []string{
	"plain program", "debug information", "optimised", "pipe", "dependencies named", "split dwarf", "several inputs",
	"source on standard input", "source on standard input, piped", "preprocess", "to assembly", "compile error", "one of two fails",
	"warning", "assembler error", "undefined symbol", "no input", "save temps", "save temps of a link", "response file", "shared library", "static",
	"archive", "relocatable link", "gold", "preprocessed assembly", "assembly", "assembler options", "output to nowhere", "coverage", "version",
	"language by option", "a directory of tools",
}

// clang assembles inside: carecc runs it as it is, then once more for the record.
func TestTransparencyClang(t *testing.T) {
	testkit.Require(t, "clang", "as", "ld", "ar")
	r := newRunner(t)
	r.env = append(r.env, "KPCCREAL=clang")
	r.stage = "original" // TestTransparency has the others
	all := clangShapes
	for _, s := range shapes {
		if slices.Contains(named, s.name) {
			all = append(all, s)
		}
	}
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			want := r.run(t, "clang", s.cmd, s.stdin)
			if diff := cmp.Diff(want, r.run(t, "carecc", s.cmd, s.stdin)); diff != "" {
				t.Errorf("%s differs from clang (-clang +carecc):\n%s", s.cmd, diff)
			}
		})
	}
	r.checkRecords(t, 20, 4, buildtree.Original)
}

func TestTransparencyCXX(t *testing.T) {
	testkit.Require(t, "g++", "as", "ld")
	r := newRunner(t)
	for _, cmd := range []string{"CC -O2 -g x.cc -o prog; ./prog", "CC -c b.c", "CC -E b.c"} {
		if diff := cmp.Diff(r.run(t, "g++", cmd, ""), r.run(t, "carec++", cmd, "")); diff != "" {
			t.Errorf("%s differs from g++ (-g++ +carec++):\n%s", cmd, diff)
		}
	}
}

// runner runs command lines in one directory, so that paths in debug information agree.
type runner struct {
	dir, stores string
	stage       string // KPATCH_STAGE; each has a store of its own
	env         []string
	extra       map[string]string // sources besides those that all have
}

func newRunner(t *testing.T) *runner {
	tmp := t.TempDir()
	r := &runner{dir: filepath.Join(tmp, "tree"), stores: tmp}
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "KP") && !strings.HasPrefix(e, "COMPILER_PATH=") {
			r.env = append(r.env, e)
		}
	}
	r.env = append(r.env, "PATH="+binDir(t)+":"+os.Getenv("PATH"), "XDG_CACHE_HOME="+tmp, "LC_ALL=C")
	return r
}

// store is the directory of the current stage's store.
func (r *runner) store() string { return filepath.Join(r.stores, "store-"+r.stage) }

// run writes the sources and runs the commands in a fresh directory.
func (r *runner) run(t *testing.T, cc, commands, stdin string) outcome {
	t.Helper()
	if err := os.RemoveAll(r.dir); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"sub", "out", "x", "y"} {
		if err := os.MkdirAll(filepath.Join(r.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	all := maps.Clone(sources)
	maps.Copy(all, r.extra)
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	env := append(slices.Clip(r.env), "KPATCH_STAGE="+r.stage, "KPATCH_ASM_DIR="+r.store())
	var stdout, stderr bytes.Buffer
	var o outcome
	for command := range strings.SplitSeq(commands, ";") {
		cmd := exec.Command("sh", "-c", strings.Replace(command, "CC", cc, 1))
		cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = r.dir, env, strings.NewReader(stdin), &stdout, &stderr
		err := cmd.Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		o.Status += fmt.Sprint(err, "; ")
	}
	o.Stdout, o.Stderr, o.Files = stable(stdout.String()), stable(stderr.String()), r.files(t)
	return o
}

// files lists what is in the directory.
func (r *runner) files(t *testing.T) map[string]string {
	files := map[string]string{}
	err := filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(r.dir, path)
		if strings.HasSuffix(name, ".res") { // the linker plugin's resolutions name temporary files
			data = nil
		}
		files[name] = fmt.Sprintf("%v %d %x", info.Mode(), len(data), sha256.Sum256(data))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

var temporary = regexp.MustCompile(`/tmp/cc\w{6}|/tmp/[\w.]+-[0-9a-f]{6}\b`)

// stable replaces the random names of temporary files.
func stable(s string) string { return temporary.ReplaceAllString(s, "/tmp/??????") }

// checkRecords makes sure that the comparison was with recording: a carecc that does nothing is transparent too.
func (r *runner) checkRecords(t *testing.T, units, links int, stages ...buildtree.Stage) {
	t.Helper()
	for _, stage := range stages {
		r.stage = string(stage)
		store, err := buildtree.OpenStore(r.store())
		if err != nil {
			t.Fatal(err)
		}
		rec, err := store.Load(stage)
		if err != nil {
			t.Fatal(err)
		}
		if len(rec.Units) < units || len(rec.Links) < links {
			t.Errorf("recorded %d units and %d links, want at least %d and %d", len(rec.Units), len(rec.Links), units, links)
		}
		if errs, err := store.Errors(); err != nil || len(errs) > 0 {
			t.Errorf("errors in the store: %q, %v", errs, err)
		}
	}
	r.stage = "configure"
	if _, err := buildtree.OpenStore(r.store()); err == nil {
		t.Error("stage configure made a store")
	}
}
