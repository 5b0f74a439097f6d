package engine

import (
	"context"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gocare/engine/trace"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// TestKeepTime: a timekeeper leaves waits to that of a later command, and ends with its process.
func TestKeepTime(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, `
		#include <signal.h>
		#include <stdio.h>
		#include <time.h>
		__attribute__((noipa)) int value(int x) { __asm__ volatile("nop; nop; nop"); return x + 1; }
		int main(void) {
			struct timespec t = {value(299), 0};
			sigset_t none;
			sigemptyset(&none);
			puts("ready"); fflush(stdout);
			sigtimedwait(&none, 0, &t);
			return 0;
		}`, []string{"-O2", "-w"})
	patch := loadFile(t, handpatch.Build(t, handpatch.Spec{Program: program, Source: "int value(int x) { return x + 2; }"}))
	p := testkit.Start(t, program)
	p.WaitLine("ready")
	for deadline := time.Now().Add(testkit.Deadline); ; time.Sleep(time.Millisecond) {
		if w, ok := trace.Asleep(p.PID, p.PID); ok && w.Number == unix.SYS_RT_SIGTIMEDWAIT {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not wait")
		}
	}
	ctx := context.Background()
	kept := 0
	command := func(do func(*Held) error) (start uint64) {
		t.Helper()
		h, err := hold(p.PID, Options{Wait: testkit.Deadline, Keep: func(int, uint64) error { kept++; return nil }})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Release()
		if err := do(h); err != nil {
			t.Fatal(err)
		}
		return h.Process.StartTime
	}
	start := command(func(h *Held) error {
		plan, err := h.Plan(ctx, Request{Files: []*File{patch}})
		if err == nil {
			_, err = h.Apply(ctx, plan, Options{Wait: testkit.Deadline})
		}
		return err
	})
	first := &timekeeper{pid: p.PID, start: start}
	soon, late := time.Now().Add(4*time.Minute), time.Now().Add(301*time.Second)
	if next, err := first.turn(ctx); err != nil || next.Before(soon) || next.After(late) {
		t.Errorf("the next turn is at %s, %v", next, err)
	}
	command(func(h *Held) error {
		removal, err := NewRemoval(h.Process, "0001", nil)
		if err == nil {
			_, err = h.Revert(ctx, removal, Options{Wait: testkit.Deadline})
		}
		return err
	})
	if next, err := first.turn(ctx); err != nil || !next.IsZero() {
		t.Errorf("taken over, and the next turn is at %s, %v", next, err)
	}
	second := &timekeeper{pid: p.PID, start: start}
	if next, err := second.turn(ctx); err != nil || next.Before(soon) || next.After(late) { // as it was before the first command
		t.Errorf("the next turn of the second is at %s, %v", next, err)
	}
	if kept != 2 {
		t.Errorf("%d were started", kept)
	}
	over := make(chan error)
	go func() { over <- KeepTime(ctx, p.PID, start) }()
	_ = unix.Kill(p.PID, unix.SIGKILL)
	if err := <-over; err != nil {
		t.Error(err)
	}
}
