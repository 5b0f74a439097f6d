package endtoend

import (
	"errors"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/test/testkit"
)

// docText returns a document below the module's root.
func docText(t *testing.T, name string) string {
	t.Helper()
	return readFile(t, filepath.Join(testkit.Root(t), filepath.FromSlash(name)))
}

// The overview is one that a newcomer reads in fifteen minutes.
func TestOverviewIsShort(t *testing.T) {
	const words, inSentence = 1800, 35
	text := docText(t, "doc/ARCHITECTURE.md")
	if n := len(strings.Fields(text)); n > words {
		t.Errorf("%d words, at most %d: rules of matching belong into doc/MATCHING.md", n, words)
	}
	for _, s := range sentences(text) {
		if n := len(strings.Fields(s)); n > inSentence {
			t.Errorf("a sentence of %d words, at most %d: %s", n, inSentence, s)
		}
	}
}

var (
	inlineCode  = regexp.MustCompile("`[^`]*`")
	listItem    = regexp.MustCompile(`^\s*(?:[-*]|\d+\.)\s+`)
	sentenceEnd = regexp.MustCompile(`[.?!:]["*)]*(?:\s|$)`)
)

// sentences takes the prose of a Markdown text apart. Code blocks, tables and headings are left out; a piece of code in a sentence is
// one word; each item of a list begins a sentence.
func sentences(text string) (list []string) {
	var b strings.Builder
	fenced, item := false, false
	flush := func() {
		for _, s := range sentenceEnd.Split(b.String(), -1) {
			if words := strings.Fields(s); len(words) > 0 {
				list = append(list, strings.Join(words, " "))
			}
		}
		b.Reset()
	}
	for _, line := range strings.Split(text, "\n") {
		fence := strings.HasPrefix(line, "```")
		starts := listItem.FindString(line)
		// What is indented goes on from an item of a list, or is code.
		code := strings.HasPrefix(line, "    ") && starts == "" && !item
		switch {
		case fence || fenced:
			fenced = fenced != fence
			flush()
		case strings.TrimSpace(line) == "", strings.HasPrefix(line, "#"), strings.HasPrefix(line, "|"), code:
			item = false
			flush()
		default:
			if starts != "" {
				item = true
				flush()
			}
			b.WriteString(inlineCode.ReplaceAllString(line[len(starts):], "code") + " ")
		}
	}
	flush()
	return list
}

