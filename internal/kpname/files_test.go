package kpname

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/test/testkit"
)

// TestIn: a directory stands for the patches that are looked for in it by BuildID, and for nothing else.
func TestIn(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"ab.kpatch", "README", "notes.kpatch", "ab.kpatch.minisig", "AB.kpatch", "99", ".kpatch"} {
		testkit.WriteFile(t, filepath.Join(dir, name), "")
	}
	for _, name := range []string{"cd/latest", "ef/old", "12.kpatch.d"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	testkit.WriteFile(t, filepath.Join(dir, "cd/latest/kpatch.bin"), "")
	testkit.WriteFile(t, filepath.Join(dir, "cd.kpatch"), "") // the deep one counts
	testkit.WriteFile(t, filepath.Join(dir, "ef/old/kpatch.bin"), "")
	if err := os.Symlink("cd", filepath.Join(dir, "0a")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		want []string
	}{
		{"", []string{"0a/latest/kpatch.bin", "ab.kpatch", "cd/latest/kpatch.bin"}},
		{"README", []string{"README"}},
		{"none", []string{"none"}},
		{"ef", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := In(filepath.Join(dir, tt.name))
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, name := range tt.want {
				want = append(want, filepath.Join(dir, name))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
