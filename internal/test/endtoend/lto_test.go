package endtoend

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"gocare/internal/test/testkit"
)

// Functions and variables of one name, in code that gcc makes when it links, are told apart by where they are declared, whatever
// partitions the code is made in: each patched function goes on with its own variables.
func TestLTOPartitions(t *testing.T) {
	programs(t)
	testkit.Require(t, "gcc")
	library := []string{"GOAL=prog", "CODE=libcode.so", "LINK=-flto-partition=max"}
	tests := []struct {
		name      string
		env       []string
		file      string
		old, text string
		after     string // the third and fourth answers, patched
		later     string // the fifth, unpatched
		refused   string
	}{
		{name: "one partition", env: []string{"LINK=-flto-partition=one"}, file: "b.c", old: "sum * 10 + calls", text: "sum * 20 + calls", after: "3030166 4040188", later: "5050110"},
		{name: "partitions for all", env: []string{"LINK=-flto-partition=max"}, file: "b.c", old: "sum * 10 + calls", text: "sum * 20 + calls", after: "3030166 4040188", later: "5050110"},
		{name: "no partitions", env: []string{"LINK=-flto-partition=none"}, file: "a.c", old: "sum * 100 + calls", text: "sum * 200 + calls", after: "6030086 8040098", later: "5050110"},
		{name: "made in parallel", env: []string{"LINK=-flto=2 -flto-partition=max"}, file: "a.c", old: "sum * 100 + calls", text: "sum * 200 + calls", after: "6030086 8040098", later: "5050110"},
		{name: "code beside it", env: []string{"CFLAGS=-O2 -g -flto -ffat-lto-objects"}, file: "b.c", old: "sum * 10 + calls", text: "sum * 20 + calls", after: "3030166 4040188", later: "5050110"},
		{name: "a library", env: library, file: "b.c", old: "sum * 10 + calls", text: "sum * 20 + calls", after: "3030166 4040188", later: "5050110"},
		{name: "without debug information", env: []string{"CFLAGS=-O2 -flto"}, file: "b.c", old: "sum * 10 + calls", text: "sum * 20 + calls", refused: "static-unproved"},
		{name: "intermediate language alone", file: "b.c", old: "int other(int x)", text: "/* as it was */\nint other(int x)", refused: "nothing-changed"},
		{name: "clang", env: []string{"KPCCREAL=clang"}, file: "b.c", old: "sum * 10 + calls", text: "sum * 20 + calls", refused: "lto"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if strings.Contains(strings.Join(tt.env, " "), "clang") {
				testkit.Require(t, "clang")
			}
			dir, original := t.TempDir(), ltoProgram(t)
			patched := maps.Clone(original)
			patched[tt.file] = strings.Replace(original[tt.file], tt.old, tt.text, 1)
			writeTree(t, dir, original)
			writePatch(t, dir, original, patched)
			if tt.refused != "" {
				r := mustRun(t, 1, dir, tt.env, "patchmake", "--json", "-i", "l1", "fix.patch")
				assertContains(t, r.Stdout, `"`+tt.refused+`"`)
				return
			}
			mustRun(t, 0, dir, tt.env, "patchmake", "-i", "l1", "fix.patch")
			assertFunctions(t, dir, 1)
			live := testkit.Start(t, filepath.Join(dir, "lpmake", "prog"))
			hold(t, live, []turn{{Input: "1", Want: "1010062"}, {Input: "1", Want: "2020074"}})
			mustRun(t, 0, dir, nil, "carectl", "patch", "-p", pid(live), "patchroot")
			third, fourth, _ := strings.Cut(tt.after, " ")
			hold(t, live, []turn{{Input: "1", Want: third}, {Input: "1", Want: fourth}})
			mustRun(t, 0, dir, nil, "carectl", "unpatch", "-p", pid(live), "-i", "l1")
			hold(t, live, []turn{{Input: "1", Want: tt.later}})
		})
	}
}

// An identity patch of such a program is of the code that gcc made when it linked, whatever the objects have beside.
func TestLTOIdentity(t *testing.T) {
	programs(t)
	testkit.Require(t, "gcc", "clang", "ld.gold")
	tests := []struct {
		name      string
		env       []string
		functions int
		refused   string
	}{
		{name: "intermediate language alone", env: []string{"LINK=-flto-partition=max"}, functions: 3},
		{name: "code beside it", env: []string{"CFLAGS=-O2 -g -flto=auto -ffat-lto-objects"}, functions: 3},
		{name: "without debug information", env: []string{"CFLAGS=-O2 -flto"}, functions: 3},
		{name: "code beside it is linked", env: []string{"CFLAGS=-O2 -g -flto -ffat-lto-objects", "LINK=-fno-lto"}, functions: 3},
		{name: "gold", env: []string{"LINK=-fuse-ld=gold"}, refused: "lto"},
		{name: "clang", env: []string{"KPCCREAL=clang"}, refused: "lto"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			writeTree(t, dir, ltoProgram(t))
			args := []string{"--json", "--identity", "[!m]*", "-i", "l2"}
			if tt.refused != "" {
				assertContains(t, mustRun(t, 1, dir, tt.env, "patchmake", args...).Stdout, `"`+tt.refused+`"`)
				return
			}
			mustRun(t, 0, dir, tt.env, "patchmake", args...)
			assertFunctions(t, dir, tt.functions)
			live := testkit.Start(t, filepath.Join(dir, "lpmake", "prog"))
			hold(t, live, []turn{{Input: "1", Want: "1010062"}})
			mustRun(t, 0, dir, nil, "carectl", "patch", "-p", pid(live), "patchroot")
			hold(t, live, []turn{{Input: "1", Want: "2020074"}})
		})
	}
}

func ltoProgram(t *testing.T) map[string]string {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/lto.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range archive.Files {
		files[f.Name] = string(f.Data)
	}
	return files
}
