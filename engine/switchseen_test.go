package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSeenFiles: what was found in a file is not looked for again, by this very program; a file that is damaged, of another program, or of another
// version says nothing.
func TestSeenFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "switches")
	looked := 0
	find := func(found bool) func() (bool, bool) { return func() (bool, bool) { looked++; return found, true } }
	unsure := func() (bool, bool) { return true, false }
	s := readSeen(path, "head 1")
	if !s.ask("1-2-3", find(true)) || s.ask("1-2-4", find(false)) || s.ask("", find(false)) || !s.ask("1-2-5", unsure) {
		t.Error("says other than what was found")
	}
	s.save()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	looked = 0
	s = readSeen(path, "head 1")
	if !s.ask("1-2-3", find(false)) || s.ask("1-2-4", find(true)) || looked != 0 {
		t.Errorf("not kept: looked %d times", looked)
	}
	if !s.ask("", find(true)) || looked != 1 {
		t.Error("a file without version is taken for known")
	}

	if s.ask("1-2-5", find(false)) {
		t.Error("what could not be read once is kept")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"cut off":       strings.TrimSuffix(string(data), "\n"),
		"empty":         "",
		"other program": strings.Replace(string(data), "head 1", "head 2", 1),
		"damaged":       strings.NewReplacer(" yes", " ye", " no", "").Replace(string(data)),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if s := readSeen(path, "head 1"); len(s.files) != 0 {
			t.Errorf("%s: %v", name, s.files)
		}
	}
}
