package endtoend

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// row is how far up a package stands: it imports packages of lower rows, and those that beside allows.
func row(pkg string) int {
	switch first, _, _ := strings.Cut(strings.TrimPrefix(pkg, "gocare/"), "/"); first {
	case "cmd":
		return 6
	case "patcher":
		return 5
	case "planner", "builder":
		return 4
	case "wrapper", "buildtree", "stripper", "engine":
		return 3
	case "diffasm", "ld", "kpatch":
		return 2
	case "internal":
		return 1
	}
	return 0
}

// layers are the packages of diffasm, each with those that it may import.
var layers = map[string][]string{
	"gocare/diffasm/asm":       {},
	"gocare/diffasm/machine":   {"asm"},
	"gocare/diffasm/disasm":    {"asm", "machine"},
	"gocare/diffasm/canon":     {"asm", "machine"},
	"gocare/diffasm/flow":      {"asm", "machine"},
	"gocare/diffasm/debuginfo": {"asm", "canon"},
	"gocare/diffasm/correlate": {"asm", "machine", "canon", "debuginfo"},
	"gocare/diffasm":           {"asm", "machine", "disasm", "canon", "flow", "debuginfo", "correlate"},
}

func beside(from, to string) bool {
	if name, layer := strings.CutPrefix(to, "gocare/diffasm/"); layer {
		return slices.Contains(layers[from], name)
	}
	switch from {
	case "gocare/wrapper":
		return to == "gocare/buildtree"
	case "gocare/buildtree":
		return to == "gocare/buildtree/asmpack"
	case "gocare/engine":
		return strings.HasPrefix(to, "gocare/engine/")
	case "gocare/internal/test/handpatch":
		return to == "gocare/kpatch" || row(to) == 1
	case "gocare/internal/test/bare": // measures what the engine's own stop is measured by
		return strings.HasPrefix(to, "gocare/engine/")
	case "gocare/engine/link", "gocare/engine/unwind":
		return to == "gocare/engine/inspect"
	}
	return row(from) == 1 && row(to) == 1
}

// forTests reports whether a package exists for the tests of others.
func forTests(pkg string) bool {
	return pkg == "gocare/internal/test/testkit" || pkg == "gocare/internal/test/handpatch" || pkg == "gocare/internal/test/refload"
}

// wrong says what is wrong with an import, or nothing.
func wrong(from, to string) string {
	own := strings.HasPrefix(to, "gocare/")
	in := func(list ...string) bool {
		for _, p := range list {
			if from == p {
				return true
			}
		}
		return false
	}
	switch {
	case own && row(to) == 0:
		return "a top-level directory without a row"
	case own && row(to) >= row(from) && !beside(from, to):
		return "points up or sideways"
	case strings.HasPrefix(to, "gocare/diffasm/") && !beside(from, to):
		return "diffasm alone knows its layers"
	case forTests(to) && !forTests(from):
		return "only tests use it"
	case to == "gocare/internal/ui" && row(from) != 6:
		return "only cmd speaks to users"
	case strings.HasPrefix(to, "github.com/urfave/") && row(from) != 6 && from != "gocare/internal/ui":
		return "only cmd reads flags"
	case to == "golang.org/x/sys/unix" && !in("gocare/engine/trace", "gocare/engine/inspect", "gocare/internal/isolate", "gocare/wrapper", "gocare/internal/test/vm/guest"):
		return "system calls have their places"
	case strings.HasPrefix(from, "gocare/engine") && row(to) == 2 && to != "gocare/kpatch":
		return "the build side and the apply side share the file format alone"
	case to == "C":
		return "every program is static"
	}
	return ""
}

func TestImports(t *testing.T) {
	testkit.Require(t, "go")
	lookAtSources(t)
	cmd := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...")
	cmd.Dir = testkit.Root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		for _, to := range words[1:] {
			if say := wrong(words[0], to); say != "" {
				t.Errorf("%s imports %s: %s", words[0], to, say)
			}
		}
	}
}

func TestWrongImports(t *testing.T) {
	tests := []struct {
		from, to string
		wrong    bool
	}{
		{"gocare/cmd/carectl", "gocare/engine", false},
		{"gocare/cmd/patchmake", "gocare/patcher", false},
		{"gocare/patcher", "gocare/stripper", false},
		{"gocare/patcher", "gocare/internal/ui", true},
		{"gocare/patcher", "gocare/planner", false},
		{"gocare/planner", "gocare/patcher", true},
		{"gocare/planner", "gocare/builder", true},
		{"gocare/builder", "gocare/wrapper", false},
		{"gocare/stripper", "gocare/patcher", true},
		{"gocare/ld", "gocare/stripper", true},
		{"gocare/ld", "gocare/diffasm", true},
		{"gocare/wrapper", "gocare/buildtree", false},
		{"gocare/buildtree", "gocare/wrapper", true},
		{"gocare/engine/link", "gocare/engine/inspect", false},
		{"gocare/engine/link", "gocare/engine/trace", true},
		{"gocare/engine", "gocare/ld", true},
		{"gocare/engine", "gocare/kpatch", false},
		{"gocare/ld", "gocare/internal/ui", true},
		{"gocare/kpatch", "golang.org/x/sys/unix", true},
		{"gocare/diffasm", "github.com/urfave/cli/v2", true},
		{"gocare/diffasm", "gocare/util", true},
		{"gocare/diffasm", "gocare/diffasm/canon", false},
		{"gocare/diffasm/canon", "gocare/diffasm/asm", false},
		{"gocare/diffasm/canon", "gocare/diffasm/flow", true},
		{"gocare/diffasm/asm", "gocare/diffasm", true},
		{"gocare/cmd/patchmake", "gocare/diffasm/asm", true},
		{"gocare/engine", "gocare/internal/test/testkit", true},
		{"gocare/internal/test/handpatch", "gocare/kpatch", false},
		{"gocare/internal/test/refload", "gocare/kpatch", true},
		{"gocare/internal/arch", "C", true},
	}
	for _, tt := range tests {
		if got := wrong(tt.from, tt.to); (got != "") != tt.wrong {
			t.Errorf("%s imports %s: %q", tt.from, tt.to, got)
		}
	}
}
