package endtoend

import (
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// A patch is made from a rebuilt tree for the binary that is shipped and runs: stripped, with another BuildID, the same code.
func TestShippedBinary(t *testing.T) {
	programs(t)
	t.Parallel()
	testkit.Require(t, "strip")
	dir := t.TempDir()
	files := project()
	files["Makefile"] = strings.Replace(files["Makefile.in"], "@CC@", "carecc", 1)
	files["kept.h"] = "__attribute__((section(\".kept\"), used)) static int kept = 1;\n"
	files["near.h"] = "#define sizeof -1 + sizeof\n"
	writeTree(t, dir, files)
	writePatch(t, dir, project(), patchedProject())
	link := func(name string, flags ...string) string {
		testkit.Run(t, dir, "gcc", append(flags, "-s", "-o", name, "main.c", "count.c")...)
		return filepath.Join(dir, name)
	}
	same := link("same", "-O2", "-Wl,--build-id=0x0123456789012345678901234567890123456789")
	other := link("other", "-O2", "-fno-pie", "-no-pie")
	plain := link("plain", "-O2", "-Wl,--build-id=none")

	r := mustRun(t, 1, dir, nil, "patchmake", "--target", plain, "fix.patch")
	assertContains(t, r.Stderr, "plain: the binary has no BuildID")
	r = mustRun(t, 1, dir, nil, "patchmake", "--target", t.TempDir(), "fix.patch")
	assertContains(t, r.Stderr, "no program or library with a BuildID in it")
	r = mustRun(t, 1, dir, nil, "patchmake", "--json", "--target", other, "fix.patch")
	assertContains(t, r.Stdout, `"code": "target-mismatch"`)
	assertContains(t, r.Stderr, "lpmake/usr/bin/counter: the rebuilt binary is not the one to be patched: "+other)
	r = mustRun(t, 1, dir, nil, "patchmake", "--target", other, "fix.patch")
	if strings.Contains(r.Stdout, "BUILDING PATCHED CODE") {
		t.Error("a shipped binary that is another is noticed after the patched build only")
	}

	mustRun(t, 0, dir, nil, "patchmake", "fix.patch")
	r = mustRun(t, 1, dir, nil, "patchmake", "--update", "--target", link("extra", "-O2", "-Wl,--section-start=.kept=0x900000", "-include", "kept.h"))
	assertContains(t, r.Stderr, "section .kept is in one of them only")
	r = mustRun(t, 1, dir, nil, "patchmake", "--update", "--target", link("near", "-O2", "-include", "near.h"))
	assertContains(t, r.Stderr, "section .text: differs at 0x")

	mustRun(t, 0, dir, nil, "patchmake", "--update", "--target", other, "--target", same)
	p := testkit.Start(t, same)
	hold(t, p, []turn{{Input: "", Want: "1"}, {Input: "", Want: "2"}})
	mustRun(t, 0, dir, nil, "carectl", "patch", "-p", pid(p), filepath.Join(dir, "patchroot", "0123456789012345678901234567890123456789.kpatch"))
	hold(t, p, []turn{{Input: "", Want: "12"}})
}
