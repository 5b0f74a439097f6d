package trace

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gocare/internal/procfs"
)

// Waits are the waits of threads of a process that stops have made begin anew, with all of their time-outs. Settle ends each when its time is over, as
// the kernel would have. They outlive sessions, and by Left and Resume programs: a wait that several stops disturbed ends when it would have without the
// first of them.
type Waits struct {
	pid     int
	alive   func() // told now and then while time passes; may be nil
	threads map[int]wait
}

// wait is a thread's wait that a stop is going to make begin anew, or has made.
type wait struct {
	call     int64
	end      time.Time
	asleep   int // how often the thread had gone to sleep when it was looked at; stopped in the same wait, it has once more
	switches int // how often when it was let go; likewise
}

// longestWait is the time that is left, at most, of a wait that Settle ends: longer than that no user is made to wait for it. Others are ended by a later
// Settle if there is one in time.
const longestWait = time.Second

// beat is how often is told that time passes.
const beat = 50 * time.Millisecond

// NewWaits returns the disturbed waits of a process, none yet. While something takes its time, alive is told of it now and then, unless it is nil.
func NewWaits(pid int, alive func()) *Waits {
	return &Waits{pid: pid, alive: alive, threads: map[int]wait{}}
}

// Pass lets time pass, unless the context ends.
func (w *Waits) Pass(ctx context.Context, d time.Duration) error {
	for until := time.Now().Add(d); ; {
		left := time.Until(until)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(left, beat)):
		}
		if left <= beat {
			return nil
		}
		w.tell()
	}
}

func (w *Waits) tell() {
	if w != nil && w.alive != nil {
		w.alive()
	}
}

// note returns the wait of a sleeping thread that a stop is going to make begin anew; ok is false of one without a time-out, or that
// goes on by itself.
func (w *Waits) note(tid int) (n wait, ok bool) {
	before := Slept(w.pid, tid)
	asleep, ok := Asleep(w.pid, tid)
	if !ok || !asleep.mayBeginAnew(w.pid) {
		return wait{}, false
	}
	if old, disturbed := w.threads[tid]; disturbed && w.goesOn(tid, asleep.Number, old) {
		old.asleep = old.switches + 1
		return old, true
	}
	length, ok := asleep.timeout(w.pid)
	if !ok {
		return wait{}, false
	}
	since, ok := asleepSince(w.pid, tid)
	return wait{call: asleep.Number, end: since.Add(length), asleep: before}, ok
}

// Disturbed reports whether there are waits that Settle would end.
func (w *Waits) Disturbed() bool {
	latest := time.Now().Add(longestWait)
	return w.EndBefore(latest) != latest
}

// EndBefore returns when the first of the disturbed waits is over, or a time if none is before that.
func (w *Waits) EndBefore(t time.Time) time.Time {
	for _, old := range w.threads {
		if old.end.Before(t) {
			t = old.end
		}
	}
	return t
}

// goesOn reports whether a thread still is in a disturbed wait.
func (w *Waits) goesOn(tid int, call int64, old wait) bool {
	return call == old.call && Slept(w.pid, tid) == old.switches+1
}

// Settle waits until the disturbed waits are over that will be soon, and ends those that go on. It keeps the longer ones in mind.
func (w *Waits) Settle(ctx context.Context) { w.SettleUntil(ctx, time.Now().Add(longestWait)) }

// SettleUntil is Settle for the waits that are over by then.
func (w *Waits) SettleUntil(ctx context.Context, latest time.Time) {
	w.forgetOver()
	byEnd := func(a, b int) int { return w.threads[a].end.Compare(w.threads[b].end) }
	for _, tid := range slices.SortedFunc(maps.Keys(w.threads), byEnd) {
		old := w.threads[tid]
		if old.end.After(latest) || w.Pass(ctx, time.Until(old.end)) != nil {
			return
		}
		delete(w.threads, tid)
		if !w.again(tid, old) {
			continue
		}
		_ = Do(ctx, w.pid, func(s *Session) error { return s.endWait(tid, old) }) // it would end by itself, but late
	}
}

// forgetOver forgets the waits that have ended.
func (w *Waits) forgetOver() {
	maps.DeleteFunc(w.threads, func(tid int, old wait) bool { return Slept(w.pid, tid) > old.switches+1 })
}

