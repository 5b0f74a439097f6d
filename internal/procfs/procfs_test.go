package procfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRead: files of any size are read to their end; what is not there is told apart.
func TestRead(t *testing.T) {
	for _, size := range []int{0, 1, 4095, 4096, 4097, 100000} {
		path, want := filepath.Join(t.TempDir(), "file"), strings.Repeat("x", size)
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(path); err != nil || string(got) != want {
			t.Errorf("%d bytes: got %d, %v", size, len(got), err)
		}
		for _, room := range []int{0, 1, 5000} {
			if got, err := ReadInto(path, make([]byte, 0, room)); err != nil || string(got) != want {
				t.Errorf("%d bytes into %d: got %d, %v", size, room, len(got), err)
			}
		}
	}
	if own, err := Read("/proc/self/status"); err != nil || !strings.HasPrefix(string(own), "Name:") {
		t.Errorf("got %q, %v", own, err)
	}
	if _, err := Read("/proc/self/nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no file: %v", err)
	}
}
