package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"gocare/internal/procfs"
)

// silence is that of a worker. Its timer says when it has lasted too long for one that has a processor.
type silence struct {
	*time.Timer
	of     *worker
	turn   time.Duration // how long the present turn may last
	begun  time.Time     // its begin
	last   *usage        // soon after its begin; nil before that
	own    time.Duration // of all turns since the worker's last report, without what it waited for a processor
	waited time.Duration // by all turns
}

// How long a worker may be silent that has work to do, in turns. Where many share the processors, a second of work may take minutes.
const (
	mostTurns  = 6  // without what it waited for a processor
	mostWaited = 60 // in all: what threads of its own wait for does not tell whether the one that matters does
)

func newSilence(of *worker, d time.Duration) *silence {
	s := &silence{Timer: time.NewTimer(d), of: of}
	s.begin(d)
	return s
}

// begin begins anew behind a report. What the worker has used is looked up only if the silence lasts: most do not, and the worker has work to do.
func (s *silence) begin(d time.Duration) {
	const soon = 10 // of a turn
	s.turn, s.own, s.waited, s.last = d, 0, d, nil
	s.begun = time.Now()
	s.Reset(d / soon)
}

// look looks up what the worker has used by now, and reports whether that was not known yet: then the turn is not over.
func (s *silence) look() bool {
	if s.last != nil {
		return false
	}
	now := usageOf(s.of.process.Pid)
	s.last = &now
	s.Reset(time.Until(s.begun.Add(s.turn)))
	return true
}

func (s *silence) again(now usage) {
	s.last, s.begun = &now, time.Now()
	s.waited += s.turn
	s.Reset(s.turn)
}

// leave gives a worker that was told to end so long.
func (s *silence) leave(d time.Duration) {
	s.last = new(usage)
	s.Reset(d)
}

// goOn gives a worker one more turn if it is the machine that keeps it from an answer: it waits for a processor or has used one, or nobody
// looked in time, where others have the processors or all of this was stopped. One that a trap holds sleeps.
func (s *silence) goOn() bool {
	now, late := usageOf(s.of.process.Pid), time.Since(s.begun) > s.turn+s.turn/2
	s.own += s.turn - min(s.turn, now.delay-min(now.delay, s.last.delay))
	if s.own >= mostTurns*s.turn || s.waited >= mostWaited*s.turn || !now.works(*s.last) && !late {
		return false
	}
	s.again(now)
	return true
}

// usage is what a process has used of the processors.
type usage struct {
	runnable bool          // a thread is on a processor, or waits for one
	ticks    uint64        // that it has been on one
	delay    time.Duration // for which its threads, taken together, have waited for one; 0 where the kernel does not count it
}

// works reports whether a process does something, or would.
func (u usage) works(before usage) bool {
	const few = 5 // ticks that a Go program uses to look after itself
	return u.runnable || u.ticks >= before.ticks+few
}

func usageOf(pid int) (u usage) {
	const state, utime, stime = 0, 11, 12 // behind the name; fields 3, 14 and 15 of proc_pid_stat(5)
	dir := fmt.Sprintf("/proc/%d/", pid)
	if f := statFields(dir + "stat"); len(f) > stime {
		user, _ := strconv.ParseUint(string(f[utime]), 10, 64)
		system, _ := strconv.ParseUint(string(f[stime]), 10, 64)
		u.ticks = user + system
	}
	threads, _ := os.ReadDir(dir + "task") // none of a worker that has ended
	for _, t := range threads {
		f := statFields(dir + "task/" + t.Name() + "/stat")
		u.runnable = u.runnable || len(f) > 0 && f[state][0] == 'R'
		u.delay += delay(dir + "task/" + t.Name() + "/schedstat")
	}
	return u
}

// delay reads how long a thread was ready to run and did not (sched-stats.rst of the kernel, "/proc/<pid>/schedstat").
func delay(path string) time.Duration {
	text, err := procfs.Read(path)
	f := bytes.Fields(text)
	if err != nil || len(f) < 2 {
		return 0
	}
	n, _ := strconv.ParseInt(string(f[1]), 10, 64)
	return time.Duration(n)
}

// statFields returns the fields of a stat file of /proc behind the name, which may hold anything.
func statFields(path string) [][]byte {
	text, err := procfs.Read(path)
	if err != nil {
		return nil
	}
	return bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
}
