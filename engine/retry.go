package engine

import (
	"time"

	"gocare/internal/fault"
)

// Timing is what a commit took.
type Timing struct {
	Attempts int           // how often the process was stopped
	Freeze   time.Duration // how long running threads were held in the last of them, at most
}

// Pauses between attempts: each is twice as long as the one before, up to the longest.
const (
	firstPause   = 2 * time.Millisecond
	longestPause = 100 * time.Millisecond
)

// retry makes attempts until one does not find the process busy, or the wait is over. between lets the process run on for
// a pause.
func (t *Timing) retry(wait time.Duration, attempt func() (busy, err error), between func(pause time.Duration, busy error) error) error {
	deadline := time.Now().Add(wait)
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		t.Attempts++
		busy, err := attempt()
		if err != nil || busy == nil {
			return err
		}
		if time.Now().Add(pause).After(deadline) {
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
