package engine

import (
	"context"
	"fmt"
	"testing"
	"time"

	"gocare/engine/inspect"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// TestProgress: how far a journal's writes were made, by what memory holds.
func TestProgress(t *testing.T) {
	write := func(at inspect.Addr, old, new string) Write {
		return Write{Addr: at, Old: []byte(old), New: []byte(new)}
	}
	j := Journal{Writes: []Write{write(0, "aaaa", "bbbb"), write(4, "cc", "dd"), write(2, "bb", "ee"), write(6, "f", "f"), write(7, "g", "h")}}
	for _, tt := range []struct {
		name, memory string
		want         progress
		ok           bool
	}{
		{"nothing", "aaaaccfg", progress{0, false}, true},
		{"one", "bbbbccfg", progress{1, false}, true},
		{"one in part", "bbaaccfg", progress{0, true}, true},
		{"one in part, from its end", "aaabccfg", progress{0, true}, true},
		{"two", "bbbbddfg", progress{2, false}, true},
		{"one over another", "bbeeddfg", progress{3, false}, true},
		{"one over another, in part", "bbebddfg", progress{2, true}, true},
		{"all", "bbeeddfh", progress{5, false}, true},
		{"not in order", "aaaaddfg", progress{1, true}, false},
		{"of another", "xaaaccfg", progress{}, false},
		{"of another, later", "bbbbdxfg", progress{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mem := newShadow(nil)
			mem.write(0, []byte(tt.memory))
			got, ok := j.progress(allOf{mem})
			if ok != tt.ok || ok && got != tt.want {
				t.Errorf("got %+v, %v, want %+v, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

// allOf is a memory of nothing but what was written.
type allOf struct{ *shadow }

func (a allOf) ReadAt(b []byte, off int64) (int, error) {
	for i := range b {
		b[i] = a.bytes[inspect.Addr(off)+inspect.Addr(i)]
	}
	return len(b), nil
}

// settled builds a program with three functions that are patched together, and has a guardian settle what is left after some of the
// writes of applying, replacing or removing. Wherever that ended, all functions are then of one version, and listed is what runs.
func TestSettle(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, `
		#include <stdio.h>
		__attribute__((noinline)) int f1(int x) { __asm__ volatile("nop; nop; nop"); return x + 1; }
		__attribute__((noinline)) int f2(int x) { __asm__ volatile("nop; nop; nop"); return x + 2; }
		__attribute__((noinline)) int f3(int x) { __asm__ volatile("nop; nop; nop"); return x + 3; }
		int main(void) {
			char line[64];
			setvbuf(stdout, 0, _IOLBF, 0); puts("ready");
			while (fgets(line, sizeof line, stdin)) printf("%d %d %d\n", f1(0), f2(0), f3(0));
			return 0;
		}`, []string{"-O2"})
	build := func(id string, n int) string {
		return handpatch.Build(t, handpatch.Spec{Program: program, ID: id, Source: fmt.Sprintf(
			"int f1(int x) { return x + %d1; } int f2(int x) { return x + %d2; } int f3(int x) { return x + %d3; }", n, n, n)})
	}
	one, two := build("one", 1), build("two", 2)
	const original, first, second = "1 2 3", "11 12 13", "21 22 23"
	p := testkit.Start(t, program)
	p.WaitLine("ready")
	ask := func() string { p.Send(""); return p.Next() }
	planned := func(h *Held, path string, replace ...string) *change {
		plan, err := h.Plan(context.Background(), Request{Files: []*File{loadFile(t, path)}, Replace: replace})
		if err == nil {
			err = plan.prepare(context.Background(), Options{})
		}
		if err != nil {
			t.Fatal(err)
		}
		return newChange(h.Process, plan.Writes(), plan.Code(), plan.back())
	}
	for _, tt := range []struct {
		name          string
		before, after string
		change        func(*Held) *change
	}{
		{"apply", original, first, func(h *Held) *change { return planned(h, one) }},
		{"replace", first, second, func(h *Held) *change { return planned(h, two, "one") }},
		{"remove", second, original, func(h *Held) *change {
			r, err := NewRemoval(h.Process, "two", nil)
			if err != nil {
				t.Fatal(err)
			}
			return newChange(h.Process, r.Writes, r.Code, r.under)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for n := 0; ; n++ {
				expect(t, ask(), tt.before)
				h := mustHold(t, p.PID)
				c := tt.change(h)
				outcome := settleAfter(t, h, c, n)
				want := map[string]string{Untouched: tt.before, Undone: tt.before, Finished: tt.after}[outcome]
				if n == len(c.writes) {
					want = tt.after
				}
				expect(t, ask(), want)
				if n > 0 && n < len(c.writes) && outcome == Untouched {
					t.Errorf("after %d writes of %d: %s", n, len(c.writes), outcome)
				}
				if want == tt.after { // the next of the rows begins here
					return
				}
			}
		})
	}
	expect(t, ask(), original)
	if list, err := List(look(t, p.PID)); err != nil || len(list) != 0 {
		t.Errorf("listed: %v, %v", list, err)
	}
}

// settleAfter has a guardian settle after some of a change's writes, the last of them in part.
func settleAfter(t *testing.T, h *Held, c *change, n int) string {
	t.Helper()
	g, err := NewGuardian(&Journal{PID: h.Process.PID, StartTime: h.Process.StartTime, Writes: c.writes, Old: c.code, New: c.back})
	if err != nil {
		t.Fatal(err)
	}
	killedAfter(t, h.Process.PID, c.writes[:n])
	if n < len(c.writes) && n > 0 && len(c.writes[n].New) > 2 {
		poke(t, h.Process.PID, int64(c.writes[n].Addr), c.writes[n].New[:2])
	}
	start := time.Now()
	outcome, err := g.Settle(h.lock)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 50*time.Millisecond {
		t.Errorf("settled after %s", took)
	}
	_ = h.Process.Close()
	return outcome
}
