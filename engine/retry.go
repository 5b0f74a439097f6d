package engine

import (
	"fmt"
	"time"

	"gocare/internal/fault"
)

// Timing is what a commit took.
type Timing struct {
	Attempts int           // how often it was tried
	Freeze   time.Duration // how long running threads were held, at most, in the last attempt
	Failed   time.Duration // likewise in those before
	Held     time.Duration // how long a thread that was led out of a function was held until the others were out, at most

	begun, deadline time.Time
}

// String says for how long threads were held.
func (t *Timing) String() string {
	text := fmt.Sprintf("stopped for %s", t.Freeze)
	if t.Failed > 0 {
		text += fmt.Sprintf(", in an earlier attempt for %s", t.Failed)
	}
	if t.Held > 0 {
		text += fmt.Sprintf(", a thread that was led out held for %s", t.Held)
	}
	return text
}

// waited returns how long has been waited so far, 0 where nothing is waited for.
func (t *Timing) waited() time.Duration {
	if !t.deadline.After(t.begun) {
		return 0
	}
	return time.Since(t.begun)
}

// held takes note of how long a thread that was led out has been held in an attempt, and returns it.
func (t *Timing) held(since time.Time) time.Duration {
	if since.IsZero() {
		return 0
	}
	d := time.Since(since)
	t.Held = max(t.Held, d)
	return d
}

// Pauses between attempts: each is twice as long as the one before, up to the longest.
const (
	firstPause   = 2 * time.Millisecond
	longestPause = 100 * time.Millisecond
)

// retry makes attempts until one does not find the process busy, or the wait is over. between lets the process run on for
// a pause.
func (t *Timing) retry(wait time.Duration, attempt func() (busy, err error), between func(pause time.Duration, busy error) error) error {
	t.begun = time.Now()
	t.deadline = t.begun.Add(wait)
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		t.Attempts++
		t.Failed, t.Freeze = max(t.Failed, t.Freeze), 0
		busy, err := attempt()
		if err != nil || busy == nil {
			return err
		}
		if time.Now().Add(pause).After(t.deadline) {
			return busy
		}
		if err := between(pause, busy); err != nil {
			return err
		}
	}
}

// retryable reports whether what is in the way of an attempt may be gone at the next one.
func retryable(err error) bool {
	e := fault.As(err)
	return e != nil && e.Kind == fault.Busy && e.Code != fault.Traced
}
