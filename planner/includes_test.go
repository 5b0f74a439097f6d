package planner

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

func TestIncludedNames(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
		known            bool
	}{
		{"quotes and brackets", "#include \"a.h\"\n  # include <sys/b.c>\n#include_next <c.h>\n", "a.h b.c c.h", true},
		{"with a directory", "#include \"../x/a.c\"\n", "a.c", true},
		{"the word twice in a line", "int included; // include\n#include \"a.h\" // include \"c.h\"\n#include <b.h>", "a.h b.h", true},
		{"none", "int include;\n// no #include \"a.h\" here\n", "", true},
		{"by a macro", "#include HEADER\n", "", false},
		{"a binary", "\x00#include HEADER\n", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			testkit.WriteFile(t, filepath.Join(dir, "sub", "u.c"), tt.text)
			testkit.WriteFile(t, filepath.Join(dir, ".git", "u.c"), "#include HIDDEN\n")
			names, known, err := includedNames(dir)
			if err != nil || known != tt.known {
				t.Fatalf("known %v, %v", known, err)
			}
			if got := strings.Join(slices.Sorted(maps.Keys(names)), " "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
