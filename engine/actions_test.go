package engine

import (
	"context"
	"testing"

	"gocare/engine/trace"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// TestGuardianUndoesActions: a patch whose actions were not over when carectl was killed is undone, though all its functions were hooked; one without
// is finished there.
func TestGuardianUndoesActions(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, `
		#include <stdio.h>
		__attribute__((noipa)) int f1(int x) { __asm__ volatile("nop; nop; nop"); return x + 1; }
		int main(void) {
			char line[16];
			setvbuf(stdout, 0, _IOLBF, 0);
			while (fgets(line, sizeof line, stdin)) printf("%d\n", f1(0));
			return 0;
		}`, []string{"-O2"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, ID: "one", Source: "int f1(int x) { return x + 11; }"})
	for _, tt := range []struct {
		name    string
		actions actions
		outcome string
		answer  string
	}{
		{"none", actions{}, Finished, "11"},
		{"behind", actions{after: []action{{}}}, Undone, "1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := testkit.Start(t, program)
			p.Send("")
			expect(t, p.Next(), "1")
			h := mustHold(t, p.PID)
			plan, err := h.Plan(context.Background(), Request{Files: []*File{loadFile(t, patch)}})
			if err == nil {
				err = plan.prepare(context.Background(), Options{waits: trace.NewWaits(h.Process.PID, nil)})
			}
			if err != nil {
				t.Fatal(err)
			}
			c := newChange(h.Process, plan.Writes(), plan.Code(), plan.back())
			c.actions = tt.actions
			expect(t, settleAfter(t, h, c, len(c.writes)-1), tt.outcome)
			p.Send("")
			expect(t, p.Next(), tt.answer)
		})
	}
}
