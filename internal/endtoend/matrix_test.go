package endtoend

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bmatcuk/doublestar/v4"

	"gocare/internal/testkit"
)

// TestMatrix runs every construct on every compiler at every level, in every shape, with and without -g, and prints what
// became of it. It takes long; `make matrix` runs it, with what to run in its environment.
func TestMatrix(t *testing.T) {
	if os.Getenv("GOCARE_MATRIX") == "" {
		t.Skip("make matrix runs this")
	}
	programs(t)
	var rows []config
	for _, compiler := range words("COMPILERS", "gcc-11 gcc-12 clang") {
		testkit.Require(t, compiler)
		for _, level := range words("LEVELS", "O0 O1 O2 O3 Os Og") {
			for _, debug := range words("DEBUG", "no yes") {
				for _, shape := range words("SHAPES", "pie nopie library") {
					rows = append(rows, config{Compiler: compiler, Level: level, Shape: shape, Debug: debug == "yes"})
				}
			}
		}
	}
	cases := slices.DeleteFunc(constructs(t), func(c *construct) bool { return !asked(c.Name) })
	m := newMatrix("compiler  level      shape   ")
	for _, cfg := range rows {
		level := "-" + cfg.Level
		if cfg.Debug {
			level += " -g"
		}
		m.row(t, fmt.Sprintf("%-9s %-10s %-8s", cfg.Compiler, level, cfg.Shape), cfg, cases)
	}
	m.summary()
}

// TestOtherCompilers is a small slice of the matrix for every day: compilers besides the machine's gcc, a few constructs.
func TestOtherCompilers(t *testing.T) {
	programs(t)
	compilers := []string{"clang"}
	testkit.Require(t, "clang")
	if _, err := exec.LookPath("gcc-11"); err == nil { // Fedora has one gcc
		compilers = append(compilers, "gcc-11")
	}
	for _, compiler := range compilers {
		for _, c := range constructs(t) {
			if slices.Contains([]string{"body", "keepstatic", "jumptable", "newvariable", "stderr"}, c.Name) {
				t.Run(compiler+"/"+c.Name, func(t *testing.T) {
					t.Parallel()
					patchLive(t, c, config{Compiler: compiler, Level: "O2", Shape: "pie"})
				})
			}
		}
	}
}

// words returns a list from the environment, or the one that is meant when there is none.
func words(name, all string) []string {
	if list := strings.Fields(os.Getenv("GOCARE_" + name)); len(list) > 0 {
		return list
	}
	return strings.Fields(all)
}

// asked reports whether the environment asks for a construct, by a list of globs.
func asked(name string) bool {
	return slices.ContainsFunc(words("CONSTRUCTS", "*"), func(glob string) bool { return doublestar.MatchUnvalidated(glob, name) })
}

// outcome is what became of one cell.
type outcome string

const (
	passed outcome = "passed" // the construct is in the compiler's output, and the patch does what it is to do
	absent outcome = "absent" // the patch does what it is to do, but the compiler's output does not show the construct
	failed outcome = "failed"
	// "refused CODE": as the construct says
)

// matrix counts outcomes and prints a line a row.
type matrix struct {
	mu      sync.Mutex
	counts  map[outcome]int // of the current row
	total   map[outcome]int
	details []string
}

func newMatrix(head string) *matrix {
	fmt.Printf("%s passed absent failed refused\n", head)
	return &matrix{total: map[outcome]int{}}
}

// row runs the cells of one row, as many at a time as go test allows.
func (m *matrix) row(t *testing.T, title string, cfg config, cases []*construct) {
	m.counts = map[outcome]int{}
	t.Run(strings.Join(strings.Fields(title), " "), func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				m.cell(t, title, c, cfg)
			})
		}
	})
	fmt.Printf("%s %s\n", title, describe(m.counts))
}

func (m *matrix) cell(t *testing.T, title string, c *construct, cfg config) {
	result, missing := failed, []string(nil)
	defer func() {
		if t.Failed() {
			result = failed
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.counts[result]++
		m.total[result]++
		if result != passed {
			m.details = append(m.details, strings.Join(append([]string{title, c.Name, string(result)}, missing...), "  "))
		}
	}()
	missing = m.missing(t, c, cfg)
	dir := t.TempDir()
	writeTree(t, dir, c.Original)
	patchLiveIn(t, dir, c, cfg)
	switch code := c.refused(cfg); {
	case code != "":
		result = outcome("refused " + code)
	case len(missing) > 0:
		result = absent
	default:
		result = passed
	}
}

// missing says what the assembly of both versions does not show. What a construct asserts of -O2 is looked for at every
// level with optimisation.
func (m *matrix) missing(t *testing.T, c *construct, cfg config) (list []string) {
	level := cfg.Level
	if level != "O0" {
		level = "O2"
	}
	for stage, files := range map[string]map[string]string{"original": c.Original, "patched": c.Patched} {
		dir := t.TempDir()
		writeTree(t, dir, files)
		list = append(list, missingAssembly(t, c, cfg, level, stage, dir)...)
	}
	slices.Sort(list)
	return list
}

func (m *matrix) summary() {
	slices.Sort(m.details)
	fmt.Printf("\nnot passed:\n%s\n\ntotal: %s\n", strings.Join(m.details, "\n"), describe(m.total))
}

// describe writes counts as columns.
func describe(counts map[outcome]int) string {
	line := fmt.Sprintf("%6d %6d %6d", counts[passed], counts[absent], counts[failed])
	var codes []string
	for what, n := range counts {
		if code, ok := strings.CutPrefix(string(what), "refused "); ok {
			codes = append(codes, fmt.Sprintf("%d %s", n, code))
		}
	}
	slices.Sort(codes)
	return line + "  " + strings.Join(codes, ", ")
}
