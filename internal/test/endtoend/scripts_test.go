package endtoend

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// script runs one of scripts/ with the programs under test.
func script(t *testing.T, dir, name string, args ...string) result {
	t.Helper()
	bin := programs(t)
	env := []string{"GOCARE_BIN=" + bin, "TMPDIR=" + t.TempDir()}
	return mustRun(t, 0, dir, env, filepath.Join(testkit.Root(t), "scripts", name), args...)
}

// The demo tells the whole story, and make demo runs it.
func TestDemo(t *testing.T) {
	r := script(t, t.TempDir(), "demo")
	for _, line := range []string{
		`^\$ patchmake --clean -i 0001 foo\.patch$`, `^BUILDING PATCHED CODE$`, `^patch for .*/lpmake/foo is in .*/patchroot/[0-9a-f]{40}\.kpatch$`,
		`^1 patch hunk\(s\) have been successfully applied to PID '\d+'$`, `^Patch id: +0001$`,
		`^1 patch hunk\(s\) were successfully cancelled from PID '\d+'$`,
	} {
		if !regexp.MustCompile("(?m)" + line).MatchString(r.Stdout) {
			t.Errorf("no line like %s in:\n%s", line, r.Stdout)
		}
	}
	said := regexp.MustCompile(`(?m)^  Hello .*!$`).FindAllString(r.Stdout, -1)
	if got := slices.Compact(said); !slices.Equal(got, []string{"  Hello world!", "  Hello world being patched!", "  Hello world!"}) {
		t.Errorf("the program said %q", got)
	}
	plan := mustRun(t, 0, testkit.Root(t), nil, "make", "-n", "demo").Stdout
	if !strings.Contains(plan, "scripts/setup") || !strings.Contains(plan, "go build") || !strings.HasSuffix(plan, "scripts/demo\n") {
		t.Errorf("make demo does: %s", plan)
	}
}

// The benchmark prints every number that it promises.
func TestBench(t *testing.T) {
	testkit.Require(t, "awk")
	r := script(t, t.TempDir(), "bench", "units=2", "rounds=1", "threads=1,2", "depths=60", "functions=500", "asm=1", "processes=3", "cases=", "killed=^seldom_busy$/^patch$")
	for _, line := range []string{
		`^build of 2 units     gcc \d+ ms   carecc \d+ ms   ratio \d+\.\d+$`, `^patchmake, 2 units   recorded \d+ ms   --clean \d+ ms$`,
		`^  recorded: own work \d+\.\d+ s .* builds, compilers and assemblers \d+\.\d+ s$`,
		`^assembly, 2 x 1 MB     own work \d+\.\d+ s \(.* \d+ MB at most\)`,
		`^freeze, 1 threads +\d+ us   bare stop +\d+ us \(\d+\.\d\)   without stopping +\d+ us   by our own clock +\d+ and +\d+ us \(\d+\.\d\)$`,
		`^  its removal +\d+ us   bare stop +\d+ us .*   by our own clock +\d+ and +\d+ us \(\d+\.\d\)$`,
		`^freeze, 2 threads +\d+ us`, `^freeze, 10 threads, 60 calls deep +\d+ us`, `^freeze, 10 threads, 500 functions +\d+ us`,
		`^freeze, 10 threads, 1000 coroutines +\d+ us`, `^freeze, 10 threads, refused +\d+ us`,
		`^killed, seldom busy, patch: killed at \d+ calls, .* half patched for at most `,
		`^info, \d+ processes    \d+ ms   with patches \d+ ms$`,
	} {
		if !regexp.MustCompile("(?m)" + line).MatchString(r.Stdout) {
			t.Errorf("no line like %s in:\n%s", line, r.Stdout)
		}
	}
}

