package endtoend

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"gocare/internal/test/testkit"
)

// packageSources unpacks the archive of source packages; what is built from it is somebody else's work.
func packageSources(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	a, err := txtar.ParseFile(filepath.Join("testdata", "packages.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	tree := map[string]string{}
	for _, f := range a.Files {
		tree[f.Name] = string(f.Data)
		if name, shared := strings.CutPrefix(f.Name, "server/"); shared && strings.HasSuffix(f.Name, "er.c") || strings.HasSuffix(f.Name, "answer.h") {
			tree["daemon/"+name] = string(f.Data)
		}
	}
	writeTree(t, dir, tree)
	for _, script := range []string{"server/debian/rules", "daemon/configure"} {
		if err := os.Chmod(filepath.Join(dir, script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// packaging runs one of the packaging commands, which find each other and the programs in PATH.
func packaging(t *testing.T, status int, dir, name string, args ...string) result {
	t.Helper()
	scripts := filepath.Join(testkit.Root(t), "scripts")
	env := []string{"PATH=" + programs(t) + ":" + scripts + ":" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir(), "HOME=" + t.TempDir()}
	if _, err := os.Stat(filepath.Join(scripts, name)); err == nil {
		name = filepath.Join(scripts, name)
	}
	return mustRun(t, status, dir, env, name, args...)
}

// one returns the only file that a pattern below dir matches.
func one(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s in %s: %q, %v", pattern, dir, found, err)
	}
	return found[0]
}

// livePatched starts a shipped program, and applies and removes what lies in the directory of live patches below root.
func livePatched(t *testing.T, program, root string, env ...string) {
	t.Helper()
	patches := one(t, root, "usr/lib/gocare/livepatch/*")
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), env...)
	p := testkit.StartCmd(t, cmd)
	hold(t, p, []turn{{Input: "", Want: "old 1"}, {Input: "", Want: "old 2"}})
	mustRun(t, 0, root, nil, "carectl", "patch", "-p", pid(p), patches)
	hold(t, p, []turn{{Input: "", Want: "new 3"}})
	mustRun(t, 0, root, nil, "carectl", "unpatch", "-p", pid(p), "-i", "CVE1")
	hold(t, p, []turn{{Input: "", Want: "old 4"}})
}

// The stripped program of a Debian package is patched from its source package, whose stamp is past, though another program in it is not
// what the source gives.
func TestDebianPackage(t *testing.T) {
	programs(t)
	t.Parallel()
	testkit.Require(t, "dpkg-buildpackage")
	dir := packageSources(t)
	testkit.Run(t, dir, "cp", "-r", "server", "official")
	packaging(t, 0, filepath.Join(dir, "official"), "env", "OTHER=-DX -O1 -static-pie", "dpkg-buildpackage", "-b", "-us", "-uc")
	deb := one(t, dir, "server_*.deb")

	r := packaging(t, 0, dir, "gocare-dpkg", "--package", deb, "--source=server", "--patch", "fix.patch", "-i", "CVE1", "-o", "out", "-m", "a description", "--work", "kept")
	assertContains(t, r.Stderr, "bin/other: the rebuilt binary is not the one to be patched")
	assertContains(t, r.Stdout, "live patch CVE1 for server 1:1.0~rc1-1 is in")
	made := one(t, dir, "out/livepatch-server-1.0.rc1-1-cve1_1_amd64.deb")
	control := testkit.Run(t, dir, "dpkg-deb", "-f", made)
	assertContains(t, control, "Enhances: server\n")
	assertContains(t, control, "a description")
	if regexp.MustCompile(`(?m)^(Pre-)?(Depends|Conflicts|Breaks):`).MatchString(control) {
		t.Errorf("it cannot stand beside every version of the package:\n%s", control)
	}
	for _, d := range []string{deb, made} {
		testkit.Run(t, dir, "dpkg-deb", "-x", d, "installed")
	}
	livePatched(t, filepath.Join(dir, "installed/usr/bin/server"), filepath.Join(dir, "installed"))

	r = packaging(t, 1, dir, "gocare-dpkg", "--package", deb, "--source=server", "--patch", "other.patch", "--work", "kept")
	assertContains(t, r.Stderr, "bin/other: the rebuilt binary is not the one to be patched")
	if n := strings.Count(r.Stderr, "cc -g"); n != 4 {
		t.Errorf("the second patch was made with %d compiles; the original was to be built no more", n)
	}

	testkit.WriteFile(t, filepath.Join(dir, "server/debian/changelog"), strings.Replace(readFile(t, filepath.Join(dir, "server/debian/changelog")), "rc1", "rc2", 1))
	r = packaging(t, 1, dir, "gocare-dpkg", "--package", deb, "--source=server", "--patch", "fix.patch")
	assertContains(t, r.Stderr, "the source is server 1:1.0~rc2-1, the packages are of 1:1.0~rc1-1")
}

// Nothing is built where the command line or the patch is of no use.
func TestDebianPackageRefused(t *testing.T) {
	programs(t)
	t.Parallel()
	testkit.Require(t, "dpkg-buildpackage")
	dir := packageSources(t)
	testkit.WriteFile(t, filepath.Join(dir, "list.patch"), "--- a/debian/patches/series\n+++ b/debian/patches/series\n@@ -0,0 +1 @@\n+fix.patch\n")
	tests := []struct {
		name   string
		args   []string
		status int
		want   string
	}{
		{"no patch", []string{"--package", "libc6"}, 2, "no --patch given"},
		{"no package", []string{"--patch", "fix.patch"}, 2, "no --package given, and no debian/rules here"},
		{"no such package", []string{"--patch", "fix.patch", "--package", "no-such-package"}, 1, "no-such-package is not installed"},
		{"no such patch", []string{"--patch", "no.patch", "--package", "libc6"}, 1, "no.patch: cannot be read"},
		{"an id that is none", []string{"--patch", "fix.patch", "--package", "libc6", "-i", "too-long-id"}, 2, "--id too-long-id"},
		{"a patch of the list of patches", []string{"--patch", "list.patch", "--source", "server"}, 1, "list.patch adds to debian/patches"},
		{"an unknown option", []string{"--patch", "fix.patch", "--pakage", "libc6"}, 2, "--pakage: unknown option"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assertContains(t, packaging(t, tt.status, dir, "gocare-dpkg", tt.args...).Stderr, tt.want)
		})
	}
}

// Programs of RPM packages, with the BuildIDs that find-debuginfo gave them, are patched from their source package.
func TestRPMPackage(t *testing.T) {
	programs(t)
	testkit.Require(t, "rpmbuild", "rpm2archive", "meson", "ninja")
	tests := []struct {
		name string
		args []string // of gocare-rpm
	}{
		{"server", nil},
		{"daemon", []string{"-j", "2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := packageSources(t)
			sourceArchive(t, dir, tt.name)
			packaging(t, 0, dir, "rpmbuild", "--define", "_topdir "+dir, "--define", "dist .fc99", "-ba", tt.name+".spec")
			binary := one(t, dir, "RPMS/*/"+tt.name+"-1*.rpm")
			packaging(t, 0, dir, "gocare-rpm", append(tt.args, "--source", one(t, dir, "SRPMS/*.rpm"), "--package", binary, one(t, dir, "RPMS/*/*debuginfo*.rpm"),
				"--patch", "fix.patch", "-i", "CVE1", "-o", "out")...)
			made := one(t, dir, "out/livepatch-"+tt.name+"-1.0-1.fc99-CVE1-1-1.*.rpm")
			if needs := testkit.Run(t, dir, "rpm", "-qp", "--requires", made); regexp.MustCompile(`(?m)^[^r]`).MatchString(needs) { // all are rpmlib(…)
				t.Errorf("it cannot stand beside every version of the package: it needs %s", needs)
			}
			for _, file := range []string{binary, made} {
				testkit.Run(t, dir, "sh", "-c", `mkdir -p installed && rpm2archive - <"$1" | tar -xzC installed`, "sh", file)
			}
			root := filepath.Join(dir, "installed")
			livePatched(t, filepath.Join(root, "usr/bin/server"), root, "LD_LIBRARY_PATH="+filepath.Join(root, "usr/lib64"))
		})
	}
}

// A spec file makes a package of live patches beside the others; and one that stays as it is leaves a record, by the line in the macros.
func TestRPMHooks(t *testing.T) {
	programs(t)
	t.Parallel()
	testkit.Require(t, "rpmbuild", "rpm2archive")
	dir := packageSources(t)
	sourceArchive(t, dir, "server")
	macros := filepath.Join(testkit.Root(t), "scripts", "macros.gocare")
	packaging(t, 0, dir, "rpmbuild", "--load", macros, "--define", "_topdir "+dir, "-ba", "hook.spec")
	for _, name := range []string{"server-1*.rpm", "livepatch-server-1.0-1-CVE1-1.0-1.*.rpm"} {
		testkit.Run(t, dir, "sh", "-c", `mkdir -p installed && rpm2archive - <"$1" | tar -xzC installed`, "sh", one(t, dir, "RPMS/*/"+name))
	}
	root := filepath.Join(dir, "installed")
	livePatched(t, filepath.Join(root, "usr/bin/server"), root)

	line := regexp.MustCompile(`(?m)^# +(rpmbuild .*) -ba SPEC$`).FindStringSubmatch(readFile(t, macros))
	if line == nil {
		t.Fatal("the macros print no line")
	}
	packaging(t, 0, dir, "sh", "-c", line[1]+` --load "$1" --define "_topdir $2" -ba server.spec`, "sh", macros, dir)
	packaging(t, 0, filepath.Join(dir, "BUILD", "server"), "patchmake", "../../fix.patch")
}

// sourceArchive makes the archive that a spec file names.
func sourceArchive(t *testing.T, dir, name string) {
	t.Helper()
	testkit.Run(t, dir, "mkdir", "SOURCES")
	testkit.Run(t, dir, "cp", "fix.patch", "SOURCES")
	testkit.Run(t, dir, "tar", "-czf", "SOURCES/"+name+".tar.gz", name)
}

// The pages of the packaging commands have the options that they print, and no others; completion offers them.
func TestPackagingOptions(t *testing.T) {
	for _, name := range []string{"gocare-dpkg", "gocare-rpm"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			long := regexp.MustCompile(`--[a-z]+(-[a-z]+)*`)
			unique := func(text string) []string {
				all := long.FindAllString(text, -1)
				slices.Sort(all)
				return slices.Compact(all)
			}
			_, list, _ := strings.Cut(packaging(t, 0, dir, name, "--help").Stdout, "\n\n")
			want := unique(list)
			_, section, _ := strings.Cut(manPage(t, name+".1"), "\n.SH OPTIONS\n")
			section, _, _ = strings.Cut(section, "\n.SH ")
			if got := unique(section); !slices.Equal(got, want) || len(want) < 10 {
				t.Errorf("the page describes %q, the help %q", got, want)
			}
			if got := unique(packaging(t, 0, dir, name, "--wor", "--generate-bash-completion").Stdout); !slices.Equal(got, want) {
				t.Errorf("completion offers %q, want %q", got, want)
			}
		})
	}
}
