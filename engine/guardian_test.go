package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"gocare/engine/inspect"
	"gocare/engine/trace"
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

// TestWatchTells: that nobody watches a commit, or does so too late, is told.
func TestWatchTells(t *testing.T) {
	gone := errors.New("gone")
	for _, tt := range []struct {
		name            string
		starts, isReady error
		want            string
	}{
		{"not started", gone, nil, "pid 7: nobody watches: gone"},
		{"not ready", nil, gone, "pid 7: who watches is not ready: gone"},
		{"ready", nil, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var told string
			h := &Held{Process: &inspect.Process{PID: 7}}
			ready, end := h.watch("apply", &change{}, nil, Options{
				Progress: func(format string, args ...any) { told += fmt.Sprintf(format, args...) },
				Guard: func(*Journal, *os.File) (*Watch, error) {
					return &Watch{Ready: func() error { return tt.isReady }, End: func() {}}, tt.starts
				},
			})
			ready()
			end()
			if told != tt.want {
				t.Errorf("told %q, want %q", told, tt.want)
			}
		})
	}
}

// TestStory: the system log does not say of a commit that it was left alone when it was made, or that it is whole when nobody knows.
func TestStory(t *testing.T) {
	for _, tt := range []struct {
		what, outcome string
		acted         bool
		err           error
		want          string
	}{
		{"apply", Complete, true, nil, "(apply) complete after a kill of carectl"},
		{"remove", Undone, false, nil, "(remove) undone after a kill of carectl"},
		{"apply", Finished, false, errors.New("gone"), "(apply) may be half done after a kill of carectl"},
		{"apply", "", false, errors.New("gone"), "(apply) may be half done after a kill of carectl"},
		{"apply", Untouched, true, nil, "(apply) untouched after a kill of carectl; functions of the patch had begun, and what they wrote stays"},
	} {
		if got := (&Guardian{Acted: tt.acted, journal: &Journal{What: tt.what}}).story(tt.outcome, tt.err); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
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
	t.Run("near", func(t *testing.T) { testSettle(t, false) })
	t.Run("far", func(t *testing.T) { testSettle(t, true) })
}

func testSettle(t *testing.T, far bool) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, reserve+`
		#include <stdio.h>
		__attribute__((noinline)) int f1(int x) { __asm__ volatile("nop; nop; nop"); return x + 1; }
		__attribute__((noinline)) int f2(int x) { __asm__ volatile("nop; nop; nop"); return x + 2; }
		__attribute__((noinline)) int f3(int x) { __asm__ volatile("nop; nop; nop"); return x + 3; }
		int main(void) {
			char line[64];
			setvbuf(stdout, 0, _IOLBF, 0); puts("ready");
			while (fgets(line, sizeof line, stdin)) { if (*line == 'f') reserve(f1); printf("%d %d %d\n", f1(0), f2(0), f3(0)); }
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
	if far {
		reserved(t, p)
	}
	planned := func(h *Held, path string, replace ...string) *change {
		plan, err := h.Plan(context.Background(), Request{Files: []*File{loadFile(t, path)}, Replace: replace})
		if err == nil {
			err = plan.prepare(context.Background(), Options{waits: trace.NewWaits(h.Process.PID, nil)})
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
				want := map[string]string{Untouched: tt.before, Undone: tt.before, Finished: tt.after, Complete: tt.after}[outcome]
				expect(t, ask(), want)
				if (outcome == Untouched) != (n == 0) || (outcome == Complete) != (n == len(c.writes)) {
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

// TestSettleUnmapped: a removal that was killed once it had unmapped what it took off is complete.
func TestSettleUnmapped(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, `
		__attribute__((noinline)) int f(int x) { __asm__ volatile("nop; nop; nop"); return x + 1; }
		int main(void) { volatile int sum = f(1); for (;;) pause(); return sum; }`, []string{"-O2", "-w"})
	p := testkit.Start(t, program)
	mustApply(t, p.PID, handpatch.Build(t, handpatch.Spec{Program: program, Source: `int f(int x) { return x + 2; }`}))
	h := mustHold(t, p.PID)
	r, err := NewRemoval(h.Process, "0001", nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err := NewGuardian(&Journal{PID: p.PID, StartTime: h.Process.StartTime, Writes: r.Writes, Old: r.Code, New: r.under, Unwind: unwindDataOf(h.Process)})
	if err != nil {
		t.Fatal(err)
	}
	h.Release()
	if _, err := revert(t, p.PID, Options{Wait: time.Second, Unmap: true}, "0001"); err != nil {
		t.Fatal(err)
	}
	lock, err := os.Create(t.TempDir() + "/lock")
	if err != nil {
		t.Fatal(err)
	}
	if outcome, err := g.Settle(lock); outcome != Complete || err != nil {
		t.Errorf("%s, %v", outcome, err)
	}
}

// settleAfter has a guardian settle after some of a change's writes, the last of them in part.
func settleAfter(t *testing.T, h *Held, c *change, n int) string {
	t.Helper()
	g, err := NewGuardian(&Journal{PID: h.Process.PID, StartTime: h.Process.StartTime, Writes: c.writes, Old: c.code, New: c.back, Inside: c.inside, Unwind: unwindDataOf(h.Process), Acts: len(c.actions.after) > 0})
	if err != nil {
		t.Fatal(err)
	}
	killedAfter(t, h.Process.PID, c.writes[:n])
	if n < len(c.writes) && n > 0 && len(c.writes[n].New) > 2 {
		poke(t, h.Process.PID, int64(c.writes[n].Addr), c.writes[n].New[:2])
	}
	start, used := time.Now(), processorTime(t)
	outcome, err := g.Settle(h.lock)
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	used = processorTime(t) - used
	most := 100 * time.Millisecond // 3 ms, most of the time half of that
	if os.Getenv("CARE_EMULATED") != "" {
		most = settleLimit / 2 // its time tells nothing
	}
	if used > most || took > settleLimit/2 {
		t.Errorf("settled after %s, of which %s at work", took, used)
	}
	_ = h.Process.Close()
	return outcome
}

// processorTime returns how long this program has run so far. A busy machine gives it later, but not much more is needed.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestSettleAroundThreads: what is begun is undone unless a thread is in the new code, else finished unless one is in the old; where
// threads are in both it is undone in the end.
func TestSettleAroundThreads(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, `
		#include <pthread.h>
		#include <stdio.h>
		#include <unistd.h>
		int fds[2];
		volatile int in;
		#define LONG(n) if (n == 77) __asm__ volatile(".skip 8192, 0x90") // the hooks are pages apart
		__attribute__((noinline)) int f1(int n) { char c; if (n) in++; if (n && read(fds[0], &c, 1) == 1) return 1; LONG(n); return 1; }
		__attribute__((noinline)) int f2(int n) { LONG(n); return 2; }
		static void *enter(void *a) { f1(1); return a; }
		int main(void) {
			char line[64];
			int inside = 0;
			pthread_t t[2];
			pipe(fds);
			setvbuf(stdout, 0, _IOLBF, 0); puts("ready");
			while (fgets(line, sizeof line, stdin)) {
				if (line[0] == 'e') { pthread_create(&t[inside++], 0, enter, 0); while (in != inside) usleep(100); }
				if (line[0] == 'l') { write(fds[1], "ll", inside); while (inside) pthread_join(t[--inside], 0); in = 0; }
				printf("%d %d\n", f1(0), f2(0));
			}
			return 0;
		}`, []string{"-O1", "-pthread", "-w"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: `
		extern int fds[2];
		extern volatile int in;
		long read(int, void *, unsigned long);
		int f1(int n) { char c; if (n) in++; if (n && read(fds[0], &c, 1) == 1) return 11; return 11; }
		int f2(int n) { return 12; }`})
	p := testkit.Start(t, program)
	p.WaitLine("ready")
	ask := func(line string) string { p.Send(line); return p.Next() }
	for _, tt := range []struct {
		name     string
		old, new bool // a thread is in that version of f1
		want     string
		outcome  string
	}{
		{"in neither", false, false, "1 2", Undone},
		{"in the old code", true, false, "1 2", Undone},
		{"in the new code", false, true, "11 12", Finished},
		{"in both", true, true, "1 2", Undone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := mustHold(t, p.PID)
			plan, err := h.Plan(context.Background(), Request{Files: []*File{loadFile(t, patch)}})
			if err == nil {
				err = plan.prepare(context.Background(), Options{waits: trace.NewWaits(h.Process.PID, nil)})
			}
			if err != nil {
				t.Fatal(err)
			}
			c := newChange(h.Process, plan.Writes(), plan.Code(), plan.back())
			g, err := NewGuardian(&Journal{PID: p.PID, StartTime: h.Process.StartTime, Writes: c.writes, Old: c.code, New: c.back, Inside: c.inside, Unwind: unwindDataOf(h.Process)})
			if err != nil {
				t.Fatal(err)
			}
			if tt.old {
				ask("e")
			}
			if c.writes[0].What != "hook of f1" {
				t.Fatalf("the first write is the %s", c.writes[0].What)
			}
			killedAfter(t, p.PID, c.writes[:1])
			if tt.new {
				ask("e")
			}
			outcome, err := g.Settle(h.lock)
			_ = h.Process.Close()
			if err != nil || outcome != tt.outcome {
				t.Errorf("%s, %v; want %s", outcome, err, tt.outcome)
			}
			expect(t, ask("l"), tt.want)
			if outcome == Finished {
				mustRevert(t, p.PID, "0001")
			}
		})
	}
}
