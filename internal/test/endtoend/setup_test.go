package endtoend

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// machine is a PATH in which nothing is but what a test puts there.
type machine struct {
	t   *testing.T
	bin string
	log string // what the stand-ins were asked, a line each
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	testkit.Require(t, "bash", "awk", "comm")
	dir := t.TempDir()
	m := &machine{t: t, bin: filepath.Join(dir, "bin"), log: filepath.Join(dir, "log")}
	for _, name := range []string{"bash", "sed", "sort", "tr", "head", "cut", "dirname", "env", "cat", "awk", "comm", "ln", "tee", "sh"} {
		m.link(name)
	}
	testkit.WriteFile(t, m.log, "")
	m.script("gcc", `echo /usr/lib/libc.a`) // where the static C library is
	for _, name := range []string{"g++", "make", "git", "readelf", "diff"} {
		m.script(name, ":")
	}
	m.script("go", `echo "go version go99.1 linux/amd64"`)
	m.script("id", "echo 1000")
	return m
}

// link makes one of this machine's own programs available.
func (m *machine) link(name string) {
	m.t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := os.MkdirAll(m.bin, 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Symlink(path, filepath.Join(m.bin, name)); err != nil {
		m.t.Fatal(err)
	}
}

// script makes a stand-in.
func (m *machine) script(name, body string) {
	m.t.Helper()
	path := filepath.Join(m.bin, name)
	testkit.WriteFile(m.t, path, "#!/bin/bash\n"+body+"\n")
	if err := os.Chmod(path, 0o755); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) remove(name string) {
	m.t.Helper()
	if err := os.Remove(filepath.Join(m.bin, name)); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) setup(env []string, args ...string) result {
	m.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(filepath.Join(testkit.Root(m.t), "scripts", "setup"), args...)
	cmd.Env = append([]string{"PATH=" + m.bin, "HOME=" + m.t.TempDir()}, env...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // the status is looked at below
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// installer returns a stand-in for a package manager that logs its arguments and makes gcc and readelf appear.
func (m *machine) installer(name string) string {
	return fmt.Sprintf(`echo "%s $*" >>%s
case "$*" in *install*)
	for p in gcc readelf; do printf '#!/bin/bash\necho /usr/lib/libc.a\n' >%s/$p; /bin/chmod +x %s/$p; done ;;
esac`, name, m.log, m.bin, m.bin)
}

func TestSetupNothingMissing(t *testing.T) {
	m := newMachine(t)
	m.script("dnf", m.installer("dnf"))
	if r := m.setup(nil); r.Status != 0 || r.Stdout+r.Stderr != "" {
		t.Errorf("want silence, got %v", r)
	}
	if log := readFile(t, m.log); log != "" {
		t.Errorf("asked the package manager: %s", log)
	}
}

func TestSetupInstalls(t *testing.T) {
	const sudo = `[ "$1" = -n ] && shift; exec "$@"`
	tests := []struct {
		name    string
		manager string
		root    bool
		sudo    string // body of the stand-in, "" for none
		status  int
		log     []string // beginnings of the lines
		say     string
	}{
		{"dnf as root", "dnf", true, "", 0, []string{"dnf install -y -q binutils gcc"}, "installing binutils gcc"},
		{"dnf through sudo", "dnf", false, sudo, 0, []string{"dnf install -y -q binutils gcc"}, "installing"},
		{"apt-get as root", "apt-get", true, "", 0, []string{"apt-get -q update", "apt-get -o DPkg::Lock::Timeout=600 install"}, "installing"},
		{"dnf, not allowed", "dnf", false, "", 1, nil, "type: sudo sh -c 'dnf install -y binutils gcc"},
		{"sudo asks for a password", "apt-get", false, "exit 1", 1, nil, "type: sudo sh -c 'apt-get update && apt-get install -y"},
		{"no package manager", "", true, "", 1, nil, "neither apt-get nor dnf"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			m.remove("gcc")
			m.remove("readelf")
			if tt.manager != "" {
				m.script(tt.manager, m.installer(tt.manager))
			}
			if tt.root {
				m.script("id", "echo 0")
			}
			if tt.sudo != "" {
				m.script("sudo", tt.sudo)
				m.link("true")
			}
			r := m.setup(nil)
			if r.Status != tt.status || !strings.Contains(r.Stderr, tt.say) {
				t.Errorf("want exit status %d and %q, got %v", tt.status, tt.say, r)
			}
			log := strings.Split(strings.TrimSpace(readFile(t, m.log)), "\n")
			for i, want := range tt.log {
				if i >= len(log) || !strings.HasPrefix(log[i], want) {
					t.Errorf("want %q as call %d, got %q", want, i, log)
				}
			}
			if tt.log == nil && log[0] != "" {
				t.Errorf("want no calls, got %q", log)
			}
		})
	}
}

func TestSetupOlderGo(t *testing.T) {
	tests := []struct {
		name   string
		tool   string // body of the stand-in, "" for none
		status int
		say    string
	}{
		{"none", "", 1, "hint:"},
		{"before toolchains", `echo "go version go1.19.8 linux/amd64"`, 1, "older than go"},
		{"fetches a newer one by itself", `[ "${GOTOOLCHAIN:-}" = local ] && v=1.21.0 || v=99.1; echo "go version go$v linux/amd64"`, 0, ""},
		{"may not fetch one", `[ "${GOTOOLCHAIN:-}" = local ] || exit 1; echo "go version go1.22.1 linux/amd64"`, 1, "older than go"},
		{"newer", `echo "go version go99.1 linux/amd64"`, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			if tt.tool == "" {
				m.remove("go")
			} else {
				m.script("go", tt.tool)
			}
			r := m.setup(nil)
			if r.Status != tt.status || !strings.Contains(r.Stderr, tt.say) {
				t.Errorf("want exit status %d and %q, got %v", tt.status, tt.say, r)
			}
			if tt.status != 0 && !strings.Contains(r.Stderr, "type: ") && !strings.Contains(r.Stderr, "https://") {
				t.Errorf("no line to type: %v", r)
			}
		})
	}
}

func TestSetupCorpusNeedsDebian(t *testing.T) {
	m := newMachine(t)
	m.script("dnf", m.installer("dnf"))
	r := m.setup(nil, "--corpus")
	if r.Status != 1 || !strings.Contains(r.Stderr, "Debian") {
		t.Errorf("want exit status 1 and a word on Debian, got %v", r)
	}
}

// A deb-src twin is made of Debian's own entries in both notations, not of a third party's that uses the same suite name. The
// archives are directories; apt-get is the real one, with every directory of its own.
func TestSetupCorpusSources(t *testing.T) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip("not Debian: no apt-get here")
	}
	tests := []struct {
		name, file, text string // %[1]s is Debian's archive, %[2]s the other's
		made, want       string
	}{
		{
			"deb822", "debian.sources",
			"# kept as it was\nTypes: deb\nURIs: file:%[1]s\nSuites: stable\nComponents: main\nTrusted: yes\n\n" +
				"Types: deb\nURIs: file:%[2]s/\nSuites: stable\nComponents: main\nTrusted: yes\n",
			"gocare-src.sources",
			"Types: deb-src\nURIs: file:%[1]s\nSuites: stable\nComponents: main\nTrusted: yes\n",
		},
		{
			"one line", "debian.list",
			"deb [trusted=yes] file:%[1]s stable main\ndeb [trusted=yes] file:%[2]s stable main\n",
			"gocare-src.list",
			"deb-src [trusted=yes] file:%[1]s stable main\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			debian, other := filepath.Join(dir, "debian"), filepath.Join(dir, "other")
			writeArchive(t, debian, "Debian")
			writeArchive(t, other, "Somebody")
			parts := filepath.Join(dir, "etc", "sources.list.d")
			testkit.WriteFile(t, filepath.Join(parts, tt.file), fmt.Sprintf(tt.text, debian, other))
			m := newMachine(t)
			for _, name := range []string{"apt-get", "apt-config", "dpkg"} {
				m.link(name)
			}
			for _, name := range []string{"dpkg-source", "patch", "python3"} {
				m.script(name, ":")
			}
			config := writeAptConfig(t, dir)
			for range 2 { // the second time there is nothing to do
				if r := m.setup([]string{"APT_CONFIG=" + config}, "--corpus"); r.Status != 0 {
					t.Fatalf("%v", r)
				}
				got := strings.TrimSpace(readFile(t, filepath.Join(parts, tt.made)))
				if want := strings.TrimSpace(fmt.Sprintf(tt.want, debian)); !strings.HasPrefix(got, want) || strings.Contains(got, other) {
					t.Errorf("got:\n%s\nwant:\n%s", got, want)
				}
			}
		})
	}
}

