package version

import (
	"os"
	"regexp"
	"testing"
)

// TestChangelog: the newest section of the change log is this version's.
func TestChangelog(t *testing.T) {
	text, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^## ([0-9][^ ,]*)`).FindSubmatch(text)
	if m == nil || string(m[1]) != String {
		t.Errorf("the first version in CHANGELOG.md is %q, want %q", m, String)
	}
}
