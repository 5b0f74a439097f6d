package endtoend

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"gocare/internal/test/testkit"
)

// config is one way to compile a construct.
type config struct {
	Compiler string // "gcc", "gcc-11", "clang"
	Level    string // "O0", "O2" and so on
	Shape    string // "pie", "nopie", "library"
	Debug    bool   // -g
	Flags    string // further ones
}

// configs returns the six ways in which constructs are tried.
func configs() []config {
	var all []config
	for _, level := range []string{"O0", "O2"} {
		for _, shape := range []string{"pie", "nopie", "library"} {
			all = append(all, config{Compiler: "gcc", Level: level, Shape: shape, Debug: level == "O2"})
		}
	}
	return all
}

func (c config) String() string { return c.Level + "+" + c.Shape }

// env is the environment to build with under carecc.
func (c config) env() []string {
	flags := "-" + c.Level
	if c.Debug {
		flags += " -g"
	}
	return []string{"SHAPE=" + c.Shape, "CFLAGS=" + strings.TrimSpace(flags+" "+c.Flags), "KPCCREAL=" + c.Compiler}
}

// in reports whether c is one of pattern's: "any", a level, a shape, or "LEVEL+SHAPE", "any+SHAPE"; before each of them there
// may be "COMPILER:", where gcc is every gcc.
func (c config) in(pattern string) bool {
	compiler, rest, ok := strings.Cut(pattern, ":")
	if !ok {
		compiler, rest = "", pattern
	}
	level, shape, _ := strings.Cut(rest, "+")
	return strings.HasPrefix(c.Compiler, compiler) && (level == "any" || level == c.Level) && (shape == "" || shape == c.Shape)
}

// assertion says what the compiler's output must hold, for the test to be about its construct at all.
type assertion struct {
	Stage   string // "original", "patched"
	Configs string // see config.in
	File    string // C file
	Regexp  *regexp.Regexp
}

// turn is one input and the answer to it; or patch or unpatch, with no input.
type turn struct {
	Act   string // "say", "patch", "unpatch"
	Input string
	Want  string
}

// construct is one archive of testdata/c.
type construct struct {
	Name       string
	Original   map[string]string // path to text
	Patched    map[string]string // likewise, whole tree
	Assertions []assertion
	Objects    map[string]int    // number of patched objects for a config pattern
	Make       []string          // VAR=VALUE
	Only       []string          // config patterns to which the construct is restricted
	Refused    map[string]string // reason code for a config pattern: there, no patch is made
	Talk       []turn
	Fresh      []string // answers of a new patched program to the inputs between patch and unpatch
}

// configs returns the ways in which the construct is tried. What other shapes than the usual one bring shows at -O2, and what -O0 brings in that:
// both together are tried only of what is about both, and by make matrix.
func (c *construct) configs() []config {
	return slices.DeleteFunc(configs(), func(cfg config) bool {
		both := cfg.Level == "O0" && cfg.Shape != "pie"
		optimised := config{Compiler: cfg.Compiler, Level: "O2", Shape: cfg.Shape, Debug: true}
		return !c.meant(cfg) || both && c.meant(optimised)
	})
}

// meant reports whether the construct is tried in a configuration.
func (c *construct) meant(cfg config) bool {
	return len(c.Only) == 0 || slices.ContainsFunc(c.Only, cfg.in)
}

func (c *construct) objects(cfg config) int {
	for pattern, n := range c.Objects {
		if cfg.in(pattern) {
			return n
		}
	}
	return 1
}

// refused returns the reason code with which the patch is refused, "" if it is not.
func (c *construct) refused(cfg config) string {
	for pattern, code := range c.Refused {
		if cfg.in(pattern) {
			return code
		}
	}
	return ""
}

// constructs reads every archive of testdata/c.
func constructs(t *testing.T) []*construct {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(testkit.Root(t), "testdata", "c", "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no archives in testdata/c (%v)", err)
	}
	var all []*construct
	for _, path := range paths {
		c, err := readConstruct(path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, c)
	}
	return all
}

