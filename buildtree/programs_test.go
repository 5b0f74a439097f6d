package buildtree

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// writeTool writes a program of a fake toolchain.
func writeTool(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// What a unit is made with is listed with all that decides what it makes, and again once one of these changed.
func TestPrograms(t *testing.T) {
	testkit.Require(t, "sh")
	dir := t.TempDir()
	cc1 := filepath.Join(dir, "cc1")
	writeTool(t, filepath.Join(dir, "gcc"), "#!/bin/sh\ncase $1 in\n*=cc1) echo "+cc1+";;\n*=plugin) echo "+dir+"/plugin;;\nesac\n")
	writeTool(t, filepath.Join(dir, "as"), "#!/bin/sh\n")
	writeTool(t, cc1, "one")
	if err := os.Mkdir(filepath.Join(dir, "plugin"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeTool(t, filepath.Join(dir, "plugin", "check.so"), "plugin")
	s, err := CreateStore(filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	u := &Unit{Dir: dir, Driver: filepath.Join(dir, "gcc"), As: filepath.Join(dir, "as"), Lang: "c", Argv: []string{"-fplugin=check", "-c", "a.c"}}
	list := func() []Read {
		t.Helper()
		id, err := s.Programs(u, os.Environ())
		if err != nil {
			t.Fatal(err)
		}
		text, err := s.Blob(id)
		if err != nil {
			t.Fatal(err)
		}
		return ParseReads(text)
	}
	before := list()
	if got := names(before); got != "as cc1 gcc check.so specs" {
		t.Errorf("got %q", got)
	}
	for _, tt := range []struct{ name, path, text, want string }{
		{"nothing", "a.c", "int x;", ""},
		{"the compiler", "cc1", "two", "cc1"},
		{"the same once more", "cc1", "one", ""},
		{"the assembler", "as", "#!/bin/sh\n#\n", "as"},
		{"specs that come", "specs", "*cc1:\n-O\n", "as specs"},
		{"a plugin", "plugin/check.so", "another", "as check.so specs"},
	} {
		writeTool(t, filepath.Join(dir, tt.path), tt.text)
		after := list()
		if got := OtherProgram(before, after); (got == "") != (tt.want == "") || got != "" && !strings.Contains(" "+tt.want+" ", " "+filepath.Base(got)+" ") {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	if err := os.RemoveAll(filepath.Join(s.Dir(), "blobs")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.Dir(), "blobs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if again := list(); len(again) == 0 { // what was pruned is kept again
		t.Error("nothing is listed once the list was pruned")
	}
	if got := OtherProgram(before, before[1:]); got != before[0].Path {
		t.Errorf("one is gone: got %q", got)
	}
}

// A file without a build ID is another one wherever it differs; one with it goes by its head.
func TestContentID(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cc1")
	of := func(head, tail string) string {
		writeTool(t, file, head+strings.Repeat("x", maxHead)+tail)
		return contentID(file)
	}
	if of("", "one") == of("", "two") {
		t.Error("what is behind the head does not count")
	}
	if of(buildIDNote+"12345678901234567890", "one") == of(buildIDNote+"12345678901234567891", "one") {
		t.Error("the build ID does not count")
	}
	if got := contentID(filepath.Dir(file)); got != "" {
		t.Errorf("a directory is %q", got)
	}
}

// A static program is not run to see what it loads.
func TestLoads(t *testing.T) {
	testkit.Require(t, "gcc")
	dir := t.TempDir()
	source, program := filepath.Join(dir, "a.c"), filepath.Join(dir, "a")
	writeTool(t, source, `#include <stdio.h>
const char *name = "/ld-linux-x86-64.so.2";
int main(void)
{
	return puts("/this/is/run") < 0;
}
`)
	for option, want := range map[string]bool{"-static": false, "-pie": true} {
		testkit.Run(t, dir, "gcc", option, "-fPIE", "-o", program, source)
		if got := loads(program, os.Environ()); (len(got) > 0) != want {
			t.Errorf("%s: %q", option, got)
		}
	}
}

func names(list []Read) string {
	var all []string
	for _, r := range list {
		all = append(all, filepath.Base(r.Path))
	}
	return strings.Join(all, " ")
}

// BenchmarkPrograms is what a unit costs once the programs are known.
func BenchmarkPrograms(b *testing.B) {
	s, err := CreateStore(filepath.Join(b.TempDir(), "store"))
	if err != nil {
		b.Fatal(err)
	}
	u := &Unit{Dir: "/", Driver: "/usr/bin/gcc", As: "/usr/bin/as", Lang: "c", Argv: []string{"-O2", "-c", "a.c"}}
	for b.Loop() {
		if _, err := s.Programs(u, os.Environ()); err != nil {
			b.Fatal(err)
		}
	}
}
