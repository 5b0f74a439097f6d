package buildtree

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReads(t *testing.T) {
	want := []Read{{Path: "/src/a b.c", ID: "12"}, {Path: "/src/sub/../k.h"}, {Path: "/usr/include/x.h", ID: "@3.4"}}
	if diff := cmp.Diff(want, ParseReads(FormatReads(want))); diff != "" {
		t.Error(diff)
	}
}

func TestStamp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.h")
	if Stamp(path) != "" {
		t.Error("a file that is not there has a stamp")
	}
	if err := os.WriteFile(path, []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := Stamp(path)
	if err := os.WriteFile(path, []byte("12"), 0o644); err != nil {
		t.Fatal(err)
	}
	if after := Stamp(path); !IsStamp(before) || !IsStamp(after) || before == after {
		t.Errorf("%q, then %q", before, after)
	}
}

func TestReadPath(t *testing.T) {
	for name, want := range map[string]string{"a.h": "/t/a.h", "././a.h": "/t/a.h", "x/../a.h": "/t/x/../a.h", "/usr/./a.h": "/usr/a.h"} {
		if got := ReadPath("/t", name); got != want {
			t.Errorf("ReadPath(/t, %q) = %q, want %q", name, got, want)
		}
	}
}

func TestDependFile(t *testing.T) {
	for _, tt := range []struct {
		args, want string
		partial    bool
	}{
		{"-c a.c", "", false},
		{"-MD -c sub/a.c", "a.d", false},
		{"-MD -c a.c -o out/x.o", "out/x.d", false},
		{"-MMD -MP -MF dep -MT t -c a.c", "dep", true},
		{"-MD -MFdep -c a.c", "dep", false},
		{"-Wp,-MMD,.a.d -c a.c", ".a.d", true},
		{"-Wp,-MD,.a.d -c a.c", ".a.d", false},
		{"-MD a.c b.c -c", "", false},
		{"-MD a.c -o prog", "", false},
		{"-MF dep -c a.c", "", false},
	} {
		if got, partial := ParseDriver(strings.Fields(tt.args)).DependFile(); got != tt.want || partial != tt.partial {
			t.Errorf("%s: %q, %v; want %q, %v", tt.args, got, partial, tt.want, tt.partial)
		}
	}
}
