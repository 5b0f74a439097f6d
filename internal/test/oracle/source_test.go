package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// Stand-ins for the tools that fetch and unpack a source package: they write down how they are called. Of two versions that are
// offered, the newer cannot be fetched.
const (
	aptCache = `#!/bin/sh
echo apt-cache "$@" >>"$CALLS"
printf 'Package: lua5.4\nVersion: %s\n' 5.4.1-1 5.4.2-1
`
	aptGet = `#!/bin/sh
echo apt-get "$@" >>"$CALLS"
case "$*" in
*5.4.2-1) exit 100 ;;
*) touch lua5.4_5.4.1-1.dsc ;;
esac
`
	dpkgSource = `#!/bin/sh
echo dpkg-source "$@" >>"$CALLS"
mkdir -p "$4/.pc"
`
)

// TestSource: a source package is fetched where none was fetched before, the newest first that can be had, and unpacked.
func TestSource(t *testing.T) {
	for _, tt := range []struct {
		name    string
		fetched string // a source package that is there
		want    []string
	}{
		{"nothing there", "", []string{
			"apt-cache showsrc --only-source lua5.4",
			"apt-get source --download-only -q lua5.4=5.4.2-1", "apt-get source --download-only -q lua5.4=5.4.1-1",
			"dpkg-source --no-check -x DL/lua5.4_5.4.1-1.dsc TREE",
		}},
		{"one there", "lua5.4_5.4.0-1.dsc", []string{"dpkg-source --no-check -x DL/lua5.4_5.4.0-1.dsc TREE"}},
		{"another package's there", "lua5.3_5.3.0-1.dsc", []string{
			"apt-cache showsrc --only-source lua5.4",
			"apt-get source --download-only -q lua5.4=5.4.2-1", "apt-get source --download-only -q lua5.4=5.4.1-1",
			"dpkg-source --no-check -x DL/lua5.4_5.4.1-1.dsc TREE",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			bin, dl, tree, calls := filepath.Join(dir, "bin"), filepath.Join(dir, "dl"), filepath.Join(dir, "tree"), filepath.Join(dir, "calls")
			for name, text := range map[string]string{
				"apt-cache": aptCache, "apt-get": aptGet, "dpkg-source": dpkgSource, "dpkg-buildflags": "#!/bin/sh\n",
			} {
				testkit.WriteFile(t, filepath.Join(bin, name), text)
				if err := os.Chmod(filepath.Join(bin, name), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if tt.fetched != "" {
				testkit.WriteFile(t, filepath.Join(dl, tt.fetched), "")
			}
			lib := filepath.Join(testkit.Root(t), "testdata", "oracle", "lib.sh")
			if _, err := os.Stat(lib); err != nil { // also tells go test that the result depends on it
				t.Fatal(err)
			}
			cmd := exec.Command("bash", lib, "oracle_source")
			cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "RECIPE=lua", "LEVEL=deb", "DL="+dl, "TREE="+tree, "CALLS="+calls)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			got, err := os.ReadFile(calls)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.NewReplacer(dl, "DL", tree, "TREE").Replace(string(got))
			if want := strings.Join(tt.want, "\n") + "\n"; text != want {
				t.Errorf("got\n%swant\n%s", text, want)
			}
			if _, err := os.Stat(filepath.Join(tree, ".pc")); err == nil {
				t.Error(".pc is still there")
			}
		})
	}
}
