package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"gocare/internal/test/trial"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

// run makes every trial asked for and prints each row when it is done.
func run(ctx context.Context) error {
	e, err := newEnvironment(ctx)
	if err != nil {
		return err
	}
	defer e.remove()
	list, err := samples(e.suite, cmp.Or(os.Getenv("MACHINE"), "x86_64"), words("PROGRAMS", "**"))
	if err != nil {
		return err
	}
	var rows []*row
	compilers := "gcc-12 clang"
	if os.Getenv("MACHINE") != "" {
		compilers = "aarch64-linux-gnu-gcc clang"
	}
	for _, compiler := range words("COMPILERS", compilers) {
		if _, err := exec.LookPath(compiler); err != nil {
			return err
		}
		for _, level := range words("LEVELS", "O0 O2 O3") {
			for _, shape := range words("SHAPES", "pie") {
				c := trial.Config{Compiler: compiler, Level: level, Shape: shape}
				made, err := e.rows(ctx, c, list)
				if err != nil {
					return err
				}
				rows = append(rows, made...)
			}
		}
	}
	return summary(os.Stdout, rows)
}

// words returns a list from the environment, or the one that is meant when there is none.
func words(name, all string) []string {
	if list := strings.Fields(os.Getenv(name)); len(list) > 0 {
		return list
	}
	return strings.Fields(all)
}

// environment is what all rows share.
type environment struct {
	work, suite string
	keep        bool // the work directory, and of programs that go wrong what lies in it
	programs    *trial.Programs
	kinds       []string
	seed        uint64
}

// newEnvironment builds our programs and unpacks the suite. TORTURE_WORK names a directory to keep, for a closer look.
func newEnvironment(ctx context.Context) (*environment, error) {
	seed, err := strconv.ParseUint(words("SEED", "1")[0], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("SEED: %w", err)
	}
	e := &environment{work: os.Getenv("TORTURE_WORK"), keep: true, kinds: words("KINDS", "identity edit"), seed: seed}
	for _, k := range e.kinds {
		if k != identity && k != edited {
			return nil, fmt.Errorf("KINDS: no %q; there are %s and %s", k, identity, edited)
		}
	}
	if e.work == "" {
		e.keep = false
		if e.work, err = os.MkdirTemp("", "gocare-torture"); err != nil {
			return nil, err
		}
	}
	e.suite = filepath.Join(e.work, "suite")
	if e.programs, err = trial.Build(ctx, e.work, os.Getenv("MACHINE")); err == nil {
		err = e.unpack(ctx)
	}
	if err != nil {
		e.remove()
		return nil, err
	}
	return e, nil
}

func (e *environment) remove() {
	if e.programs != nil {
		e.programs.Stop()
	}
	if !e.keep {
		_ = os.RemoveAll(e.work) // a temporary directory
	}
}

// sources is where gcc-12-source has the compiler's sources.
const sources = "/usr/src/gcc-12/gcc-12*-dfsg.tar.xz"

func (e *environment) unpack(ctx context.Context) error {
	if _, err := os.Stat(e.suite); err == nil {
		return nil
	}
	archives, err := filepath.Glob(sources)
	if err != nil || len(archives) == 0 {
		return fmt.Errorf("no %s: install gcc-12-source", sources)
	}
	if err := os.Mkdir(e.suite, 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "tar", "-xJf", archives[0], "-C", e.suite, "--wildcards", "--strip-components=5", "*/gcc/testsuite/gcc.c-torture/execute/*")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("tar: %w\n%s", err, out)
	}
	return nil
}
