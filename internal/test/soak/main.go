package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gocare/internal/test/gobuild"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// soak is what all programs share.
type soak struct {
	root, work string // the checkout; where programs are built
	bin        string
	cycles     int
	pause      time.Duration
	processors processors
}

// programs are what can be soaked, by name. Each returns an error for what must not be.
var programs = map[string]func(context.Context, *soak) error{
	"redis": redis, "nginx": nginx, "crowd": crowd, "threads": threads, "large": large, "ticks": ticks,
}

func run(ctx context.Context) error {
	s, err := newSoak(ctx)
	if err != nil {
		return err
	}
	if os.Getenv("SOAK_WORK") == "" {
		defer os.RemoveAll(s.work)
	}
	names := strings.Fields(or("PROGRAMS", "redis nginx crowd threads large ticks"))
	for _, name := range names {
		if programs[name] == nil {
			return fmt.Errorf("PROGRAMS: no %q", name)
		}
	}
	var errs []error
	for _, name := range names {
		if err := programs[name](ctx, s); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			fmt.Printf("%s: FAIL: %v\n", name, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return errors.Join(errs...)
}

func newSoak(ctx context.Context) (*soak, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	s := &soak{root: root, work: os.Getenv("SOAK_WORK"), processors: newProcessors(os.Getenv("SHARED") != "")}
	if s.cycles, err = strconv.Atoi(or("CYCLES", "10000")); err != nil {
		return nil, fmt.Errorf("CYCLES: %w", err)
	}
	if s.pause, err = time.ParseDuration(or("PAUSE", "0s")); err != nil {
		return nil, fmt.Errorf("PAUSE: %w", err)
	}
	if s.work == "" {
		if s.work, err = os.MkdirTemp("", "gocare-soak"); err != nil {
			return nil, err
		}
	}
	s.bin = filepath.Join(s.work, "bin")
	if err := gobuild.Programs(ctx, s.bin); err != nil {
		return nil, err
	}
	return s, os.Setenv("PATH", s.bin+":"+os.Getenv("PATH"))
}

// or returns a variable of the environment, or what is meant where there is none.
func or(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
