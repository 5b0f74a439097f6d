package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// large makes and applies a patch of many functions.
func large(ctx context.Context, s *soak) error {
	const n = 2000
	source := func(changed int) string { return head + functions(n, changed) + table(n) + digits }
	program, patch, took, err := s.makePatch(ctx, "large", source(0), source(n))
	if err != nil {
		return err
	}
	file, err := os.Stat(patch)
	if err != nil {
		return err
	}
	t, err := talk(program)
	if err != nil {
		return err
	}
	defer t.end()
	p := &patient{soak: s, pids: t.pids(), patch: patch, ask: func() (bool, error) {
		line, err := t.ask()
		if err == nil && line != strings.Repeat("0", n) && line != strings.Repeat("1", n) {
			err = fmt.Errorf("functions that are patched: %s", line)
		}
		return strings.HasPrefix(line, "1"), err
	}}
	start := time.Now()
	for p.cycles < min(s.cycles, 100) {
		if err := p.cycle(ctx); err != nil {
			return err
		}
	}
	fmt.Printf("large: a patch of %d functions, %d bytes, made in %s; %d cycles of %s each, stopped for %s, at most %s\n", n, file.Size(), took.Round(time.Millisecond),
		p.cycles, (time.Since(start) / time.Duration(p.cycles)).Round(time.Millisecond), median(p.freezes), maxOf(p.freezes))
	return nil
}
