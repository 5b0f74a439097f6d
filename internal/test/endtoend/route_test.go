package endtoend

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// project is a small configured project: configure tries the compiler and writes the Makefile.
func project() map[string]string {
	return map[string]string{
		"configure": `#!/bin/sh
set -e
echo 'int main(void) { return 0; }' >conftest.c
${CC:-cc} -o conftest conftest.c
./conftest
rm -f conftest conftest.c
sed "s|@CC@|${CC:-cc}|" Makefile.in >Makefile
`,
		"Makefile.in": `CC = @CC@
CFLAGS = -O2 -g
OBJECTS = main.o count.o

all: counter

counter: $(OBJECTS)
	$(CC) $(CFLAGS) -o $@ $(OBJECTS)

.c.o:
	echo $< >>compiled
	$(CC) $(CFLAGS) -c -o $@ $<

install: all
	mkdir -p $(DESTDIR)/usr/bin
	cp counter $(DESTDIR)/usr/bin

clean:
	rm -f counter $(OBJECTS)
`,
		"main.c": `#include <stdio.h>

int count(int step);

int main(void)
{
	char line[64];

	while (fgets(line, sizeof line, stdin)) {
		printf("%d\n", count(1));
		fflush(stdout);
	}
	return 0;
}
`,
		"count.c": `static int total;

int count(int step)
{
	return total += step;
}
`,
	}
}

func patchedProject() map[string]string {
	files := project()
	files["count.c"] = strings.Replace(files["count.c"], "total += step", "total += 10 * step", 1)
	return files
}

// CC=carecc ./configure && make, then patchmake in the same tree: the recorded original is reused; of the patched one only
// what changed is compiled.
func TestConfigureMakePatch(t *testing.T) {
	programs(t)
	t.Parallel()
	dir := t.TempDir()
	writeTree(t, dir, project())
	if err := os.Chmod(filepath.Join(dir, "configure"), 0o755); err != nil {
		t.Fatal(err)
	}
	mustRun(t, 0, dir, []string{"CC=carecc"}, "./configure")
	mustRun(t, 0, dir, nil, "make")
	writePatch(t, dir, project(), patchedProject())
	mustRun(t, 0, dir, nil, "patchmake", "-i", "0001", "fix.patch")

	if compiled := readFile(t, filepath.Join(dir, "compiled")); compiled != "main.c\ncount.c\n" {
		t.Errorf("compiled in the tree: %q, want each file once", compiled)
	}
	p := testkit.Start(t, filepath.Join(dir, "lpmake", "usr", "bin", "counter"))
	hold(t, p, []turn{{Input: "", Want: "1"}, {Input: "", Want: "2"}})
	mustRun(t, 0, dir, nil, "carectl", "patch", "-p", pid(p), "patchroot")
	hold(t, p, []turn{{Input: "", Want: "12"}})
	mustRun(t, 0, dir, nil, "carectl", "unpatch", "-p", pid(p), "-i", "0001")
	hold(t, p, []turn{{Input: "", Want: "13"}})
}

// A tree built without carecc has no record: patchmake says so and names the way out.
func TestBuiltWithoutRecord(t *testing.T) {
	programs(t)
	t.Parallel()
	dir := t.TempDir()
	writeTree(t, dir, project())
	if err := os.Chmod(filepath.Join(dir, "configure"), 0o755); err != nil {
		t.Fatal(err)
	}
	mustRun(t, 0, dir, []string{"CC=gcc"}, "./configure")
	mustRun(t, 0, dir, nil, "make")
	writePatch(t, dir, project(), patchedProject())
	r := mustRun(t, 1, dir, nil, "patchmake", "-i", "0001", "fix.patch")
	assertContains(t, r.Stderr, "--clean")
}

// A link may have inputs without a record; what the patch changes of them is built once more.
func TestUnrecordedInput(t *testing.T) {
	programs(t)
	tests := []struct {
		name   string
		before string // built without a record
	}{
		{"an unchanged unit", "main.o"},
		{"the changed unit", "count.o"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			writeTree(t, dir, project())
			if err := os.Chmod(filepath.Join(dir, "configure"), 0o755); err != nil {
				t.Fatal(err)
			}
			mustRun(t, 0, dir, []string{"CC=carecc"}, "./configure")
			mustRun(t, 0, dir, []string{"KPATCH_STAGE=configure"}, "make", tt.before)
			mustRun(t, 0, dir, nil, "make")
			writePatch(t, dir, project(), patchedProject())
			r := mustRun(t, 0, dir, nil, "patchmake", "-i", "0001", "fix.patch")
			assertContains(t, r.Stdout, "replaces count")
		})
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
