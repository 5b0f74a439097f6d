package endtoend

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocare/internal/fault"
)

// otherOnAArch64 is what becomes of a refused change, by the name of its archive, where gcc for aarch64 gives another answer than the
// archive's code: another code, or a patch ("").
var otherOnAArch64 = map[string]fault.Code{
	"absolute-reference":     "", // code for fixed addresses reaches everything by distances
	"weak-undefined":         "", // a weak symbol is asked for in a slot, which the patch has one of
	"too-short":              "", // the jump to a replacement has 4 bytes, as has each instruction
	"variable-type+moved":    fault.DataSize,
	"static-lost+lto":        fault.SectionAnchors,
	"static-renamed+lto":     fault.SectionAnchors,
	"struct-layout+complex":  x86Only, // decimal numbers
	"intel-syntax":           x86Only, // -masm=intel
	"entry-table":            x86Only, // -mfentry
	"absolute-symbol":        x86Only, // assembly, as those below
	"asm-function":           x86Only,
	"direct-import":          x86Only,
	"out-of-range":           x86Only,
	"signature+caller":       x86Only,
	"unsupported-relocation": x86Only,
	"no-record+binary":       x86Only, // ld is that of this machine
}

// x86Only says that a source is none that gcc compiles for aarch64.
const x86Only fault.Code = "x86-64 only"

// TestRefusalsAArch64: what is refused for x86-64 is refused for aarch64, with the same code, unless it says here what becomes of it. `make vm`
// runs it.
func TestRefusalsAArch64(t *testing.T) {
	if os.Getenv("GOCARE_CELLS") == "" {
		t.Skip("make vm runs this")
	}
	tools := t.TempDir()
	for _, name := range []string{"objcopy", "strip"} { // the host's know its own format alone
		path, err := exec.LookPath("aarch64-linux-gnu-" + name)
		if err == nil {
			err = os.Symlink(path, filepath.Join(tools, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"KPCCREAL=aarch64-linux-gnu-gcc", "PATH=" + strings.Join([]string{tools, programs(t), os.Getenv("PATH")}, ":")}
	for _, r := range refusals(t) {
		want, other := otherOnAArch64[r.Name]
		if want == x86Only || slices.Contains(r.Tools, "clang") || slices.Contains(r.Tools, "g++") {
			continue
		}
		if !other {
			want = r.Code
		}
		for _, flags := range r.Flags {
			t.Run(r.Name+"/"+strings.ReplaceAll(flags, " ", ""), func(t *testing.T) {
				t.Parallel()
				if got := r.codeWith(t, slices.Concat(env, []string{"CFLAGS=" + flags})); got != want {
					t.Errorf("refused with %q, want %q", got, want)
				}
			})
		}
	}
}

// codeWith returns the code with which a change is refused in an environment, "" if it gives a patch.
func (r *refusal) codeWith(t *testing.T, env []string) fault.Code {
	t.Helper()
	dir := t.TempDir()
	writeTree(t, dir, r.Original)
	env = slices.Concat(env, r.Make)
	mustRun(t, 0, dir, env, "make", "CC=carecc", "CXX=carec++")
	args := append([]string{"--json"}, r.RefusedArgs...)
	if !maps.Equal(r.Original, r.Refused) {
		writePatch(t, dir, r.Original, r.Refused)
		args = append(args, "fix.patch")
	}
	made := run(t, dir, env, "patchmake", args...)
	var d document
	if err := json.Unmarshal([]byte(made.Stdout), &d); err != nil || (d.Error.Code == "") != (len(d.Patches) > 0) {
		t.Fatalf("%v: %v", err, made)
	}
	return d.Error.Code
}
