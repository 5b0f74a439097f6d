package planner

import (
	"strings"
	"testing"

	"gocare/internal/jobs"
)

func TestRulesOf(t *testing.T) {
	const text = `DATA := one.txt \
	two.txt
.PHONY: all
all: prog
gen.h gen.c: gen.py $(DATA) \
	three.txt
	python3 gen.py \
	  data.txt > $@

	touch done
next.h: ; sh next.sh
ifdef X
x.h:
	cat x.in > $@
endif
`
	var got []string
	for _, r := range rulesOf(text) {
		got = append(got, strings.Join(r.targets, " ")+" <- "+strings.Join(r.needs, " ")+" by "+strings.Join(strings.Fields(r.recipe), " "))
	}
	want := []string{
		"gen.h gen.c <- gen.py $(DATA) three.txt by python3 gen.py data.txt > $@ touch done", "next.h <-  by sh next.sh", "x.h <-  by cat x.in > $@",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNamesFile(t *testing.T) {
	for text, want := range map[string]bool{
		"cat lib/data.txt > x": true, "data.txt": true, "open('data.txt')": true, "mydata.txt": false, "data.txt.in": false, "data_txt": false, "$(D)data.txt": true,
	} {
		if got := namesFile(text, "sub/data.txt"); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// TestTemplatesOf: a file is made of the template beside it, else of that in its place in the source tree.
func TestTemplatesOf(t *testing.T) {
	c := &comparison{drift: &drift{before: &jobs.Survey{Names: map[string]bool{
		"/t/s/config.h.in": true, "/t/s/sub/config.h.in": true, "/t/s/lib/version.h.cmake.in": true, "/t/s/Makefile.am": true, "/t/s/Makefile.in": true,
	}}}}
	c.b = &Builds{Dirs: Dirs{Tree: "/t", Source: "/t/s"}}
	for file, want := range map[string]string{
		"/t/s/config.h": "/t/s/config.h.in", "/t/build/config.h": "/t/s/config.h.in", "/t/build/sub/config.h": "/t/s/sub/config.h.in",
		"/t/s/sub/config.h": "/t/s/sub/config.h.in", "/t/build/lib/version.h": "/t/s/lib/version.h.cmake.in", "/t/s/version.h": "",
		"/t/s/Makefile": "/t/s/Makefile.in /t/s/Makefile.am", "/t/Makefile": "",
	} {
		if got := strings.Join(c.templatesOf(file), " "); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
}
