package flow

import (
	"maps"

	"gocare/diffasm/machine"
)

// touch notes that a register was written.
func (w *flow) touch(reg machine.Register, s *state) {
	for i, r := range w.conv.Args {
		if r == reg {
			s.set |= 1 << i
		}
	}
}

// load reports whether a word of the frame holds a followed address.
func (s *state) load(a value) bool {
	if a.frame == anywhereInFrame {
		return s.holdsAny()
	}
	return s.all || s.holds(wordOf(a.off))
}

func (s *state) holds(n int64) bool {
	_, found := s.slots[n]
	return found
}

// store notes what a store of size bytes leaves in the frame.
func (s *state) store(a value, addr, out bool, size int64) {
	switch {
	case a.frame == anywhereInFrame:
		s.all = s.all || addr
	case addr:
		for n := a.off >> 3; n <= (a.off+size-1)>>3; n++ {
			s.slots[n] = out
		}
	case size >= wordSize: // words that it covers in part may hold the rest of an address
		for n := wordOf(a.off + wordSize - 1); (n+1)*wordSize <= a.off+size; n++ {
			delete(s.slots, n)
		}
	}
}

func (s *state) clone() *state {
	c := *s
	c.slots = maps.Clone(s.slots)
	return &c
}

// join adds what is known on another way to the same place; it reports whether that is more than before.
func (s *state) join(o *state) (more bool) {
	for i := range s.regs {
		v := s.regs[i].join(o.regs[i])
		more = more || v != s.regs[i]
		s.regs[i] = v
	}
	for n, out := range o.slots {
		more = more || !s.holds(n) || out && !s.slots[n]
		s.slots[n] = s.slots[n] || out
	}
	more = more || o.all && !s.all || o.shown && !s.shown || o.set&^s.set != 0
	s.all, s.shown = s.all || o.all, s.shown || o.shown
	s.set |= o.set
	return more
}

// join is what holds on either way. What is fresh on one of them is no left-over.
func (v value) join(o value) value {
	switch {
	case v.frame == o.frame && v.off == o.off:
	case v.frame == outsideFrame && o.frame == outsideFrame:
		v.off = 0
	default:
		v.frame, v.off = anywhereInFrame, 0
	}
	if v.at != o.at {
		v.at = several
	}
	fresh := v.addr && !v.stale || o.addr && !o.stale
	v.addr = v.addr || o.addr
	v.stale = v.addr && !fresh
	return v
}

// holdsAny reports whether any word of the frame holds a followed address. Whoever is given an address in the frame may look
// for it there: it is not known where one variable ends and another begins.
func (s *state) holdsAny() bool { return s.all || len(s.slots) > 0 }
