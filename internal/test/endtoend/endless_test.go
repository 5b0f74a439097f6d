package endtoend

import (
	"strings"
	"testing"
)

// A change in main is said, when the patch is made, to take effect only in programs that start with it. What main takes may change, too: the
// C library passes everything.
func TestMainOnly(t *testing.T) {
	programs(t)
	t.Parallel()
	dir := t.TempDir()
	original := map[string]string{
		"Makefile": optimisedProgram,
		"prog.c":   "#include <stdio.h>\nint main(void)\n{\n\tputs(\"old\");\n\treturn 0;\n}\n",
	}
	writeTree(t, dir, original)
	mustRun(t, 0, dir, []string{"CC=carecc"}, "make")
	writePatch(t, dir, original, map[string]string{"Makefile": original["Makefile"], "prog.c": strings.NewReplacer("void", "int argc, char **argv", `"old"`, `argc == 3 ? argv[2] : "?"`).Replace(original["prog.c"])})
	r := mustRun(t, 0, dir, nil, "patchmake", "-i", "main", "fix.patch")
	assertContains(t, r.Stderr, "the patch replaces main, which never returns: no process that is in it can be patched; start the program with carectl run")
	assertContains(t, mustRun(t, 0, dir, nil, "carectl", "run", "patchroot", "--", "./prog", "a", "newer").Stdout, "newer\n")
}
