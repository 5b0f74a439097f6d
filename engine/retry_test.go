package engine

import (
	"errors"
	"slices"
	"testing"
	"time"
)

func TestRetry(t *testing.T) {
	busy, broken := errors.New("busy"), errors.New("broken")
	for _, tt := range []struct {
		name     string
		wait     time.Duration
		attempts []error // what each attempt ends with; broken is no busy process
		between  error
		want     error
		pauses   []time.Duration // in milliseconds
	}{
		{name: "the first attempt", wait: time.Hour, attempts: []error{nil}},
		{name: "the third attempt", wait: time.Hour, attempts: []error{busy, busy, nil}, pauses: []time.Duration{2, 4}},
		{name: "broken is not tried again", wait: time.Hour, attempts: []error{busy, broken}, want: broken, pauses: []time.Duration{2}},
		{name: "once without a wait", attempts: []error{busy}, want: busy},
		{name: "no pause beyond the end of the wait", wait: time.Millisecond, attempts: []error{busy}, want: busy},
		{name: "ended between attempts", wait: time.Hour, attempts: []error{busy}, between: broken, want: broken, pauses: []time.Duration{2}},
		{
			name: "pauses grow up to the longest", wait: time.Hour, attempts: []error{busy, busy, busy, busy, busy, busy, busy, busy, nil},
			pauses: []time.Duration{2, 4, 8, 16, 32, 64, 100, 100},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var timing Timing
			var pauses []time.Duration
			attempt := func() (error, error) {
				switch err := tt.attempts[timing.Attempts-1]; err {
				case busy:
					return err, nil
				default:
					return nil, err
				}
			}
			between := func(pause time.Duration, err error) error {
				if err != busy {
					t.Errorf("between was told %v", err)
				}
				pauses = append(pauses, pause/time.Millisecond)
				return tt.between
			}
			err := timing.retry(tt.wait, attempt, between)
			if err != tt.want || timing.Attempts != len(tt.attempts) || !slices.Equal(pauses, tt.pauses) {
				t.Errorf("got %v after %d attempts and pauses %v; want %v, %d, %v", err, timing.Attempts, pauses, tt.want, len(tt.attempts), tt.pauses)
			}
		})
	}
}
