package main

import (
	"os/exec"
	"testing"
	"time"
)

// TestSilence: a worker that has work to do gets more time, but not without end, and one that sleeps gets none.
func TestSilence(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		late         time.Duration // that this process looks behind each turn
		want         int           // turns
	}{
		{"asleep", "echo; read x", 0, 1},
		{"busy", "echo; while :; do :; done", 0, mostTurns},
		{"nobody looked", "echo; read x", 2 * time.Hour, mostTurns},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command("sh", "-c", tt.script)
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
			if _, err := out.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			for runnable := true; runnable && tt.name != "busy"; {
				time.Sleep(time.Millisecond)
				runnable, _ = workOf(cmd.Process.Pid)
			}
			s := newSilence(&worker{process: cmd.Process}, time.Hour)
			defer s.Stop()
			for s.begun = s.begun.Add(-tt.late); s.goOn(); s.begun = s.begun.Add(-tt.late) {
				continue
			}
			if s.turns != tt.want || s.waited != time.Duration(tt.want)*time.Hour {
				t.Errorf("%d turns, %s, want %d", s.turns, s.waited, tt.want)
			}
		})
	}
}
