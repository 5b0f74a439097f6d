package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"gocare/internal/test/trial"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	o, err := options(os.Getenv)
	if err == nil {
		err = run(ctx, os.Stdout, o)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "random:", err)
		os.Exit(1)
	}
}

// option is what to do.
type option struct {
	pairs int
	seed  int64 // of the first pair; the next has the next one
	rows  []trial.Config
	on    *machine
	keep  string // where pairs are kept that go wrong, or the only one; nowhere if empty
	list  bool   // print what becomes of every pair
}

// options reads the environment.
func options(env func(string) string) (o option, err error) {
	get := func(name, all string) string {
		if value := env(name); value != "" {
			return value
		}
		return all
	}
	if o.pairs, err = strconv.Atoi(get("N", "1000")); err != nil {
		return o, fmt.Errorf("parameter N: %w", err)
	}
	if o.seed, err = strconv.ParseInt(get("SEED", "1"), 10, 64); err != nil {
		return o, fmt.Errorf("parameter SEED: %w", err)
	}
	if o.on, err = machineOf(env("MACHINE")); err != nil {
		return o, err
	}
	for _, level := range strings.Fields(get("LEVELS", "O0 O1 O2 O3")) {
		for _, compiler := range strings.Fields(get("COMPILERS", o.on.compilers)) {
			o.rows = append(o.rows, trial.Config{Compiler: compiler, Level: level})
		}
	}
	o.keep, o.list = env("KEEP"), env("LIST") != ""
	return o, nil
}

// run builds our programs and tries all pairs.
func run(ctx context.Context, w io.Writer, o option) error {
	for _, tool := range append(o.on.tools(o.rows), "csmith", "diff") {
		if _, err := exec.LookPath(tool); err != nil {
			return err
		}
	}
	work, err := os.MkdirTemp("", "gocare-random")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	programs, err := trial.Build(ctx, work, o.on.name)
	if err != nil {
		return err
	}
	defer programs.Stop()
	return tryAll(ctx, w, o, programs, work)
}

// tryAll tries all pairs, as many at a time as there are processors, in a directory.
func tryAll(ctx context.Context, w io.Writer, o option, programs *trial.Programs, work string) error {
	t, mu := newTable(o.rows), sync.Mutex{}
	t.all = o.list
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for i := range o.pairs {
		group.Go(func() error {
			p := newPair(programs, work, o.seed+int64(i), o)
			v, err := p.try(ctx), ctx.Err()
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			t.add(w, p, v)
			if o.keep != "" && (v.Outcome == trial.Wrong || o.pairs == 1) {
				err = p.keep(o.keep, v)
			}
			return errors.Join(err, os.RemoveAll(p.Dir))
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return t.summary(w)
}