func readConstruct(path string) (*construct, error) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		return nil, err
	}
	c := &construct{
		Name:     strings.TrimSuffix(filepath.Base(path), ".txtar"),
		Original: map[string]string{}, Patched: map[string]string{}, Objects: map[string]int{}, Refused: map[string]string{},
	}
	for _, shared := range []string{"host.c", "Makefile"} {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(path), shared))
		if err != nil {
			return nil, err
		}
		c.Original[shared] = string(text)
	}
	changes := map[string]string{}
	for _, f := range archive.Files {
		patched, isPatched := strings.CutPrefix(f.Name, "patched/")
		switch {
		case f.Name == "talk":
			c.Talk, err = parseTalk(string(f.Data))
		case f.Name == "fresh":
			c.Fresh = answers(string(f.Data))
		case isPatched:
			changes[patched] = string(f.Data)
		default:
			c.Original[f.Name] = string(f.Data)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	maps.Copy(c.Patched, c.Original)
	maps.Copy(c.Patched, changes)
	maps.DeleteFunc(c.Patched, func(_, text string) bool { return text == "" })
	return c, c.directives(string(archive.Comment))
}

func (c *construct) directives(comment string) error {
	for line := range strings.Lines(comment) {
		line = strings.TrimSpace(line)
		words := strings.Fields(line)
		switch {
		case len(words) >= 5 && words[0] == "asm":
			// the regular expression is the rest of the line and may hold spaces
			rest := regexp.MustCompile(`^asm(\s+\S+){3}\s+`).ReplaceAllString(line, "")
			re, err := regexp.Compile(rest)
			if err != nil {
				return err
			}
			c.Assertions = append(c.Assertions, assertion{words[1], words[2], words[3], re})
		case len(words) >= 2 && words[0] == "objects":
			n, err := strconv.Atoi(words[1])
			if err != nil {
				return err
			}
			c.Objects[strings.Join(slices.Concat([]string{"any"}, words[2:]), "+")] = n
		case len(words) >= 2 && words[0] == "only":
			c.Only = append(c.Only, words[1:]...)
		case len(words) == 3 && words[0] == "refused":
			c.Refused[words[1]] = words[2]
		case len(words) == 2 && words[0] == "make" && strings.Contains(words[1], "="):
			c.Make = append(c.Make, words[1])
		}
	}
	return nil
}

func parseTalk(text string) ([]turn, error) {
	var talk []turn
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "patch" || line == "unpatch":
			talk = append(talk, turn{Act: line})
		case strings.HasPrefix(line, "< "):
			talk = append(talk, turn{Act: "say", Input: line[2:]})
		case strings.HasPrefix(line, "> ") && len(talk) > 0 && talk[len(talk)-1].Want == "":
			talk[len(talk)-1].Want = line[2:]
		default:
			return nil, fmt.Errorf("line %q", line)
		}
	}
	return talk, nil
}

func answers(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		all = append(all, strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "> "))
	}
	return all
}

// before returns the turns until the patch.
func (c *construct) before() []turn {
	return c.Talk[:slices.IndexFunc(c.Talk, func(t turn) bool { return t.Act == "patch" })]
}

// between returns the turns while the patch is on, with what a fresh program answers.
func (c *construct) between() []turn {
	from := slices.IndexFunc(c.Talk, func(t turn) bool { return t.Act == "patch" }) + 1
	to := slices.IndexFunc(c.Talk, func(t turn) bool { return t.Act == "unpatch" })
	turns := slices.Clone(c.Talk[from:to])
	for i, want := range c.Fresh {
		turns[i].Want = want
	}
	return turns
}

// writeTree writes files below dir.
func writeTree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		testkit.WriteFile(t, filepath.Join(dir, name), text)
	}
}
