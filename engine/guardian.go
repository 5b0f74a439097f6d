package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"gocare/engine/inspect"
	"gocare/engine/trace"
	"gocare/engine/unwind"
	"gocare/internal/fault"
)

// Guardian brings a commit to an end whose program was killed in the middle, when the kernel has let the process run on. All that takes
// time was done before.
type Guardian struct {
	Acted    bool // actions of the change had begun, if it has any
	journal  *Journal
	process  *inspect.Process
	objects  []unwind.Module
	old, new *checker // nil until they are needed
	inside   *checker // nil where the journal has no such code
}

// What Settle made of a commit.
const (
	Untouched = "untouched" // it had not begun
	Complete  = "complete"  // it was over
	Finished  = "finished"
	Undone    = "undone"
)

// NewGuardian opens a journal's process. What its objects are made of, the journal has.
func NewGuardian(j *Journal) (*Guardian, error) {
	p, err := inspect.Open(j.PID)
	if err != nil {
		return nil, err
	}
	if p.StartTime != j.StartTime {
		_ = p.Close()
		return nil, fault.Refuse(fault.NoSuchProcess, "", "has ended")
	}
	return &Guardian{journal: j, process: p, objects: objectModules(j.Unwind)}, nil
}

// lookAgain makes the checkers: only now are the regions there that the commit was about.
func (g *Guardian) lookAgain() error {
	maps, err := g.process.Maps()
	if err != nil {
		return err
	}
	g.process.Mappings = maps
	// They do not look for coroutines: to look at all memory takes longer than a process may run on half patched.
	tables := append(g.objects, regionModules(g.process)...)
	g.old, g.new = newCheckerWith(g.process, g.journal.Old, tables), newCheckerWith(g.process, g.journal.New, tables)
	if len(g.journal.Inside) > 0 {
		g.inside = newCheckerWith(g.process, g.journal.Inside, tables)
	}
	return nil
}

// A process must not run half patched: while threads are in the way of either end, it is tried again at first, then it is undone
// nevertheless.
const (
	settleAgain = time.Millisecond
	settleForce = 25 * time.Millisecond
	settleLimit = 10 * time.Second // a thread that cannot be stopped, or another tracer
)

// Settle finishes or undoes what was begun. It gives the lock up then.
func (g *Guardian) Settle(lock *os.File) (outcome string, err error) {
	defer unlock(lock)
	defer g.process.Close()
	start := time.Now()
	for {
		waited := time.Since(start)
		outcome, err = g.attempt(waited > settleForce)
		if err == nil || waited > settleLimit || !retryable(err) && !errors.Is(err, errStillTraced) {
			break
		}
		time.Sleep(settleAgain)
	}
	for _, p := range g.journal.Patches {
		record(g.process, g.story(outcome, err), p.ID, p.Target, err)
	}
	return outcome, err
}

// story says in the system log what became of a commit.
func (g *Guardian) story(outcome string, err error) string {
	if err != nil {
		outcome = "may be half done"
	}
	text := fmt.Sprintf("(%s) %s after a kill of carectl", g.journal.What, outcome)
	if g.Acted && outcome != Complete {
		text += "; functions of the patch had begun, and what they wrote stays"
	}
	return text
}

// errStillTraced says that the program that was killed has not let go yet.
var errStillTraced = errors.New("still traced")

func (g *Guardian) attempt(force bool) (outcome string, err error) {
	if p, ok := g.journal.progress(g.process.Mem()); ok && g.journal.over(p) {
		return g.journal.atEnd(p), nil
	}
	if g.old == nil {
		if err := g.lookAgain(); err != nil {
			return "", err
		}
	}
	err = trace.Do(context.Background(), g.process.PID, func(s *trace.Session) error {
		if err := s.Seize(); err != nil {
			return stillTraced(err)
		}
		if err := s.StopAll(); err != nil {
			return err
		}
		if !g.process.Alive() {
			return fault.Refuse(fault.NoSuchProcess, "", "has ended")
		}
		outcome, err = g.settleIn(s, force)
		return err
	})
	return outcome, err
}

func stillTraced(err error) error {
	if e := fault.As(err); e != nil && e.Code == fault.Traced {
		return errStillTraced
	}
	return err
}

// over reports whether nothing is left to be done.
func (j *Journal) over(p progress) bool {
	return !p.torn && (p.made == 0 || p.made == len(j.Writes))
}

// atEnd says at which end a commit is of which nothing is left to be done.
func (j *Journal) atEnd(p progress) string {
	if p.made == 0 {
		return Untouched
	}
	return Complete
}

// settleIn settles in a session in which every thread is stopped.
func (g *Guardian) settleIn(s *trace.Session, force bool) (outcome string, err error) {
	j := g.journal
	p, ok := j.progress(s)
	switch {
	case !ok:
		return "", fault.Refuse(fault.ChangedMeanwhile, "", "another tool has written where the patch did")
	case j.over(p):
		return j.atEnd(p), nil
	}
	begun, left := j.Writes[:p.made], j.Writes[p.made:]
	if p.torn {
		begun = j.Writes[:p.made+1]
	}
	left = slices.DeleteFunc(slices.Clone(left), func(w Write) bool { return gone(s, w) })
	if len(left) == 0 {
		return Complete, nil
	}
	if !changesCode(left) && !j.Acts {
		return Finished, forwards(s, left)
	}
	busy := error(nil)
	switch {
	case !changesCode(begun):
	case !force:
		busy, err = g.inTheWay(s, g.new)
	case g.inside != nil:
		busy, err = g.inTheWay(s, g.inside)
	}
	if err != nil {
		return "", err
	}
	if busy == nil {
		return Undone, backwards(s, begun)
	}
	if j.Acts {
		return "", busy
	}
	if busy, err = g.inTheWay(s, g.old); busy != nil || err != nil {
		return "", errors.Join(busy, err)
	}
	return Finished, forwards(s, left)
}

// inTheWay returns an error for a thread that executes the code of a checker, if there is one.
func (g *Guardian) inTheWay(s *trace.Session, c *checker) (busy, err error) {
	c.threads = nil
	in, err := checkStopped(c, s, map[int]bool{})
	if len(in) > 0 {
		busy = c.busy(in[0], story{})
	}
	return busy, err
}

// gone reports whether a write is to memory of ours that is not mapped any more: a removal unmaps a region last of all.
func gone(mem io.ReaderAt, w Write) bool {
	n, err := mem.ReadAt(make([]byte, len(w.Old)), int64(w.Addr))
	return err != nil && n == 0 && !w.Code
}

func changesCode(writes []Write) bool {
	return slices.ContainsFunc(writes, func(w Write) bool { return w.Code })
}

func forwards(s *trace.Session, writes []Write) error {
	for _, w := range writes {
		if _, err := s.WriteAt(w.New, int64(w.Addr)); err != nil {
			return err
		}
	}
	return nil
}

func backwards(s *trace.Session, writes []Write) error {
	for _, w := range slices.Backward(writes) {
		if _, err := s.WriteAt(w.Old, int64(w.Addr)); err != nil {
			return err
		}
	}
	return nil
}
