package endtoend

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
	"gocare/internal/test/vm/cell"
)

// TestCells makes the constructs' programs and patches for aarch64, and leaves them for the virtual machine, which patches the programs
// while they run. `make vm` runs it.
func TestCells(t *testing.T) {
	folder := os.Getenv("GOCARE_CELLS")
	if folder == "" {
		t.Skip("make vm runs this")
	}
	programs(t)
	for _, compiler := range words("COMPILERS", "aarch64-linux-gnu-gcc clang") {
		testkit.Require(t, compiler)
		for _, level := range words("LEVELS", "O0 O2 O3") {
			for _, shape := range words("SHAPES", "pie nopie library static") {
				for _, c := range constructs(t) {
					cfg := armConfig("aarch64-"+strings.TrimPrefix(compiler, "aarch64-linux-gnu-"), level, shape)
					if asked(c.Name) && c.meant(likeO2(cfg)) && (shape != "static" || len(c.Objects) == 0) {
						name := strings.Join([]string{c.Name, strings.TrimPrefix(cfg.Compiler, "aarch64-"), level, shape}, "-")
						t.Run(name, func(t *testing.T) {
							t.Parallel()
							makeCell(t, filepath.Join(folder, name), c, cfg, compiler)
						})
					}
				}
			}
		}
	}
}

// armConfig is how to compile for aarch64, with "aarch64-gcc" or "aarch64-clang" for the compiler, so that constructs can name them. A static program is one at fixed addresses.
func armConfig(compiler, level, shape string) config {
	cfg := config{Compiler: compiler, Level: level, Shape: shape, Debug: level == "O2", Flags: os.Getenv("GOCARE_FLAGS")}
	if shape == "static" {
		cfg.Flags = strings.TrimSpace("-static " + cfg.Flags)
	}
	if compiler == "aarch64-clang" {
		cfg.Flags = strings.TrimSpace("--target=aarch64-linux-gnu " + cfg.Flags)
	}
	return cfg
}

// makeCell makes a program and its patch, and a cell of them unless the patch is to be refused.
func makeCell(t *testing.T, folder string, c *construct, cfg config, compiler string) {
	dir := t.TempDir()
	writeTree(t, dir, c.Original)
	writePatch(t, dir, c.Original, c.Patched)
	env := slices.Concat(cfg.env(), []string{"SHAPE=" + strings.Replace(cfg.Shape, "static", "nopie", 1), "KPCCREAL=" + compiler, "ARCHIVER=aarch64-linux-gnu-ar", "LDFLAGS=-Wl,--build-id"}, c.Make)
	if code := c.refused(cfg); code != "" {
		r := mustRun(t, 1, dir, env, "patchmake", "--json", "-i", "c1", "fix.patch")
		assertContains(t, r.Stdout, `"`+code+`"`)
		return
	}
	mustRun(t, 0, dir, env, "patchmake", "-i", "c1", "fix.patch")
	leaveCell(t, folder, dir, c.objects(cfg), c.Talk)
}

// leaveCell makes a cell of the program and the patches in a tree.
func leaveCell(t *testing.T, folder, dir string, objects int, talk []turn) {
	t.Helper()
	patches, err := filepath.Glob(filepath.Join(dir, "patchroot", "*.kpatch"))
	if err != nil || len(patches) != objects {
		t.Fatalf("want %d patches, got %q", objects, patches)
	}
	for from, to := range map[string]string{"lpmake": cell.Program, "patchroot": cell.Patches} {
		if err := os.CopyFS(filepath.Join(folder, to), os.DirFS(filepath.Join(dir, from))); err != nil {
			t.Fatal(err)
		}
	}
	made := cell.Cell{Objects: objects}
	for _, turn := range talk {
		made.Turns = append(made.Turns, cell.Turn(turn))
	}
	if err := cell.Write(folder, made); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", folder, err))
	}
}

// TestCellsCXX is TestCells for the program of C++.
func TestCellsCXX(t *testing.T) {
	folder := os.Getenv("GOCARE_CELLS")
	if folder == "" {
		t.Skip("make vm runs this")
	}
	const compiler = "aarch64-linux-gnu-g++"
	programs(t)
	testkit.Require(t, compiler)
	original, patched, talk := cxxProgram(t)
	for _, level := range words("LEVELS", "O0 O2 O3") {
		name := "cxx-g++-" + level
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			writeTree(t, dir, original)
			writePatch(t, dir, original, patched)
			env := []string{"KPCXXREAL=" + compiler, "CXXFLAGS=-" + level + " " + os.Getenv("GOCARE_FLAGS"), "PROGRAM=host"}
			mustRun(t, 0, dir, env, "patchmake", "-i", "c1", "fix.patch")
			leaveCell(t, filepath.Join(folder, name), dir, 1, talk)
		})
	}
}
