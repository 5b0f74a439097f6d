package trace

import (
	"time"

	"golang.org/x/sys/unix"
)

// Left is a disturbed wait that goes on, as one program hands it to another on the same machine.
type Left struct {
	TID      int
	Call     int64         // its number
	End      time.Duration // when its time is over, by the clock of time-outs (CLOCK_MONOTONIC)
	Switches int           // how often the thread had gone to sleep when it was let go
}

// Left returns the disturbed waits that are over before a time and go on, in no order.
func (w *Waits) Left(latest time.Time) (list []Left) {
	w.forgetOver()
	for tid, old := range w.threads {
		if old.end.Before(latest) {
			list = append(list, Left{TID: tid, Call: old.call, End: monotonic() + time.Until(old.end), Switches: old.switches})
		}
	}
	return list
}

// Resume takes over waits that another program has left. Of those that are over nothing comes.
func (w *Waits) Resume(list []Left) {
	for _, l := range list {
		w.threads[l.TID] = wait{call: l.Call, end: time.Now().Add(l.End - monotonic()), switches: l.Switches}
	}
}

func monotonic() time.Duration {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // every kernel has it
	return time.Duration(now.Nano())
}
