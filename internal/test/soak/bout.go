package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// bout is a server under a load, with cycles and without.
type bout struct {
	name         string
	load         load
	most         int // cycles
	served, twin *patient

	alone, beside, patched windows
}

func (b *bout) run(ctx context.Context) error {
	first := &patient{soak: b.served.soak, pids: b.served.pids, patch: b.served.patch, ask: b.served.ask}
	if err := new(windows).window(ctx, b.load, first, 1); err != nil { // what follows finds buffers filled and regions mapped
		return err
	}
	before, err := countAll(b.served.pids)
	if err != nil {
		return err
	}
	err = b.windows(ctx)
	if err != nil && ctx.Err() == nil {
		return err
	}
	after, leaks := settled(b.served.pids, before)
	return errors.Join(err, b.report(before, after), leaks) // of an interrupted run, too
}

// compared is after how many windows of patched ones the load is run for comparison: what lets it drift is slower.
const compared = 5

// windows runs the load in turns until there were as many cycles as asked for.
func (b *bout) windows(ctx context.Context) error {
	for i := 0; b.served.cycles < b.most; i++ {
		if i%compared == 0 {
			if err := errors.Join(b.alone.window(ctx, b.load, nil, 0), b.beside.window(ctx, b.load, b.twin, b.most)); err != nil {
				return err
			}
		}
		if err := b.patched.window(ctx, b.load, b.served, b.most); err != nil {
			return err
		}
	}
	return nil
}

// settled counts until nothing is leaked, for some seconds: a server may take a while to close connections.
func settled(pids []int, before []counts) (after []counts, err error) {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if after, err = countAll(pids); err != nil {
			return nil, err
		}
		for i := range after {
			err = errors.Join(err, after[i].leaked(before[i]))
		}
		if err == nil || time.Now().After(deadline) {
			return after, err
		}
	}
}

func countAll(pids []int) (list []counts, err error) {
	for _, pid := range pids {
		c, err := count(pid)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// report prints the figures, and fails for a failed request. How long requests take depends on who else uses the processors.
func (b *bout) report(before, after []counts) error {
	made, failed := b.patched.requests()
	ratio := func(w *windows) float64 { return float64(w.p99()) / float64(max(b.alone.p99(), 1)) }
	fmt.Printf("%s: %d cycles, %d requests, %d failed; p99 alone %s, beside a patched twin %s (%.3f), patched %s (%.3f); stopped for %s, at most %s\n",
		b.name, b.served.cycles, made, failed, b.alone.p99(), b.beside.p99(), ratio(&b.beside), b.patched.p99(), ratio(&b.patched),
		median(b.served.freezes), maxOf(b.served.freezes))
	for i := range after {
		fmt.Printf("%s: before %v; after %v\n", b.name, before[i], after[i])
	}
	if failed > 0 {
		return fmt.Errorf("%d requests failed", failed)
	}
	return nil
}
