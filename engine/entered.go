package engine

import (
	"errors"
	"slices"
	"time"

	"gocare/engine/trace"
)

// This file looks whether code to be replaced is entered at all between the search for coroutines and the stop. Where it is not, no coroutine has got
// into it since: none was made there, none has gone to sleep there, whatever switches stacks. What the search has seen need not be compared.

// entrance says where code can be entered from outside of what is to be replaced with it.
type entrance int

const (
	anywhere entrance = iota
	atStart
	nowhere // a part of a function that only the rest of it jumps to
	passed  // jumps to other functions, and data: nobody stays there, and no call returns there
)

// entrances returns the addresses at which code is entered; ok is false if they are not known.
func entrances(code []Code) (list []uint64, ok bool) {
	for _, c := range code {
		switch {
		case c.entrance == anywhere:
			return nil, false
		case c.entrance == atStart && !slices.Contains(list, uint64(c.Start)):
			list = append(list, uint64(c.Start))
		}
	}
	return list, len(list) > 0
}

// watch begins to count how often the code is entered, and makes sure that no thread is in it already: a thread that sleeps is looked at, one that runs
// is stopped for a moment. It returns threads that are in the way. Where not all can be told, nothing is counted.
func (c *checker) watch(s *trace.Session, timing *Timing) (in []*occupant, err error) {
	addrs, ok := entrances(c.code)
	if c.suspended == nil || !ok {
		return nil, nil
	}
	if c.entries = trace.CountEntries(c.process.PID, addrs); c.entries == nil {
		return nil, nil
	}
	tids, err := trace.Tasks(c.process.PID)
	if err != nil {
		return nil, err
	}
	c.maps = nil
	tids = slices.DeleteFunc(tids, func(tid int) bool { return s.Stopped(tid) || c.sleepsOutside(tid) }) // running ones have to wait for nothing then
	for _, tid := range tids {
		o, ok, err := c.pause(s, tid, timing)
		if err != nil {
			return nil, err
		}
		if !ok {
			c.unwatch()
			return nil, nil
		}
		if o != nil {
			in = append(in, o)
		}
	}
	return in, nil
}

// pause stops a thread that runs, looks where it is, and lets it go on. It is not ok if the thread sleeps, where only a stop can tell: that would
// disturb it.
func (c *checker) pause(s *trace.Session, tid int, timing *Timing) (o *occupant, ok bool, err error) {
	for range 3 { // it may go to sleep, and wake up, while it is looked at
		if o, ok, err = c.pauseOnce(s, tid, timing); ok || err != nil || c.sleepsOutside(tid) {
			return o, err == nil, err
		}
	}
	return nil, false, nil
}

func (c *checker) pauseOnce(s *trace.Session, tid int, timing *Timing) (o *occupant, ok bool, err error) {
	defer trace.Hurry()()
	start := time.Now()
	t, err := s.Pause(tid)
	if t == nil || err != nil {
		return nil, false, err
	}
	o, err = c.check(s, t)
	err = errors.Join(err, s.GoOn(t))
	timing.Freeze = max(timing.Freeze, time.Since(start))
	return o, true, err
}

// sleepsOutside reports whether a thread sleeps, in none of the code, and did so all the time it was looked at.
func (c *checker) sleepsOutside(tid int) bool {
	before := trace.Slept(c.process.PID, tid)
	o, _, sure := c.lookAt(tid)
	return o == nil && sure && trace.StillAsleep(c.process.PID, tid, before)
}

// entered reports whether a coroutine may have got into the code since the search.
func (c *checker) entered() bool { return c.entries == nil || !c.entries.None() }

func (c *checker) unwatch() {
	if c.entries != nil {
		c.entries.Close()
		c.entries = nil
	}
}

// seenIn reports whether the search has seen a coroutine in the code.
func (s *suspended) seenIn() bool {
	return slices.ContainsFunc(s.contexts, func(co coroutine) bool { return co.in >= 0 })
}

// searchAgain searches for words once more, in the stop.
func (s *suspended) searchAgain(c *checker) error {
	maps, err := s.process.Maps()
	if err != nil {
		return err
	}
	s.maps, s.words.hits = maps, nil
	for i := range maps {
		m := &maps[i]
		if !mayHoldStack(m) {
			continue
		}
		spans, err := s.process.Populated(m.Start, m.End)
		if err != nil {
			return err
		}
		for _, at := range spans {
			s.searchWords(c, at.Start, at.End)
		}
	}
	s.prepareWords()
	return nil
}
