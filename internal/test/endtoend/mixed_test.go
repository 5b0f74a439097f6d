package endtoend

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// mixed is a program of three units: code.c, which most patches change, and two beside it, of which others may not even be C.
func mixed(beside string) map[string]string {
	return map[string]string{
		"Makefile": `CFLAGS = -O2 -g
CXXFLAGS ?= -O2 -g
LINK ?= $(CC)
OBJECTS = main.o code.o beside.o

prog: $(OBJECTS)
	$(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJECTS)
main.o beside.o: CFLAGS += $(BESIDE)
code.o: CFLAGS += $(CODE)
beside.o: beside.cc
	$(CXX) $(CXXFLAGS) -c -o $@ $<
install: prog
	mkdir -p $(DESTDIR)
	cp prog $(DESTDIR)
clean:
	rm -f prog *.o
`,
		"main.c": `#include <stdio.h>
#include <stdlib.h>

int code(int n);
int beside(int n);

int main(void)
{
	char line[64];

	while (fgets(line, sizeof line, stdin)) {
		printf("%d %d\n", code(atoi(line)), beside(atoi(line)));
		fflush(stdout);
	}
	return 0;
}
`,
		"code.c": `int beside(int n);

__attribute__((noinline)) int code(int n)
{
	return beside(n) * n + 1;
}
`,
		"beside.cc": beside,
	}
}

// mixedTalk patches a live program whose code(n) is n*beside(n)+1 to +2, and asks it before, between and after.
func mixedTalk(t *testing.T, dir string) {
	p := testkit.Start(t, filepath.Join(dir, "lpmake", "prog"))
	hold(t, p, []turn{{Input: "3", Want: "40 13"}})
	mustRun(t, 0, dir, nil, "carectl", "patch", "-p", pid(p), "patchroot")
	hold(t, p, []turn{{Input: "3", Want: "41 13"}})
	mustRun(t, 0, dir, nil, "carectl", "unpatch", "-p", pid(p), "-i", "m1")
	hold(t, p, []turn{{Input: "3", Want: "40 13"}})
}

// Code that gcc makes when a program is linked can be patched; clang's is refused by name, and other units of the same program can be
// patched.
func TestLTO(t *testing.T) {
	programs(t)
	const plainC = `#ifdef __cplusplus
extern "C"
#endif
__attribute__((noinline)) int beside(int n) { return n + 10; }
`
	tests := []struct {
		name, compiler, link string
		beside, code         string // flags of the unit that changes and of the others
		refused              string
	}{
		{"gcc beside", "gcc", "-flto", "-flto", "", ""},
		{"gcc", "gcc", "-flto", "-flto", "-flto", ""},
		{"gcc code and language, linked anew", "gcc", "-flto", "-flto -ffat-lto-objects", "-flto -ffat-lto-objects", ""},
		{"gcc code and language, linked as code", "gcc", "-fno-lto", "-flto -ffat-lto-objects", "-flto -ffat-lto-objects", ""},
		{"clang beside", "clang", "-flto", "-flto", "", ""},
		{"clang", "clang", "-flto", "-flto", "-flto", "lto"},
		{"clang and lld beside", "clang", "-flto -fuse-ld=lld -Wl,--build-id=sha1", "-flto", "", ""},
		{"clang and lld", "clang", "-flto=thin -fuse-ld=lld -Wl,--build-id=sha1", "-flto=thin", "-flto=thin", "lto"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			testkit.Require(t, tt.compiler)
			if _, err := exec.LookPath("ld.lld"); strings.Contains(tt.link, "lld") && err != nil {
				t.Log("no ld.lld here")
				return
			}
			t.Parallel()
			dir := t.TempDir()
			original, patched := mixed(plainC), mixed(plainC)
			patched["code.c"] = strings.Replace(patched["code.c"], "+ 1", "+ 2", 1)
			writeTree(t, dir, original)
			writePatch(t, dir, original, patched)
			env := []string{
				"KPCCREAL=" + tt.compiler, "CXX=carecc -x c", "BESIDE=" + tt.beside, "CXXFLAGS=-O2 -g " + tt.beside,
				"CODE=" + tt.code, "LDFLAGS=" + tt.link,
			}
			if tt.refused != "" {
				r := mustRun(t, 1, dir, env, "patchmake", "--json", "-i", "m1", "fix.patch")
				assertContains(t, r.Stdout, `"`+tt.refused+`"`)
				assertContains(t, r.Stdout, "code.o")
				return
			}
			mustRun(t, 0, dir, env, "patchmake", "-i", "m1", "fix.patch")
			mixedTalk(t, dir)
		})
	}
}

// C code beside C++ code with exception tables and templates, and that itself.
func TestCXXBeside(t *testing.T) {
	programs(t)
	const beside = `#include <string>
#include <stdexcept>

template <class T> __attribute__((noinline)) T plus(T a, T b) { return a + b; }

struct clean { std::string s; ~clean() { s += "x"; } };

extern "C" __attribute__((noinline)) int thrower(int n)
{
	if (n > 100)
		throw std::runtime_error("large");
	return n;
}

extern "C" int beside(int n)
{
	try {
		clean c;
		return plus(thrower(n), 10);
	} catch (std::exception &) {
		return -1;
	}
}
`
	for _, compiler := range []string{"gcc", "clang"} {
		t.Run(compiler, func(t *testing.T) {
			cxx := map[string]string{"gcc": "g++", "clang": "clang++"}[compiler]
			testkit.Require(t, compiler, cxx)
			t.Parallel()
			dir := t.TempDir()
			original, patched := mixed(beside), mixed(beside)
			patched["code.c"] = strings.Replace(patched["code.c"], "+ 1", "+ 2", 1)
			writeTree(t, dir, original)
			writePatch(t, dir, original, patched)
			env := []string{"KPCCREAL=" + compiler, "KPCXXREAL=" + cxx, "LINK=carec++"}
			mustRun(t, 0, dir, env, "patchmake", "-i", "m1", "fix.patch")
			mixedTalk(t, dir)
		})
	}
}
