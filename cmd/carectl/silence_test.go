package main

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestSilence: a worker that has work to do gets more time, but not without end, and one that sleeps gets none.
func TestSilence(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		late         time.Duration // that this process looks behind each turn
		starved      time.Duration // of each turn, that the worker waits for a processor
		want         int           // turns
	}{
		{"asleep", "echo; read x", 0, 0, 1},
		{"asleep, its other threads wait", "echo; read x", 0, time.Hour, 1},
		{"busy", "echo; while :; do :; done", 0, 0, mostTurns},
		{"half the processor", "echo; while :; do :; done", 0, 29 * time.Minute, 2 * mostTurns},
		{"no processor", "echo; while :; do :; done", 0, time.Hour, mostWaited},
		{"nobody looked", "echo; read x", 2 * time.Hour, 0, mostTurns},
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
			for runnable := strings.Contains(tt.script, "read"); runnable; {
				time.Sleep(time.Millisecond)
				runnable = usageOf(cmd.Process.Pid).runnable
			}
			s := newSilence(&worker{process: cmd.Process}, time.Hour)
			defer s.Stop()
			if !s.look() || s.look() {
				t.Error("what it has used is not looked up once")
			}
			s.last.delay -= tt.starved
			for s.begun = s.begun.Add(-tt.late); s.goOn(); s.begun = s.begun.Add(-tt.late) {
				s.last.delay -= tt.starved
			}
			turns := int(s.waited / time.Hour)
			if busy := !strings.Contains(tt.script, "read"); turns != tt.want && !(busy && turns == tt.want+1) { // it did wait for a processor, too
				t.Errorf("%s, want %d turns", s.waited, tt.want)
			}
		})
	}
}
