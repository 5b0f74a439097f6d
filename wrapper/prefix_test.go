package wrapper

import (
	"os"
	"path/filepath"
	"testing"

	"gocare/internal/test/testkit"
)

// A compiler's name in front is the command, unless it is a file to link.
func TestCommand(t *testing.T) {
	dir, bin := t.TempDir(), t.TempDir()
	for _, name := range []string{"gcc", "ccache", "x86_64-linux-gnu-gcc-12", "clang++-14", "tool"} {
		testkit.WriteFile(t, filepath.Join(bin, name), "#!/bin/sh\n")
		if err := os.Chmod(filepath.Join(bin, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	testkit.WriteFile(t, filepath.Join(dir, "ccache"), "an object")
	for _, c := range []struct{ first, path string }{
		{"-c", "gcc"},
		{"a.c", "gcc"},
		{"tool", "gcc"},
		{"absent-gcc", "gcc"},
		{"ccache", "gcc"},
		{"x86_64-linux-gnu-gcc-12", "x86_64-linux-gnu-gcc-12"},
		{"clang++-14", "clang++-14"},
		{filepath.Join(bin, "ccache"), "ccache"},
	} {
		p := Process{Argv: []string{"carecc", c.first, "b.c"}, Env: []string{"PATH=" + bin}, Dir: dir}
		real, args, err := p.command(false)
		if err != nil {
			t.Fatal(err)
		}
		taken := 1
		if filepath.Base(real.path) != "gcc" {
			taken = 2
		}
		if filepath.Base(real.path) != c.path || len(args) != 3-taken {
			t.Errorf("%s: %v %q", c.first, real, args)
		}
	}
}