func TestSentences(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"ends", "One. Two? Three! Four: five.\n", []string{"One", "Two", "Three", "Four", "five"}},
		{"over lines", "One goes\non. Two\n", []string{"One goes on", "Two"}},
		{"no end within a word", "A file of 1.5 MB, main.c.\n", []string{"A file of 1.5 MB, main.c"}},
		{"emphasis and parentheses", "**One.** Two (or three.) Four\n", []string{"**One", "Two (or three", "Four"}},
		{"code in a sentence is one word", "Run `go test ./... -run X: y.` twice.\n", []string{"Run code twice"}},
		{"items", "Both:\n\n- one\n  goes on\n- two\n\n1. three\n", []string{"Both", "one goes on", "two", "three"}},
		{"no headings, tables or code", "# One. Two\n\n| a. b | c |\n\n    code here. more\n\n```\nmore. code\n```\nEnd\n", []string{"End"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, sentences(tt.text)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// The overview names every package of the module, or the one that it lies in.
func TestOverviewNamesPackages(t *testing.T) {
	testkit.Require(t, "go")
	lookAtSources(t)
	text := docText(t, "doc/ARCHITECTURE.md")
	cmd := exec.Command("go", "list", "./...")
	cmd.Dir = testkit.Root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if len(packages) == 0 {
		t.Fatal("no packages")
	}
	for _, p := range packages {
		if name := strings.TrimPrefix(p, "gocare/"); !named(text, name) {
			t.Errorf("doc/ARCHITECTURE.md names neither `%s` nor `%s`", name, path.Dir(name))
		}
	}
}

// named reports whether a text names a package or its parent directory, which for a package of internal or cmd says nothing.
func named(text, pkg string) bool {
	quoted := func(name string) bool { return strings.Contains(text, "`"+name+"`") }
	dir := path.Dir(pkg)
	return quoted(pkg) || !slices.Contains([]string{".", "internal", "cmd"}, dir) && quoted(dir)
}

func TestNamed(t *testing.T) {
	const text = "`engine` does it, as `internal` and `internal/test` know, and `cmd/carectl`."
	for pkg, want := range map[string]bool{
		"engine": true, "engine/trace": true, "internal/test/oracle": true, "cmd/carectl": true,
		"internal/ui": false, "cmd/carecc": false, "diffasm": false, "engines/a": false,
	} {
		if got := named(text, pkg); got != want {
			t.Errorf("%s: got %t, want %t", pkg, got, want)
		}
	}
}

// A file that holds a rule is named with the rule.
func TestMatchingNamesRules(t *testing.T) {
	text := docText(t, "doc/MATCHING.md")
	for _, pattern := range []string{"diffasm/rule_*.go", "patcher/rule_*.go"} {
		files, err := filepath.Glob(filepath.Join(testkit.Root(t), filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if name := filepath.Base(f); !strings.Contains(text, name+"`") {
				t.Errorf("doc/MATCHING.md does not name %s", f)
			}
		}
	}
}

var sourceFile = regexp.MustCompile("`([a-z0-9_/]+\\.go)`")

// The files that doc/MATCHING.md names are there: with their directories, or somewhere below these.
func TestMatchingFilesExist(t *testing.T) {
	known := map[string]bool{}
	root := testkit.Root(t)
	for _, dir := range []string{"diffasm", "planner", "patcher", "ld", "internal/srcpatch", "wrapper", "engine"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, _ fs.DirEntry, err error) error {
			rel, relErr := filepath.Rel(root, path)
			known[filepath.Base(path)], known[filepath.ToSlash(rel)] = true, true
			return errors.Join(err, relErr)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	named := sourceFile.FindAllStringSubmatch(docText(t, "doc/MATCHING.md"), -1)
	if len(named) == 0 {
		t.Fatal("no files are named")
	}
	for _, m := range named {
		if !known[m[1]] {
			t.Errorf("doc/MATCHING.md names %s, which is not there", m[1])
		}
	}
}

var sourceFunctions = regexp.MustCompile("`([a-z0-9_/]+\\.go)`\\s\\(([A-Za-z, ]+)\\)")

// The functions that doc/MATCHING.md names behind a file are in a file of that name.
func TestMatchingFunctionsExist(t *testing.T) {
	root := testkit.Root(t)
	sources := map[string]string{} // by path and by base name, of several files one behind the other
	for _, dir := range []string{"diffasm", "planner", "patcher", "ld", "internal/srcpatch", "wrapper", "engine"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" {
				return err
			}
			rel, err := filepath.Rel(root, path)
			sources[filepath.Base(path)] += readFile(t, path)
			sources[filepath.ToSlash(rel)] = readFile(t, path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	named := sourceFunctions.FindAllStringSubmatch(docText(t, "doc/MATCHING.md"), -1)
	if len(named) == 0 {
		t.Fatal("no functions are named")
	}
	for _, m := range named {
		for _, name := range strings.Split(m[2], ", ") {
			if !regexp.MustCompile(`(?m)^func (\([^)]*\) )?` + name + `\(`).MatchString(sources[m[1]]) {
				t.Errorf("doc/MATCHING.md names %s in %s, which is not there", name, m[1])
			}
		}
	}
}

var archives = regexp.MustCompile(`(?s)\*Archives:\* (.*?)\.\n`)

// The archives that doc/MATCHING.md names as examples are there.
func TestMatchingArchivesExist(t *testing.T) {
	var missing []string
	lists := archives.FindAllStringSubmatch(docText(t, "doc/MATCHING.md"), -1)
	if len(lists) == 0 {
		t.Fatal("no archives are named")
	}
	for _, list := range lists {
		for _, quoted := range inlineCode.FindAllString(list[1], -1) {
			name := strings.Trim(quoted, "`")
			if !hasArchive(t, name) {
				missing = append(missing, name)
			}
		}
	}
	if len(missing) > 0 {
		t.Errorf("doc/MATCHING.md names archives that are not there: %s", missing)
	}
}

// hasArchive reports whether an archive of tests has a name, which may end in *.
func hasArchive(t *testing.T, name string) bool {
	t.Helper()
	for _, dir := range []string{"diffasm/testdata", "internal/test/endtoend/testdata/refusals"} {
		found, err := filepath.Glob(filepath.Join(testkit.Root(t), filepath.FromSlash(dir), name+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) > 0 {
			return true
		}
	}
	return false
}

// CHANGELOG.md tells users what is new, in few lines.
func TestChangesAreShort(t *testing.T) {
	const most = 15
	_, after, found := strings.Cut(docText(t, "CHANGELOG.md"), "not yet released\n")
	if !found {
		t.Skip("everything is released")
	}
	section, _, _ := strings.Cut(after, "\n## ")
	n := 0
	for _, line := range strings.Split(section, "\n") {
		if strings.TrimSpace(line) != "" {
			n++
		}
	}
	if n > most {
		t.Errorf("%d lines for the version that is not released, at most %d", n, most)
	}
}
