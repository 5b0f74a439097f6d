package inspect

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGlanceSeesWhatMapsSays: the kernel's answers to queries are what the text of maps says, where it knows queries.
func TestGlanceSeesWhatMapsSays(t *testing.T) {
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	queried, err := queryExecutable(int(maps.Fd()))
	if err != nil {
		t.Skipf("the kernel knows no queries: %v", err)
	}
	all, err := readMaps(maps)
	if err != nil {
		t.Fatal(err)
	}
	read := slices.DeleteFunc(all, func(m Mapping) bool { return !m.Exec })
	outside := func(m Mapping) bool { return m.Path == "[vsyscall]" } // no mapping of the process: queries leave it out
	if diff := cmp.Diff(slices.DeleteFunc(read, outside), queried); diff != "" {
		t.Error(diff)
	}
}

// TestGlanceOfALongName: names need not fit at first.
func TestGlanceOfALongName(t *testing.T) {
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	if _, err := query(int(maps.Fd()), 4); !errors.Is(err, syscall.ENAMETOOLONG) && !errors.Is(err, syscall.ENOTTY) {
		t.Errorf("names of four bytes: %v", err)
	}
}

func TestGlanceOfOldKernels(t *testing.T) {
	path := filepath.Join(t.TempDir(), "maps")
	text := "1000-2000 r-xp 00000000 fd:01 7 /bin/x (deleted)\n2000-3000 rw-p 00000000 fd:01 7 /bin/x (deleted)\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	code, err := executable(int(f.Fd()))
	if err != nil || len(code) != 1 || code[0].Path != "/bin/x (deleted)" {
		t.Errorf("%v, %v", code, err)
	}
}

// TestGlanceOfThreads: the kernel counts threads as links, which is quicker than to list them.
func TestGlanceOfThreads(t *testing.T) {
	tids, err := threadIDs(os.Getpid())
	if err != nil || len(tids) < 2 || !hasThreads(os.Getpid()) {
		t.Errorf("this process: %v, %v", tids, err)
	}
	if hasThreads(1 << 30) {
		t.Error("no process has threads")
	}
}

func TestGlance(t *testing.T) {
	g, err := GlanceAt(os.Getpid())
	if err != nil || g.Patched || g.Unclear || len(g.Files) == 0 {
		t.Errorf("of this process: %+v, %v", g, err)
	}
	if _, err := GlanceAt(1 << 30); err == nil {
		t.Error("no error for no process")
	}
}
