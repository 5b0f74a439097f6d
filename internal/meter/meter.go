// Package meter tells the time of a program apart from that of the programs it runs.
//
// Input: a context made by With, and a call of Other around each program that is started. Output: an Effort.
package meter

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"
)

// Meter counts for one run.
type Meter struct {
	begun time.Time

	mu      sync.Mutex
	running int           // programs at work
	since   time.Time     // when the first of them was started
	others  time.Duration // time in which at least one was at work, up to since
}

// Effort is what a run took.
type Effort struct {
	OwnMS    int64 `json:"own_ms"`     // milliseconds in which no other program was at work
	OthersMS int64 `json:"others_ms"`  // milliseconds in which one was: builds, compilers, assemblers
	OwnCPUMS int64 `json:"own_cpu_ms"` // milliseconds of processor time, other programs not counted
	MaxRSSKB int64 `json:"max_rss_kb"` // the most memory at a time, likewise
}

type key struct{}

// With returns a context in which Other counts.
func With(ctx context.Context) (context.Context, *Meter) {
	m := &Meter{begun: time.Now()}
	return context.WithValue(ctx, key{}, m), m
}

// Other is called when another program is started; what it returns, when that has ended.
func Other(ctx context.Context) (ended func()) {
	m, ok := ctx.Value(key{}).(*Meter)
	if !ok {
		return func() {}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running++; m.running == 1 {
		m.since = time.Now()
	}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.running--; m.running == 0 {
			m.others += time.Since(m.since)
		}
	}
}

// Read returns what it took up to now; no other program may be at work.
func (m *Meter) Read() Effort {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := Effort{OwnMS: (time.Since(m.begun) - m.others).Milliseconds(), OthersMS: m.others.Milliseconds()}
	var use syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &use) == nil {
		e.OwnCPUMS = time.Duration(use.Utime.Nano() + use.Stime.Nano()).Milliseconds()
		e.MaxRSSKB = use.Maxrss
	}
	return e
}

func (e Effort) String() string {
	seconds := func(ms int64) float64 { return float64(ms) / 1000 }
	return fmt.Sprintf("own work %.2f s (%.2f s of processor time, %d MB at most); builds, compilers and assemblers %.2f s",
		seconds(e.OwnMS), seconds(e.OwnCPUMS), e.MaxRSSKB>>10, seconds(e.OthersMS))
}
