package engine

import (
	"context"
	"testing"
	"time"

	"gocare/engine/trace"
	"gocare/internal/test/handpatch"
)

// TestStalePlans: a plan that was made before another run changed the process, by who has other locks, is refused and leaves what that
// run did: its patch stays listed and in effect.
func TestStalePlans(t *testing.T) {
	s, program := startTicker(t, "-O2")
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: "int value(int x) { return x + 50; }"})
	value := func() string { return s.ask()[:len("value 41")] }
	unlocked := func() *Held { return &Held{Process: look(t, s.p.PID), waits: trace.NewWaits(s.p.PID, nil)} }
	plan := func(h *Held) *Plan {
		t.Helper()
		plan, err := h.Plan(context.Background(), Request{Files: []*File{loadFile(t, patch)}})
		if err != nil {
			t.Fatal(err)
		}
		return plan
	}
	for _, name := range []string{"a new region", "a region of an earlier time"} {
		t.Run(name, func(t *testing.T) {
			h := unlocked()
			stale := plan(h)
			mustApply(t, s.p.PID, patch)
			if _, err := h.Apply(context.Background(), stale, Options{}); err == nil {
				t.Error("applied")
			}
			expect(t, value(), "value 90")
			if list, err := List(look(t, s.p.PID)); err != nil || len(list) != 1 {
				t.Errorf("listed: %v, %v", list, err)
			}
			mustRevert(t, s.p.PID, "0001")
			expect(t, value(), "value 41")
		})
	}
	t.Run("a removal", func(t *testing.T) {
		mustApply(t, s.p.PID, patch)
		h := unlocked()
		stale, err := NewRemoval(h.Process, "0001", nil)
		if err != nil {
			t.Fatal(err)
		}
		mustRevert(t, s.p.PID, "0001")
		_, err = h.Revert(context.Background(), stale, Options{Wait: time.Millisecond})
		wantCode(t, err, "changed-meanwhile")
		expect(t, value(), "value 41")
		mustApply(t, s.p.PID, patch)
		expect(t, value(), "value 90")
	})
}
