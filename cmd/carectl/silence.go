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
	turn   time.Duration // what the timer is set to
	turns  int           // since the worker's last report
	begun  time.Time     // the present one
	ticks  uint64        // processor time that the worker had used then
	waited time.Duration // by all turns
}

func newSilence(of *worker, d time.Duration) *silence {
	s := &silence{Timer: time.NewTimer(d), of: of}
	s.begin(d)
	return s
}

// begin begins anew behind a report.
func (s *silence) begin(d time.Duration) {
	s.turn, s.turns, s.waited = d, 0, 0
	_, s.ticks = workOf(s.of.process.Pid)
	s.again()
}

func (s *silence) again() {
	s.turns, s.waited, s.begun = s.turns+1, s.waited+s.turn, time.Now()
	s.Reset(s.turn)
}

// goOn gives a worker one more turn if it is the machine that keeps it from an answer: it waits for a processor or has used one, or nobody
// looked in time, where others have the processors or all of this was stopped. One that a trap holds sleeps.
func (s *silence) goOn() bool {
	const few = 5 // ticks that a Go program uses to look after itself
	runnable, ticks := workOf(s.of.process.Pid)
	late := time.Since(s.begun) > s.turn+s.turn/2
	if s.turns >= mostTurns || !runnable && ticks < s.ticks+few && !late {
		return false
	}
	s.ticks = ticks
	s.again()
	return true
}

// workOf returns whether a thread of a process is on a processor, or waits for one, and how many ticks the process has been on one.
func workOf(pid int) (runnable bool, ticks uint64) {
	const state, utime, stime = 0, 11, 12 // behind the name; fields 3, 14 and 15 of proc_pid_stat(5)
	dir := fmt.Sprintf("/proc/%d/", pid)
	if f := statFields(dir + "stat"); len(f) > stime {
		user, _ := strconv.ParseUint(string(f[utime]), 10, 64)
		system, _ := strconv.ParseUint(string(f[stime]), 10, 64)
		ticks = user + system
	}
	threads, _ := os.ReadDir(dir + "task") // none of a worker that has ended
	for _, t := range threads {
		f := statFields(dir + "task/" + t.Name() + "/stat")
		runnable = runnable || len(f) > 0 && f[state][0] == 'R'
	}
	return runnable, ticks
}

// statFields returns the fields of a stat file of /proc behind the name, which may hold anything.
func statFields(path string) [][]byte {
	text, err := procfs.Read(path)
	if err != nil {
		return nil
	}
	return bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
}
