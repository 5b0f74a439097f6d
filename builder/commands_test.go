package builder

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCommandLine(t *testing.T) {
	for _, tt := range []struct {
		name, file, step string
		c                Commands
		want             string
	}{
		{"make", "Makefile", "", Commands{}, "make"},
		{"make with jobs", "Makefile", "", Commands{Jobs: 3}, "make -j3"},
		{"install", "Makefile", "install", Commands{DestVar: "ROOT"}, `make install ROOT="$ROOT"`},
		{"lpmakefile wins", "lpmakefile", "clean", Commands{}, "make -f lpmakefile clean"},
		{"ninja", "build.ninja", "install", Commands{DestVar: "DESTDIR"}, "ninja install"},
		{"ninja clean", "build.ninja", "clean", Commands{}, "ninja -t clean"},
		{"own build command", "Makefile", "", Commands{Build: "scons"}, "scons"},
		{"own install command", "Makefile", "install", Commands{Install: "scons i"}, "scons i"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, tt.file), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			if tt.file == "lpmakefile" {
				os.WriteFile(filepath.Join(dir, "Makefile"), nil, 0o644)
			}
			got, err := tt.c.line(tt.step, dir)
			if err != nil || got != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
	if _, err := (Commands{}).line("", t.TempDir()); err == nil {
		t.Error("a directory without a Makefile gives a command")
	}
}