func TestZshCompletion(t *testing.T) {
	testkit.Require(t, "zsh")
	for _, tt := range []struct{ name, line, want string }{
		{"a command", "carectl un", "unpatch"},
		{"a long option", "patchmake --cle", "--clean"},
		{"an option of a command", "carectl patch --wa", "--wait"},
		{"a code that can be overridden", "patchmake --allow struct-", "struct-layout"},
		{"a code to explain", "patchmake explain data-s", "data-size"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// Stands in for zsh's own completion functions: what they would offer is printed.
			const text = `_describe() { print -l -- ${(P)2} }; _files() { : }; words=("$@"); CURRENT=$#; complete() { . $file }; complete`
			bin := programs(t)
			env := []string{"PATH=" + bin + ":/usr/bin:/bin"}
			file := "file=" + filepath.Join(testkit.Root(t), "scripts", "completion.zsh")
			args := append([]string{"-f", "-c", file + "; " + text, "zsh"}, strings.Fields(tt.line)...)
			r := mustRun(t, 0, t.TempDir(), env, "zsh", args...)
			offered := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(tt.want) + `(:|$)`)
			if !offered.MatchString(r.Stdout) {
				t.Errorf("%q completes to %q, want %q among them", tt.line, r.Stdout, tt.want)
			}
		})
	}
}

// debianPackage is a Debian source package without helpers.
var debianPackage = map[string]string{
	"hello.c":  "int main(void) { return 0; }\n",
	"Makefile": "hello: hello.c\n\t$(CC) -O2 -o hello hello.c\n",
	"debian/control": "Source: gocare-hello\nMaintainer: Nobody <nobody@localhost>\nStandards-Version: 4.6.2\nRules-Requires-Root: no\n\n" +
		"Package: gocare-hello\nArchitecture: any\nDescription: says nothing\n",
	"debian/changelog":     "gocare-hello (1.0) unstable; urgency=low\n\n  * First.\n\n -- Nobody <nobody@localhost>  Thu, 01 Jan 2026 00:00:00 +0000\n",
	"debian/source/format": "3.0 (native)\n",
	"debian/rules": `#!/usr/bin/make -f
build build-arch build-indep:
	$(MAKE) CC=gcc
clean:
	rm -rf hello debian/tmp debian/files
binary-indep:
binary binary-arch: build
	mkdir -p debian/tmp/DEBIAN debian/tmp/usr/bin
	cp hello debian/tmp/usr/bin
	dpkg-gencontrol
	dpkg-deb --root-owner-group --build debian/tmp ..
`,
}

// A Debian package that names its own compiler is recorded by gocare-dpkg, and is the one that is built without.
func TestGocareDpkg(t *testing.T) {
	testkit.Require(t, "dpkg-buildpackage", "make", "gcc")
	bin := programs(t)
	build := func(command string, args ...string) string {
		dir := t.TempDir()
		src := filepath.Join(dir, "src")
		for name, text := range debianPackage {
			testkit.WriteFile(t, filepath.Join(src, name), text)
		}
		testkit.Run(t, src, "chmod", "755", "debian/rules")
		mustRun(t, 0, src, []string{"PATH=" + bin + ":/usr/sbin:/usr/bin:/sbin:/bin"}, command, append(args, "-b", "-us", "-uc", "-d")...)
		if debs, _ := filepath.Glob(filepath.Join(dir, "gocare-hello_1.0_*.deb")); len(debs) != 1 {
			t.Fatalf("%s built %q", command, debs)
		}
		return src
	}
	src := build(filepath.Join(testkit.Root(t), "scripts", "gocare-dpkg"))
	recorded := mustRun(t, 0, src, nil, "patchmake", "record").Stdout
	if !strings.Contains(recorded, "unit c: ") || !strings.Contains(recorded, "link ") || !strings.Contains(recorded, "hello.c") {
		t.Errorf("recorded: %s", recorded)
	}
	without := build("dpkg-buildpackage")
	notes := func(dir string) string { return testkit.Run(t, dir, "readelf", "-n", "hello") }
	if a, b := notes(src), notes(without); a == "" || !strings.Contains(a, "Build ID") || a != b {
		t.Errorf("recorded:\n%s\nwithout:\n%s", a, b)
	}
	empty := mustRun(t, 1, t.TempDir(), nil, filepath.Join(testkit.Root(t), "scripts", "gocare-dpkg"))
	if !strings.Contains(empty.Stderr, "error: no debian/rules here") || !strings.Contains(empty.Stderr, "hint: ") {
		t.Errorf("elsewhere: %v", empty)
	}
}
