package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"gocare/internal/test/testkit"
)

func TestMeasure(t *testing.T) {
	testkit.Require(t, "go")
	a, err := txtar.ParseFile("testdata/module.txtar")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := txtar.Write(a, root); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run(root, &out); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`sample/cmd/sample +1 +5 +5 +1 +1 +1 +0 +0 +0`,
		`sample/lib +3 +21 +11 +4 +3 +3 +3 +2 +1`, // a and b use each other, c uses b; T, T.Method and Use are exported
		`all +4 +26 +11 +5 +1 +3 +3 +2 +1`,
		`lib\.T +2`,
		`README\.md +3`,
		`doc/man/sample\.1 +2`,
		`longest function +3 +lib\.\w+`,
	} {
		if !regexp.MustCompile("(?m)^" + line + "$").MatchString(out.String()) {
			t.Errorf("no line like %s in:\n%s", line, out.String())
		}
	}
	if strings.Contains(out.String(), "sample/tool") {
		t.Error("a package that no program uses is counted")
	}
}

func TestQuantile(t *testing.T) {
	for _, tt := range []struct {
		name   string
		sorted []int
		share  float64
		want   int
	}{
		{"nothing", nil, 0.5, 0},
		{"one", []int{7}, 0.9, 7},
		{"middle of three", []int{1, 2, 3}, 0.5, 2},
		{"nine of ten", []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.9, 10},
		{"all", []int{1, 2}, 1, 2},
	} {
		if got := quantile(tt.sorted, tt.share); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}
