package engine

import (
	"context"
	"errors"
	"slices"
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

// TestActingIsTold: who watches a commit knows that actions have begun before the first one runs, and hears nothing of it where there are none.
func TestActingIsTold(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, `
		#include <stdio.h>
		int main(void) {
			setvbuf(stdout, 0, _IOLBF, 0);
			puts("ready");
			return getchar();
		}`, nil)
	gone := errors.New("gone")
	for _, tt := range []struct {
		name    string
		actions actions
		want    []string
	}{
		{"none", actions{}, nil},
		{"before", actions{before: []action{{name: "idle", patch: "one"}}}, []string{"acting", (action{name: "idle", patch: "one"}).String()}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := testkit.Start(t, program)
			expect(t, p.Next(), "ready")
			h := mustHold(t, p.PID)
			c := newChange(h.Process, nil, nil, nil)
			c.writes, c.actions = []Write{{}}, tt.actions
			var order []string
			c.acting = func() { order = append(order, "acting") }
			opt := Options{step: func(step string) error {
				if step != "" {
					order = append(order, step)
				}
				return gone
			}}
			err := trace.Do(context.Background(), p.PID, func(s *trace.Session) error {
				if err := errors.Join(s.Seize(), s.StopAll()); err != nil {
					return err
				}
				return c.write(s, opt)
			})
			if !errors.Is(err, gone) || !slices.Equal(order, tt.want) {
				t.Errorf("%q, %v; want %q", order, err, tt.want)
			}
		})
	}
}
