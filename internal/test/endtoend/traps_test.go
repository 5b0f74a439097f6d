package endtoend

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gocare/internal/elfobj"
	"gocare/internal/test/gobuild"
)

// peek prints the memory that its arguments name, address and size by turns. Its function has a cold part.
const peek = `#include <stdio.h>
#include <stdlib.h>

int report(int) __attribute__((cold, noinline));
int report(int x) { return printf("odd %d\n", x); }

__attribute__((noinline)) int value(int x)
{
	if (x > 1000) {
		report(x);
		report(x + 1);
		abort();
	}
	return x * 3 + 1;
}

int main(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		unsigned char *at = (unsigned char *)strtoul(argv[i], 0, 0);
		for (int n = atoi(argv[i + 1]); n > 0; n--)
			printf("%02x", *at++);
		printf("\n");
	}
	return value(1) != 4;
}
`

// In the oracle's build of carectl all code that a patch replaces is traps behind the hooks, each part of it; in any other
// build it is as it was, and nothing of the traps is in the program.
func TestTraps(t *testing.T) {
	bin := programs(t)
	oracle, err := gobuild.Traps(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		carectl string
		traps   bool
	}{{filepath.Join(bin, "carectl"), false}, {oracle, true}} {
		data, err := os.ReadFile(tt.carectl)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("traps in ")) != tt.traps {
			t.Errorf("%s: has traps: %v", tt.carectl, !tt.traps)
		}
	}
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{
		"peek.c": peek,
		"Makefile": "all: peek\npeek: peek.c\n\tgcc -O2 -g -no-pie -fno-pie -o peek peek.c\n" +
			"install:\n\tmkdir -p $(DESTDIR)\n\tcp peek $(DESTDIR)\nclean:\n\trm -f peek\n",
	})
	mustRun(t, 0, dir, nil, "patchmake", "--clean", "--identity", "*")
	f, err := elfobj.Load(filepath.Join(dir, "lpmake", "peek"))
	if err != nil {
		t.Fatal(err)
	}
	patch := filepath.Join(dir, "patchroot", f.BuildID()+".kpatch")
	var document struct {
		Meta struct {
			Parts []struct {
				Function, Name string
				Addr, Size     uint64
			}
		}
	}
	if err := json.Unmarshal([]byte(mustRun(t, 0, dir, nil, "patchmake", "inspect", "--json", patch).Stdout), &document); err != nil {
		t.Fatal(err)
	}
	args := []string{"run", patch, "--", filepath.Join(dir, "lpmake", "peek")}
	cold := false
	for _, part := range document.Meta.Parts {
		args = append(args, strconv.FormatUint(part.Addr, 10), strconv.FormatUint(part.Size, 10))
		cold = cold || part.Name == "value.cold"
	}
	if !cold || len(document.Meta.Parts) < 4 {
		t.Fatalf("parts %+v", document.Meta.Parts)
	}
	for _, carectl := range []string{filepath.Join(bin, "carectl"), oracle} {
		out, err := exec.Command(carectl, args...).Output()
		lines := strings.Fields(string(out))
		if err != nil || len(lines) != len(document.Meta.Parts) {
			t.Fatalf("%s: %v, %q", carectl, err, out)
		}
		for i, part := range document.Meta.Parts {
			old, _ := f.BytesAt(part.Addr, part.Size)
			want := hex.EncodeToString(old)
			if carectl == oracle {
				want = strings.Repeat("cc", len(old))
			}
			hook := 0
			if part.Name == part.Function {
				hook = 5
			}
			if got := lines[i]; got[2*hook:] != want[2*hook:] || hook > 0 && got[:2] != "e9" {
				t.Errorf("%s: %s holds %s, want %s", carectl, part.Name, got, want)
			}
		}
	}
}
