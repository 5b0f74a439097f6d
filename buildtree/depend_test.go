package buildtree

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPrerequisites(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       [][]string
	}{
		{"one rule", "a.o: a.c k.h\n", [][]string{{"a.c", "k.h"}}},
		{"continued", "a.o: a.c \\\n sub/k.h \\\n /usr/x.h\n", [][]string{{"a.c", "sub/k.h", "/usr/x.h"}}},
		{"phony rules behind it", "a.o a.d: a.c k.h\n\nk.h:\n", [][]string{{"a.c", "k.h"}, {}}},
		{"quoted characters", `a.o: a\ b.c c\#d.h e$$f.h g\:h.h i\j.h` + "\n", [][]string{{"a b.c", "c#d.h", "e$f.h", "g:h.h", `i\j.h`}}},
		{"a backslash before a space", `a.o: a\\\ b.h c\\ d.h` + "\n", [][]string{{`a\ b.h`, `c\`, "d.h"}}},
		{"colons in words", "a:b.o c::\td.c : e.h:\n", [][]string{{"d.c", ":", "e.h", ":"}}},
		{"colons in words, no tab", "a:b.o c::  d.c : e.h:\n", [][]string{{"d.c", ":", "e.h", ":"}}},
		{"no rule", "words alone\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Prerequisites(tt.text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
