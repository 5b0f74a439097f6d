package endtoend

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bmatcuk/doublestar/v4"

	"gocare/internal/test/testkit"
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

// flagged are the constructs that each set of flags is tried with.
var flagged = []string{"body", "newvariable", "stderr", "keepstatic", "newimport"}

// flagRow is a set of compiler flags, with what the assembly shows of it.
type flagRow struct {
	flags  string
	shows  string            // regular expression on the assembly of under.c, "" where it shows nothing
	shapes []string          // only these, all if none are named
	only   string            // "gcc" or "clang" for flags that only one has
	codes  map[string]string // construct, "COMPILER construct" or "" for all -> code of the refusal that is expected
}

// flagRows are flags that change what code looks like around what the source says, each to be patched or refused by name.
var flagRows = []flagRow{
	{flags: "-fcf-protection=full", shows: `endbr64`},
	{flags: "-fcf-protection=branch", shows: `endbr64`},
	{flags: "-fpatchable-function-entry=2", shows: `__patchable_function_entries`},
	{flags: "-fpatchable-function-entry=5,3", shows: `__patchable_function_entries`},
	{flags: "-fpatchable-function-entry=2 -fcf-protection", shows: `__patchable_function_entries`},
	{flags: "-pg", shows: `mcount`},
	{flags: "-pg -mfentry", shows: `__fentry__`},
	{flags: "-pg -mfentry -mrecord-mcount", shows: `__mcount_loc`, only: "gcc", codes: map[string]string{"": "entry-table"}},
	{flags: "-ggdb3", shows: `debug_`},
	{flags: "-gdwarf-4", shows: `debug_`},
	{flags: "-g1", shows: `debug_`},
	{flags: "-gsplit-dwarf", shows: `debug_`},
	{flags: "-fno-plt", shows: `GOTPCREL`},
	{flags: "-mcmodel=large", shows: `movabs`, codes: map[string]string{
		"gcc pie": "unsupported-relocation", "gcc library": "unsupported-relocation", "clang pie": "unsupported-relocation", "clang library": "unsupported-relocation",
	}},
	{flags: "-mcmodel=medium", codes: map[string]string{"clang pie": "unsupported-relocation", "clang library": "unsupported-relocation"}},
	{flags: "-fsanitize=address", shows: `__asan_`},
	{flags: "-fsanitize=undefined", shows: `__ubsan_`},
	{flags: "-fstack-protector-all", shows: `__stack_chk_fail`},
	{flags: "-fstack-protector-strong -D_FORTIFY_SOURCE=2", shows: `__printf_chk`},
	{flags: "-fstack-clash-protection"},
	{flags: "-ffunction-sections -fdata-sections -Wl,--gc-sections", shows: `\.text\.answer`},
	{flags: "-fcommon", codes: map[string]string{"newvariable": "new-common"}},
	{flags: "-fno-common"},
	{flags: "-fvisibility=hidden", shapes: []string{"pie", "nopie"}},
	{flags: "-mno-red-zone"},
	{flags: "-march=native"},
	{flags: "-march=haswell -O3"},
	{flags: "-fno-omit-frame-pointer", shows: `%rbp`},
	{flags: "-fno-asynchronous-unwind-tables"},
	{flags: "-fno-semantic-interposition"},
	{flags: "-fsemantic-interposition"},
	{flags: "-fno-builtin"},
	{flags: "-finstrument-functions", shows: `__cyg_profile_func_enter`},
	{flags: "-fmerge-all-constants"},
	{flags: "-masm=intel", shows: `PTR`, codes: map[string]string{"": "intel-syntax"}},
	{flags: "-falign-functions=64"},
	{flags: "-Wl,-z,now -Wl,-z,relro"},
	{flags: "-Wl,-O1 -Wl,--as-needed -Wl,-Bsymbolic-functions"},
	{flags: "-fuse-ld=gold"},
	{flags: "-fuse-ld=lld -Wl,--build-id=sha1"},
	{flags: "-fuse-ld=lld -Wl,--build-id=sha1 -Wl,--icf=all"},
	{flags: "-fno-integrated-as", only: "clang"},
}

// TestMatrixFlags is TestMatrix for flags, at -O2 -g.
func TestMatrixFlags(t *testing.T) {
	if os.Getenv("GOCARE_MATRIX") == "" {
		t.Skip("make matrix runs this")
	}
	programs(t)
	cases := slices.DeleteFunc(constructs(t), func(c *construct) bool { return !asked(c.Name) || !slices.Contains(flagged, c.Name) })
	m := newMatrix("compiler  flags                                              shape   ")
	for _, compiler := range words("COMPILERS", "gcc-12 clang") {
		for _, r := range flagRows {
			if !strings.HasPrefix(compiler, r.only) || !strings.Contains(r.flags, os.Getenv("GOCARE_FLAGS")) {
				continue
			}
			for _, shape := range words("SHAPES", "pie nopie library") {
				if len(r.shapes) > 0 && !slices.Contains(r.shapes, shape) {
					continue
				}
				cfg := config{Compiler: compiler, Level: "O2", Shape: shape, Debug: true, Flags: r.flags}
				m.row(t, fmt.Sprintf("%-9s %-50s %-8s", compiler, r.flags, shape), cfg, r.expect(cfg, cases))
			}
		}
	}
	m.summary()
}

// expect returns the constructs with what the row says of them.
func (r flagRow) expect(cfg config, cases []*construct) (list []*construct) {
	for _, c := range cases {
		one := *c
		one.Assertions = nil
		if r.shows != "" {
			one.Assertions = []assertion{{"original", "any", "under.c", regexp.MustCompile(r.shows)}}
		}
		one.Refused = map[string]string{}
		family, _, _ := strings.Cut(cfg.Compiler, "-")
		for _, key := range []string{"", c.Name, family, family + " " + c.Name, family + " " + cfg.Shape, family + " " + c.Name + " " + cfg.Shape} {
			if code := r.codes[key]; code != "" {
				one.Refused["any"] = code
			}
		}
		list = append(list, &one)
	}
	return list
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
	others outcome = "not meant for this" // the construct is restricted to others
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
	if !c.meant(likeO2(cfg)) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.counts[others]++
		m.total[others]++
		return
	}
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

// likeO2 is the configuration whose assertions count for cfg: what a construct says of -O2 goes for every level with optimisation.
func likeO2(cfg config) config {
	if cfg.Level != "O0" {
		cfg.Level = "O2"
	}
	return cfg
}

// missing says what the assembly of both versions does not show.
func (m *matrix) missing(t *testing.T, c *construct, cfg config) (list []string) {
	level := likeO2(cfg).Level
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
	if n := counts[others]; n > 0 {
		codes = append(codes, fmt.Sprintf("(%d %s)", n, others))
	}
	return line + "  " + strings.Join(codes, ", ")
}
