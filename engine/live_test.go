package engine

import (
	"context"
	"testing"
	"time"

	"gocare/engine/inspect"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// ticker prints the value of a function whenever a line comes.
const ticker = `
#include <stdio.h>
int calls;
__attribute__((noinline)) int value(int x) { calls++; return x + 1; }
int main(void) {
	char line[64];
	setvbuf(stdout, 0, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof line, stdin))
	{ int v = value(40); printf("value %d calls %d\n", v, calls); }
	return 0;
}`

const tickerPatch = `
extern int calls;
static int added = 60;
static int twice(int x) __attribute__((noinline));
int value(int x) { calls += 10; added++; return twice(x) + added; }
static int twice(int x) { return 2 * x; }
`

func look(t testing.TB, pid int) *inspect.Process {
	t.Helper()
	p, err := inspect.Read(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	leaveFar(p)
	return p
}

func loadFile(t testing.TB, path string) *File {
	t.Helper()
	f, err := LoadFile(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func apply(t testing.TB, pid int, opt Options, paths ...string) (Result, error) {
	t.Helper()
	var files []*File
	for _, path := range paths {
		files = append(files, loadFile(t, path))
	}
	return applyFiles(t, pid, opt, files)
}

func applyFiles(t testing.TB, pid int, opt Options, files []*File, replace ...string) (Result, error) {
	t.Helper()
	h, err := hold(pid, opt)
	if err != nil {
		return Result{}, err
	}
	defer h.Release()
	plan, err := h.Plan(context.Background(), Request{Files: files, Replace: replace, Over: true})
	if err != nil {
		return Result{}, err
	}
	return h.Apply(context.Background(), plan, opt)
}

// hold holds a process whose objects are loaded.
func hold(pid int, opt Options) (*Held, error) {
	h, err := Hold(context.Background(), pid, opt)
	if err != nil {
		return nil, err
	}
	h.Process.Load()
	leaveFar(h.Process)
	return h, nil
}

func mustHold(t testing.TB, pid int) *Held {
	t.Helper()
	h, err := hold(pid, Options{Wait: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func mustApply(t testing.TB, pid int, paths ...string) Result {
	t.Helper()
	r, err := apply(t, pid, Options{Wait: 5 * time.Second, Progress: t.Logf}, paths...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustRevert(t testing.TB, pid int, id string) Result {
	t.Helper()
	r, err := revert(t, pid, Options{Wait: 5 * time.Second, Progress: t.Logf}, id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func revert(t testing.TB, pid int, opt Options, id string) (Result, error) {
	t.Helper()
	h, err := hold(pid, opt)
	if err != nil {
		return Result{}, err
	}
	defer h.Release()
	removal, err := NewRemoval(h.Process, id, nil)
	if err != nil {
		return Result{}, err
	}
	return h.Revert(context.Background(), removal, opt)
}

func (s *session) ask() string { s.p.Send("x"); return s.p.Next() }

type session struct{ p *testkit.Proc }

// startTicker builds and starts the ticker.
func startTicker(t testing.TB, flags ...string) (*session, string) {
	t.Helper()
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, ticker, flags)
	s := &session{testkit.Start(t, program)}
	s.p.WaitLine("ready")
	return s, program
}

func TestApplyAndRevert(t *testing.T) {
	for _, tt := range []struct {
		name  string
		flags []string
	}{
		{"PIE", []string{"-O2", "-pie", "-fPIE"}},
		{"no-pie", []string{"-O2", "-no-pie", "-fno-pie"}},
		{"static", []string{"-O2", "-static"}},
		{"static-pie", []string{"-O2", "-static-pie"}},
		{"unoptimised", []string{"-O0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, program := startTicker(t, tt.flags...)
			path := handpatch.Build(t, handpatch.Spec{Program: program, Source: tickerPatch, Description: "CVE-1"})
			expect(t, s.ask(), "value 41 calls 1")
			mustApply(t, s.p.PID, path)
			expect(t, s.ask(), "value 141 calls 11")
			list, err := List(look(t, s.p.PID))
			if err != nil || len(list) != 1 || list[0].ID != "0001" || list[0].Description != "CVE-1" || list[0].Number != 1 {
				t.Errorf("list %+v, %v", list, err)
			}
			mustRevert(t, s.p.PID, "0001")
			expect(t, s.ask(), "value 41 calls 12")
			if list, err := List(look(t, s.p.PID)); err != nil || len(list) != 0 {
				t.Errorf("list after removal %+v, %v", list, err)
			}
		})
	}
}

func expect(t testing.TB, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
