package main

import (
	"os"
	"path/filepath"
	"testing"

	"gocare/buildtree"
	"gocare/internal/test/testkit"
)

// TestReads: what a compile read is recorded with its content, from gcc's own list, the user's, or clang's; a list that the user asks
// gcc for by variable is his alone.
func TestReads(t *testing.T) {
	testkit.Require(t, "gcc", "clang", "as")
	for _, tt := range []struct {
		name, compiler, cmd string
		recorded, partial   bool
	}{
		{"no list asked for", "gcc", "CC -c a.c", true, false},
		{"the user's list", "gcc", "CC -MD -c a.c", true, false},
		{"without system headers", "gcc", "CC -MMD -MF out/d -c a.c -o out/a.o", true, true},
		{"of the preprocessor", "gcc", "CC -Wp,-MD,out/d -c a.c", true, false},
		{"through a pipe", "gcc", "CC -pipe -c a.c", false, false},
		{"the user's variable", "gcc", "DEPENDENCIES_OUTPUT=out/mine CC -c a.c; grep h.h out/mine", false, false},
		{"clang", "clang", "CC -c a.c", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRunner(t)
			r.stage, r.env = "original", append(r.env, "KPCCREAL="+tt.compiler)
			if o := r.run(t, "carecc", tt.cmd, ""); o.Stderr != "" {
				t.Fatal(o.Stderr)
			}
			store, rec := r.load(t)
			u := rec.Units[len(rec.Units)-1]
			if (u.Reads != "") != tt.recorded || u.Partial != tt.partial {
				t.Fatalf("recorded %q, partial %v", u.Reads, u.Partial)
			}
			if left, err := filepath.Glob(filepath.Join(r.store(), "tmp", "*")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %q, %v", left, err)
			}
			if !tt.recorded {
				return
			}
			lists, err := store.ReadLists()
			if err != nil {
				t.Fatal(err)
			}
			reads, err := lists.Get(u.Reads)
			if err != nil {
				t.Fatal(err)
			}
			found := map[string]string{}
			for _, read := range reads {
				found[filepath.Base(read.Path)] = read.ID
			}
			data, err := os.ReadFile(filepath.Join(r.dir, "h.h"))
			if err != nil {
				t.Fatal(err)
			}
			if found["h.h"] != string(buildtree.DigestOf(data)) || found["a.c"] == "" || buildtree.IsStamp(found["stdio.h"]) == tt.partial {
				t.Errorf("read %v", found)
			}
		})
	}
}
