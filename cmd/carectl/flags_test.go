package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSpreadPIDs(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("77", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, args, want string }{
		{"one", "-p 1 a", "-p 1 a"},
		{"several", "-p 1 2 3 a", "-p 1 -p 2 -p 3 a"},
		{"attached", "-p1 2 a", "-p1 -p 2 a"},
		{"long", "--pid 1 2 a", "--pid 1 -p 2 a"},
		{"long with equals", "--pid=1 2 a", "--pid=1 -p 2 a"},
		{"not behind another argument", "-p 1 a 2", "-p 1 a 2"},
		{"not behind another option", "-p 1 -i 2", "-p 1 -i 2"},
		{"a file of that name", "-p 1 77", "-p 1 77"},
		{"behind a double dash", "-p 1 -- 2", "-p 1 -- 2"},
		{"all", "-p all 2", "-p all -p 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := spreadPIDs(strings.Fields(tt.args))
			if !slices.Equal(got, strings.Fields(tt.want)) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestParseWait(t *testing.T) {
	for _, tt := range []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"0", 0, true},
		{"30", 30 * time.Second, true},
		{"500ms", 500 * time.Millisecond, true},
		{"2m", 2 * time.Minute, true},
		{"-1s", 0, false},
		{"-1", 0, false},
		{"soon", 0, false},
	} {
		if got, err := parseDuration("wait", tt.text); got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%q: %s, %v", tt.text, got, err)
		}
	}
}

// TestSpreadPIDsSkipsPaths: a path is no number even if its end is.
func TestSpreadPIDsSkipsPaths(t *testing.T) {
	args := []string{"-p", "1", filepath.Join("dir", "2")}
	if got := spreadPIDs(args); !slices.Equal(got, args) {
		t.Errorf("got %q", got)
	}
}
