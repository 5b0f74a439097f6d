package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

// levels are how programs are built: with the flags of their packages, and with other optimisation. At late levels code is made when they
// are linked, beside that of the objects or alone; one program is enough for these, where none are asked for.
var (
	levels      = []string{"deb", "O0", "O3"}
	lateLevels  = []string{"lto", "slim"}
	crossLevels = []string{"O0", "O2", "O3"}
)

const lateProgram = "lua"

// run makes every row asked for and prints each when it is done.
func run(ctx context.Context) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	programs, err := choose("PROGRAMS", recipes(root))
	if err != nil {
		return err
	}
	guest, err := guestOf(os.Getenv("MACHINE"))
	if err != nil {
		return err
	}
	all := slices.Concat(levels, lateLevels)
	if guest != nil {
		all = crossLevels
	}
	wanted, err := choose("LEVELS", all)
	if err != nil {
		return err
	}
	work := os.Getenv("ORACLE_WORK")
	if work == "" {
		if work, err = os.MkdirTemp("", "gocare-oracle"); err != nil {
			return err
		}
		defer os.RemoveAll(work)
	}
	e := &environment{root: root, work: work, bin: filepath.Join(work, "bin"), coverage: map[string]covered{}}
	if e.guest = guest; guest != nil {
		guest.bin = filepath.Join(work, "bin-"+guest.machine)
	}
	if err := e.buildPrograms(ctx); err != nil {
		return err
	}
	var rows []*row
	for _, program := range programs {
		for _, level := range wanted {
			if program != lateProgram && os.Getenv("LEVELS") == "" && slices.Contains(lateLevels, level) {
				continue
			}
			r := e.row(ctx, program, level)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r.print(os.Stdout)
			rows = append(rows, r)
		}
	}
	return summary(os.Stdout, rows)
}

// choose returns the words of a variable, which must be among all; all where it is empty.
func choose(variable string, all []string) ([]string, error) {
	words := strings.Fields(os.Getenv(variable))
	if len(words) == 0 {
		return all, nil
	}
	for _, w := range words {
		if !slices.Contains(all, w) {
			return nil, fmt.Errorf("%s: no %q; there are %s", variable, w, strings.Join(all, ", "))
		}
	}
	return words, nil
}

// recipes lists the programs that there are recipes for.
func recipes(root string) []string {
	files, _ := filepath.Glob(filepath.Join(root, "testdata", "oracle", "*.sh")) // only a bad pattern is an error
	var names []string
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".sh"); name != "lib" {
			names = append(names, name)
		}
	}
	return names
}
