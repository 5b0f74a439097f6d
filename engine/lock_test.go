package engine

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gocare/engine/inspect"
)

// TestSweep: of the locks and waits of killed runs those go whose process has ended, and nobody holds; no other file does.
func TestSweep(t *testing.T) {
	self, err := inspect.Status(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	lives, another, ended := lockName(os.Getpid(), self.StartTime), lockName(os.Getpid(), self.StartTime+1), lockName(1<<22+1, 5)
	held := lockName(1<<22+1, 6)
	dir := t.TempDir()
	for _, name := range []string{
		lives, another, ended, held, "0" + ended, ended + "x", "notes", lives + waitsSuffix, another + waitsSuffix, held + waitsSuffix,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := tryLock(filepath.Join(dir, held))
	if err != nil || f == nil {
		t.Fatal(f, err)
	}
	defer f.Close()
	sweep(dir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	want := []string{lives, held, "0" + ended, ended + "x", "notes", lives + waitsSuffix, held + waitsSuffix}
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("left are %q, want %q", left, want)
	}
}
