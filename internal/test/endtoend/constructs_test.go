package endtoend

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// Each construct is built, patched, applied to the running program and removed, and the program is asked before, between
// and after.
func TestConstructs(t *testing.T) {
	programs(t)
	for _, c := range constructs(t) {
		for _, cfg := range c.configs() {
			t.Run(c.Name+"/"+cfg.String(), func(t *testing.T) {
				t.Parallel()
				patchLive(t, c, cfg)
			})
		}
	}
}

// A program without a dynamic linker, an interpreter or imports.
func TestStaticProgram(t *testing.T) {
	programs(t)
	for _, c := range constructs(t) {
		if c.Name == "body" || c.Name == "keepstatic" || c.Name == "tlsown" || c.Name == "newmember" || c.Name == "newunit" {
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				patchLive(t, c, config{Compiler: "gcc", Level: "O2", Shape: "nopie", Debug: true, Flags: "-static"})
			})
		}
	}
}

func patchLive(t *testing.T, c *construct, cfg config) {
	dir := t.TempDir()
	writeTree(t, dir, c.Original)
	assertAssembly(t, c, cfg, "original", dir)
	patchLiveIn(t, dir, c, cfg)
}

// patchLiveIn is the same in a directory that holds the original.
func patchLiveIn(t *testing.T, dir string, c *construct, cfg config) {
	writePatch(t, dir, c.Original, c.Patched)
	env := slices.Concat(cfg.env(), c.Make)
	if code := c.refused(cfg); code != "" {
		r := mustRun(t, 1, dir, env, "patchmake", "--json", "-i", "c1", "fix.patch")
		assertContains(t, r.Stdout, `"`+code+`"`)
		return
	}
	mustRun(t, 0, dir, env, "patchmake", "-i", "c1", "fix.patch")

	patches, err := filepath.Glob(filepath.Join(dir, "patchroot", "*.kpatch"))
	if err != nil || len(patches) != c.objects(cfg) {
		t.Fatalf("want %d patches, got %q", c.objects(cfg), patches)
	}
	p := testkit.Start(t, filepath.Join(dir, "lpmake", "host"))
	for _, next := range c.Talk {
		switch next.Act {
		case "say":
			hold(t, p, []turn{next})
		case "patch":
			r := mustRun(t, 0, dir, nil, "carectl", "patch", "-p", pid(p), filepath.Join(dir, "patchroot"))
			want := fmt.Sprintf("%d patch hunk(s) have been successfully applied to PID '%d'", len(patches), p.PID)
			if !strings.Contains(r.Stdout, want) {
				t.Errorf("want %q, got %v", want, r)
			}
		case "unpatch":
			r := mustRun(t, 0, dir, nil, "carectl", "unpatch", "-p", pid(p), "-i", "c1")
			want := fmt.Sprintf("%d patch hunk(s) were successfully cancelled from PID '%d'", len(patches), p.PID)
			if !strings.Contains(r.Stdout, want) {
				t.Errorf("want %q, got %v", want, r)
			}
		}
	}
}
