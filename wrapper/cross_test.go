package wrapper

import (
	"os"
	"path/filepath"
	"testing"
)

// TestFirstToolOfTarget: a clang that compiles for another machine runs that machine's linker, not the first in PATH.
func TestFirstToolOfTarget(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"ld", "aarch64-linux-gnu-ld"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p := &Process{Dir: dir, Env: []string{"PATH=" + dir}}
	for target, want := range map[string]string{"--target=aarch64-linux-gnu": "aarch64-linux-gnu-ld", "--target=riscv64-linux-gnu": "ld", "-O2": "ld"} {
		path, err := p.firstTool("ld", driverCall{argv: []string{target, "a.o"}}, "")
		if err != nil || filepath.Base(path) != want {
			t.Errorf("%s: %q, %v", target, path, err)
		}
	}
}
