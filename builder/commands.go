package builder

import (
	"os"
	"path/filepath"
	"strconv"

	"gocare/internal/fault"
)

// Commands are the shell lines of the steps of a build; "" is what make or ninja takes for it.
type Commands struct {
	Build   string
	Install string // the variable DestVar is in its environment
	Clean   string
	DestVar string // name of the variable that tells an install step its root, DESTDIR mostly
	Jobs    int    // for a build without a line of its own; 0: make's default
}

// line returns the shell line of a step in dir ("" is the build itself, else "install" or "clean").
func (c Commands) line(step, dir string) (string, error) {
	if given := map[string]string{"": c.Build, "install": c.Install, "clean": c.Clean}[step]; given != "" {
		return given, nil
	}
	tool := buildTool(dir)
	if tool == "" {
		return "", fault.New(fault.Environment, dir, "no lpmakefile, Makefile or build.ninja").
			WithState("tree unchanged").WithHint("run patchmake where make runs, or give --build-cmd, --install-cmd and --clean-cmd")
	}
	switch {
	case step == "" && c.Jobs > 0:
		return tool + " -j" + strconv.Itoa(c.Jobs), nil
	case step == "":
		return tool, nil
	case tool == "ninja" && step == "clean":
		return tool + " -t clean", nil
	case tool != "ninja" && step == "install":
		return tool + " install " + c.DestVar + `="$` + c.DestVar + `"`, nil
	}
	return tool + " " + step, nil
}

// buildTool returns what builds in dir, "" if nothing says so.
func buildTool(dir string) string {
	for _, t := range []struct{ file, tool string }{
		{"lpmakefile", "make -f lpmakefile"},
		{"GNUmakefile", "make"},
		{"makefile", "make"},
		{"Makefile", "make"},
		{"build.ninja", "ninja"},
	} {
		if _, err := os.Stat(filepath.Join(dir, t.file)); err == nil {
			return t.tool
		}
	}
	return ""
}
