package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// latency is what a run of a load says: 99 of 100 requests were answered within it.
type latency struct {
	p99      time.Duration
	requests int // made
	failed   int
}

// load is a program that asks a server for some seconds.
type load func(context.Context) (latency, error)

// wrk asks an HTTP server over 32 connections.
func (s *soak) wrk(url string, seconds int) load {
	return func(ctx context.Context) (latency, error) {
		out, err := commandOn(ctx, s.processors.load, "wrk", "-t1", "-c32", fmt.Sprintf("-d%ds", seconds), "--latency", url).CombinedOutput()
		if err != nil {
			return latency{}, fmt.Errorf("wrk: %w\n%s", err, out)
		}
		return parseWrk(string(out))
	}
}

var (
	wrkP99      = regexp.MustCompile(`(?m)^ +99% +([0-9.]+(?:us|ms|s))$`)
	wrkRequests = regexp.MustCompile(`(?m)^ +([0-9]+) requests in `)
	wrkErrors   = regexp.MustCompile(`(?m)^ +(?:Socket errors: connect ([0-9]+), read ([0-9]+), write ([0-9]+), timeout ([0-9]+)|Non-2xx or 3xx responses: ([0-9]+))$`)
)

func parseWrk(out string) (l latency, err error) {
	p99, requests := wrkP99.FindStringSubmatch(out), wrkRequests.FindStringSubmatch(out)
	if p99 == nil || requests == nil {
		return l, fmt.Errorf("wrk says\n%s", out)
	}
	l.requests, err = strconv.Atoi(requests[1])
	if err != nil {
		return l, err
	}
	for _, line := range wrkErrors.FindAllStringSubmatch(out, -1) {
		for _, number := range line[1:] {
			n, _ := strconv.Atoi(number) // "" of the other kind of line
			l.failed += n
		}
	}
	l.p99, err = time.ParseDuration(p99[1])
	return l, err
}

// redisBenchmark asks redis over 50 connections, about so many requests of each kind.
func (s *soak) redisBenchmark(port, requests int) load {
	return func(ctx context.Context) (latency, error) {
		cmd := commandOn(ctx, s.processors.load, "redis-benchmark", "-p", strconv.Itoa(port), "-c", "50", "-n", strconv.Itoa(requests), "-t", "ping_mbulk,set,get", "--csv")
		out, err := cmd.CombinedOutput()
		if err != nil {
			return latency{}, fmt.Errorf("redis-benchmark: %w\n%s", err, out)
		}
		return parseRedis(string(out), requests)
	}
}

// parseRedis takes the worst of the rows. A request that fails ends the program.
func parseRedis(out string, requests int) (l latency, err error) {
	const p99Column = 6
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimSpace(line), ",")
		if len(f) <= p99Column || f[0] == `"test"` {
			continue
		}
		ms, err := strconv.ParseFloat(strings.Trim(f[p99Column], `"`), 64)
		if err != nil {
			return l, fmt.Errorf("redis-benchmark says %s", line)
		}
		l.p99 = max(l.p99, time.Duration(ms*float64(time.Millisecond)))
		l.requests += requests
	}
	if l.requests == 0 || strings.Contains(out, "Error") {
		return l, fmt.Errorf("redis-benchmark says\n%s", out)
	}
	return l, nil
}

// windows are the runs of a load of one kind.
type windows struct{ runs []latency }

func (w *windows) p99() time.Duration {
	var list []time.Duration
	for _, l := range w.runs {
		list = append(list, l.p99)
	}
	return median(list)
}

func (w *windows) requests() (made, failed int) {
	for _, l := range w.runs {
		made, failed = made+l.requests, failed+l.failed
	}
	return made, failed
}

func median[T int | time.Duration](list []T) T {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

// window runs a load, and cycles of a patient, if there is one, until it ends.
func (w *windows) window(ctx context.Context, run load, p *patient, most int) error {
	over := make(chan struct{})
	var l latency
	var loadErr error
	go func() {
		defer close(over)
		l, loadErr = run(ctx)
	}()
	var err error
	for going := p != nil; going; {
		select {
		case <-over:
			going = false
		default:
			going = p.cycles < most
			if going {
				err = p.cycle(ctx)
				going = err == nil
			}
		}
	}
	<-over
	if loadErr == nil {
		w.runs = append(w.runs, l)
	}
	return errors.Join(err, loadErr)
}

func maxOf(list []time.Duration) time.Duration { return slices.Max(append(list, 0)) }
