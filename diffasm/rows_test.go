package diffasm

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// versions is an archive with two versions of a source: its comment begins with a name, and says one thing more a line, as
// "want: VALUE".
type versions struct {
	name, before, after string
	said                map[string]string
}

// readVersions reads the archives of a directory in testdata; known are the words that they may say something of.
func readVersions(t *testing.T, dir string, known ...string) (list []versions) {
	t.Helper()
	paths, err := filepath.Glob("testdata/" + dir + "/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no archives in testdata/%s (%v)", dir, err)
	}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Files) != 2 || a.Files[0].Name != "before.c" || a.Files[1].Name != "after.c" {
			t.Fatalf("%s: want before.c and after.c", path)
		}
		lines := strings.Split(strings.TrimSpace(string(a.Comment)), "\n")
		v := versions{name: lines[0], before: string(a.Files[0].Data), after: string(a.Files[1].Data), said: map[string]string{}}
		for _, line := range lines[1:] {
			word, value, ok := strings.Cut(line, ": ")
			if !ok || !strings.Contains(" "+strings.Join(known, " ")+" ", " "+word+" ") {
				t.Fatalf("%s: %q says nothing that is known", path, line)
			}
			v.said[word] = value
		}
		list = append(list, v)
	}
	return list
}