// again reports whether a thread is back in a disturbed wait, once it had the time to get there.
func (w *Waits) again(tid int, old wait) bool {
	for deadline := time.Now().Add(detachTimeout); Slept(w.pid, tid) == old.switches && time.Now().Before(deadline); {
		time.Sleep(spin)
	}
	asleep, ok := Asleep(w.pid, tid)
	return ok && w.goesOn(tid, asleep.Number, old)
}

// endWait ends the wait of a thread as its time-out would.
func (s *Session) endWait(tid int, old wait) error {
	if err := s.seize(tid); err != nil {
		return err
	}
	t := s.threads[tid]
	if t == nil {
		return s.noThread(tid)
	}
	old.asleep = old.switches + 1
	t.wait = &old
	return s.stop([]*Thread{t})
}

// Slept counts how often a thread has gone to sleep, a stop included.
func Slept(pid, tid int) int { return statusNumber(pid, tid, "voluntary_ctxt_switches") }

// StillAsleep reports whether a thread sleeps, and has not woken since it had gone to sleep that often.
func StillAsleep(pid, tid, slept int) bool {
	text := status(pid, tid)
	return strings.HasPrefix(field(text, "State"), "S") && field(text, "voluntary_ctxt_switches") == strconv.Itoa(slept)
}

// timeout returns for how long a thread waits in a system call of timeouts.
func (w *Sleep) timeout(pid int) (time.Duration, bool) {
	t := timeouts[w.Number]
	switch arg := w.Args[t.arg]; t.kind {
	case milliseconds:
		return time.Duration(int32(arg)) * time.Millisecond, true
	case timespec:
		return timespecAt(pid, arg)
	case sending:
		return socketTimeout(pid, int(int32(arg)), unix.SO_SNDTIMEO)
	default:
		return socketTimeout(pid, int(int32(arg)), unix.SO_RCVTIMEO)
	}
}

func timespecAt(pid int, addr uint64) (time.Duration, bool) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return 0, false
	}
	defer f.Close()
	var b [16]byte
	if _, err := f.ReadAt(b[:], int64(addr)); err != nil {
		return 0, false
	}
	seconds, nanoseconds := binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])
	return time.Duration(seconds)*time.Second + time.Duration(nanoseconds), seconds < 1<<32
}

// socketTimeout returns a time-out of a socket that a process has open; ok is false if it has none.
func socketTimeout(pid, fd, option int) (time.Duration, bool) {
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return 0, false
	}
	defer unix.Close(process)
	socket, err := unix.PidfdGetfd(process, fd, 0)
	if err != nil {
		return 0, false
	}
	defer unix.Close(socket)
	tv, err := unix.GetsockoptTimeval(socket, unix.SOL_SOCKET, option)
	if err != nil || *tv == (unix.Timeval{}) {
		return 0, false
	}
	return time.Duration(tv.Nano()), true
}

// asleepSince returns when a thread went to sleep: it last ran then, by the clock of the processor that it ran on
// (/proc/PID/task/TID/sched; not every kernel has it).
func asleepSince(pid, tid int) (time.Time, bool) {
	last, ok := lastRan(fmt.Sprintf("/proc/%d/task/%d/sched", pid, tid))
	if !ok {
		return time.Time{}, false
	}
	var old unix.CPUSet
	if unix.SchedGetaffinity(0, &old) == nil {
		if cpu, ok := processor(pid, tid); ok {
			var one unix.CPUSet
			one.Set(cpu)
			_ = unix.SchedSetaffinity(0, &one) // else by another one's clock, which is nearly the same
			defer func() { _ = unix.SchedSetaffinity(0, &old) }()
		}
	}
	unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
	now, ok := lastRan("/proc/thread-self/sched")
	return time.Now().Add(last - now), ok && now >= last
}

// lastRan reads when a thread last ran, from the start of its processor's clock.
func lastRan(file string) (time.Duration, bool) {
	text, err := procfs.Read(file)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "se.exec_start" {
			milliseconds, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return time.Duration(milliseconds * float64(time.Millisecond)), err == nil
		}
	}
	return 0, false
}

// processor returns the processor that a thread last ran on.
func processor(pid, tid int) (int, bool) {
	f := statFields(pid, tid)
	if len(f) <= 39-3 {
		return 0, false
	}
	n, err := strconv.Atoi(string(f[39-3]))
	return n, err == nil
}
