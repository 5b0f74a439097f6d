package engine

import (
	"slices"
	"time"

	"gocare/engine/trace"
	"gocare/internal/fault"
)

// leader leads threads out of functions to be replaced that they are in nearly always, such as the one with a server's main wait.
//
// A single thread is held as soon as it has left, and the commit follows. Of several, none is held before all have been seen to leave: where one
// does not, the others are not held up for it.
type leader struct {
	hold     time.Duration // at most, from the first held thread on; 0: nobody is led out
	returned map[int]int   // by thread: how often it was seen to leave
	refused  error         // why nobody can be led out here
	rest     time.Duration // how long the process is to run after an attempt in which threads were held in vain
}

// lead lets threads run until they have left the code that they were found in. It returns one that has not.
func (c *change) lead(s *trace.Session, in []*occupant, opt Options, timing *Timing) (*occupant, error) {
	l := &c.leader
	if i := slices.IndexFunc(in, func(o *occupant) bool { return !o.leaves }); i >= 0 {
		return in[i], nil
	}
	if l.hold == 0 || l.refused != nil {
		return in[0], nil
	}
	hold, until := l.bounds(in, s.FirstHeld(), timing)
	until = opt.waits.EndBefore(until) // which is seen to between attempts
	if until.Before(time.Now()) {
		return in[0], nil
	}
	var exits []trace.Exit
	for _, o := range in {
		exits = append(exits, o.exit)
	}
	opt.progress("attempt %d: waiting for %d thread(s) to leave %q", timing.Attempts, len(in), in[0].function)
	left, err := s.LeadOut(exits, hold, until)
	if e := fault.As(err); e != nil && e.Code == fault.BusyThread {
		l.refused = e.Err
		return in[0], nil
	}
	if err != nil {
		return nil, err
	}
	for tid := range left {
		l.returned[tid]++
	}
	if i := slices.IndexFunc(in, func(o *occupant) bool { return !left[o.tid] }); i >= 0 {
		return in[i], nil
	}
	return nil, nil
}

// bounds decides how long threads are held when they have left, 0 for not at all, and when to give up.
func (l *leader) bounds(in []*occupant, first time.Time, timing *Timing) (hold time.Duration, until time.Time) {
	until = timing.deadline
	if soonest := timing.begun.Add(l.hold); until.Before(soonest) {
		until = soonest
	}
	unseen := func(o *occupant) bool { return l.returned[o.tid] == 0 }
	if len(in) > 1 && slices.ContainsFunc(in, unseen) && first.IsZero() {
		return 0, until
	}
	if !first.IsZero() {
		if end := first.Add(l.hold); end.Before(until) {
			until = end
		}
	}
	return l.hold, until
}
