package planner

import (
	"strings"
	"testing"

	"gocare/buildtree"
)

func TestCauseOf(t *testing.T) {
	options := func(s string) (list []buildtree.Option) {
		for _, text := range strings.Fields(s) {
			key, _, _ := strings.Cut(text, "=")
			list = append(list, buildtree.Option{Key: key, Text: text})
		}
		return list
	}
	for _, row := range []struct {
		name                     string
		orig, unpatched, patched string
		mayReconfigure           bool
		want                     string
	}{
		{"the patch alone", "-O2", "-O2", "-O2 -DX=1", true, "patch"},
		{"the command alone", "-O2 -fwrapv", "-O2", "-O2", false, "command"},
		{"the command alone, beside a build file", "-O2 -fwrapv", "-O2", "-O2", true, "command"},
		{"both", "-O2 -fwrapv", "-O2", "-O2 -DX=1", true, "unclear"},
		{"both, through a file that is none of the build's", "-O2 -fwrapv -DV=1", "-O2 -DV=1", "-O2 -DV=2", false, "unclear"},
		{"a date", "-O2 -DT=1", "-O2 -DT=2", "-O2 -DT=3", false, "command"},
		{"a date, or what a build file makes of it", "-O2 -DT=1", "-O2 -DT=2", "-O2 -DT=3", true, "unclear"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := causeOf(options(row.orig), options(row.unpatched), options(row.patched), row.mayReconfigure)
			got := "patch"
			switch {
			case c.unclear != nil:
				got = "unclear"
			case c.command != nil:
				got = "command"
			}
			if got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
