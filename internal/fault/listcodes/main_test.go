package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"gocare/internal/fault"
)

// Both files are what the register makes of them.
func TestUpToDate(t *testing.T) {
	source, err := constants(fault.Reasons())
	if err != nil {
		t.Fatal(err)
	}
	if old := read(t, constantsFile); !bytes.Equal(old, source) {
		t.Errorf("%s is stale: run go generate ./internal/fault", constantsFile)
	}
	old := string(read(t, pageFile))
	text, err := page(old, fault.Reasons())
	if err != nil {
		t.Fatal(err)
	}
	if text != old {
		t.Errorf("%s is stale: run go generate ./internal/fault", pageFile)
	}
}

// read returns a file that go generate writes.
func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestPageWithoutMarks(t *testing.T) {
	for _, old := range []string{"", beginMark, endMark} {
		if got, err := page(old, nil); err == nil {
			t.Errorf("page of %q: %q", old, got)
		}
	}
}

func TestConstant(t *testing.T) {
	for code, want := range map[fault.Code]string{
		"locked": "Locked", "struct-layout": "StructLayout", "no-build-id": "NoBuildID", "reloc-32-pie": "Reloc32PIE",
	} {
		if got := constant(code); got != want {
			t.Errorf("%s: got %s, want %s", code, got, want)
		}
	}
}

func TestRoff(t *testing.T) {
	for _, tt := range []struct{ name, paragraph, want string }{
		{"words", "A thread-local variable.", "A thread-local variable.\n"},
		{"an option", "Use --clean, or (-fno-common).", "Use \\-\\-clean, or (\\-fno\\-common).\n"},
		{"what is typed", "It says `carectl --allow busy-coroutine` then.", "It says \\fBcarectl \\-\\-allow busy\\-coroutine\\fR then.\n"},
		{"a backslash", `Write \n.`, "Write \\en.\n"},
		{"a dot at the start", ".kpatch files.", "\\&.kpatch files.\n"},
		{
			"a sentence that ends a line",
			"This sentence has just as many letters as a line of the page may have columns, so that its final stop, which comes here, is the last of it. And more.",
			"This sentence has just as many letters as a line of the page may have columns, so that its final stop, which comes here, is the last of it.\\&\nAnd more.\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := roff(tt.paragraph); got != tt.want {
				t.Errorf("got %q", got)
			}
		})
	}
}
