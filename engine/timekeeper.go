package engine

import (
	"context"
	"encoding/gob"
	"os"
	"time"

	"gocare/engine/inspect"
	"gocare/engine/trace"
)

// A stop makes some waits begin anew, with all of their time-outs. Those that are over soon a command ends itself. The others it leaves, in a file
// beside the lock of the process that who has the lock reads and writes, to a timekeeper: another program, which ends each when its time is over. The
// next command takes over what is left.

// keepTime is how long waits may take, at most, that are left to a timekeeper.
const keepTime = 10 * time.Minute

// leftWaits is what the file holds. It is another one's when it was written at another time.
type leftWaits struct {
	Written time.Time
	Waits   []trace.Left
}

const waitsSuffix = ".waits"

func readLeft(lock *os.File) (l leftWaits, ok bool) {
	f, err := os.Open(lock.Name() + waitsSuffix)
	if err != nil {
		return l, false
	}
	defer f.Close()
	return l, gob.NewDecoder(f).Decode(&l) == nil
}

func (l *leftWaits) write(lock *os.File) error {
	f, err := os.OpenFile(lock.Name()+waitsSuffix, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	return gob.NewEncoder(f).Encode(l)
}

func removeLeft(lock *os.File) { _ = os.Remove(lock.Name() + waitsSuffix) } // there may be none

// takeWaits returns the disturbed waits of a process whose lock was just taken.
func takeWaits(pid int, lock *os.File, opt Options) *trace.Waits {
	w := trace.NewWaits(pid, opt.Alive)
	if l, ok := readLeft(lock); ok {
		w.Resume(l.Waits)
		removeLeft(lock)
	}
	return w
}

// leaveWaits leaves to a timekeeper what goes on for longer. Without one it is late.
func (h *Held) leaveWaits() {
	if h.keep == nil {
		return
	}
	l := leftWaits{Written: time.Now(), Waits: h.waits.Left(time.Now().Add(keepTime))}
	if len(l.Waits) == 0 || l.write(h.lock) != nil {
		return
	}
	if h.keep(h.Process.PID, h.Process.StartTime) != nil {
		removeLeft(h.lock)
	}
}

// timekeeper ends the waits that a command has left.
type timekeeper struct {
	pid     int
	start   uint64
	written time.Time // when what it keeps was; zero before it has looked
}

// KeepTime ends the waits of a process that a command has left, each when its time is over. It returns when none is left, when another
// command has taken them over, and when the process has ended.
func KeepTime(ctx context.Context, pid int, start uint64) error {
	process, err := trace.OpenPidfd(pid)
	if err != nil {
		return err
	}
	defer process.Close()
	if s, err := inspect.Status(pid); err != nil || s.StartTime != start {
		return err
	}
	k := &timekeeper{pid: pid, start: start}
	for next, err := k.turn(ctx); ; next, err = k.turn(ctx) {
		if err != nil || next.IsZero() || process.EndsWithin(time.Until(next)) {
			return err
		}
	}
}

// early is how much earlier than a wait is over a timekeeper takes the lock.
const early = 5 * time.Millisecond

// turn ends the waits that are over now, and returns when to look again; zero if nothing is left to do.
func (k *timekeeper) turn(ctx context.Context) (next time.Time, err error) {
	f, err := lock(ctx, k.pid, k.start, Options{Wait: keepTime})
	if err != nil {
		return time.Time{}, err
	}
	defer unlock(f)
	l, ok := readLeft(f)
	if !ok || !k.written.IsZero() && !l.Written.Equal(k.written) {
		return time.Time{}, nil
	}
	k.written = l.Written
	w := trace.NewWaits(k.pid, nil)
	w.Resume(l.Waits)
	w.SettleUntil(ctx, time.Now().Add(2*early))
	latest := time.Now().Add(keepTime)
	l.Waits = w.Left(latest)
	if len(l.Waits) == 0 {
		removeLeft(f)
		return time.Time{}, nil
	}
	return w.EndBefore(latest).Add(-early), l.write(f)
}