// writeArchive writes an archive of one package without a file behind it.
func writeArchive(t *testing.T, dir, origin string) {
	t.Helper()
	arch := strings.TrimSpace(testkit.Run(t, t.TempDir(), "dpkg", "--print-architecture"))
	release := fmt.Sprintf("Origin: %s\nSuite: stable\nCodename: stable\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n"+
		"Architectures: %s\nComponents: main\nSHA256:\n", origin, arch)
	suite := filepath.Join(dir, "dists", "stable")
	for index, text := range map[string]string{
		"main/binary-" + arch + "/Packages": "Package: sample\nVersion: 1\nArchitecture: all\nFilename: sample.deb\nSize: 1\n",
		"main/source/Sources":               "Package: sample\nVersion: 1\nFormat: 1.0\nDirectory: .\n",
	} {
		testkit.WriteFile(t, filepath.Join(suite, index), text)
		release += fmt.Sprintf(" %x %d %s\n", sha256.Sum256([]byte(text)), len(text), index)
	}
	testkit.WriteFile(t, filepath.Join(suite, "Release"), release)
}

func writeAptConfig(t *testing.T, dir string) string {
	t.Helper()
	for _, name := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "apt.conf")
	testkit.WriteFile(t, path, fmt.Sprintf(`Dir::Etc::sourcelist "%[1]s/etc/sources.list";
Dir::Etc::sourceparts "%[1]s/etc/sources.list.d";
Dir::State "%[1]s/state";
Dir::Cache "%[1]s/cache";
APT::Sandbox::User "";
Acquire::Languages "none";
`, dir))
	return path
}
