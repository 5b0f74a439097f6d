package engine

import (
	"context"
	"slices"
	"testing"

	"gocare/engine/inspect"
	"gocare/engine/trace"
	"gocare/internal/elfobj"
	"gocare/internal/test/testkit"
)

// checkerOf returns a checker for a function of a program.
func checkerOf(t *testing.T, pid int, name string) *checker {
	t.Helper()
	p := look(t, pid)
	exe := &p.Objects[slices.IndexFunc(p.Objects, func(o inspect.Object) bool { return o.Main })]
	s := exe.ELF.Symbols[slices.IndexFunc(exe.ELF.Symbols, func(s elfobj.Symbol) bool { return s.Name == name })]
	start := exe.Bias + inspect.Addr(s.Value)
	check := newChecker(p, []Code{{start, start + inspect.Addr(s.Size), name, atStart}})
	t.Cleanup(check.unwatch)
	return check
}

// watch has a checker count, as soon as the threads of the process have come to rest.
func watch(t *testing.T, check *checker) (in []*occupant) {
	t.Helper()
	for n := 0; n < 100 && len(in) == 0 && check.entries == nil; n++ {
		in = watchOnce(t, check)
	}
	return in
}

func watchOnce(t *testing.T, check *checker) (in []*occupant) {
	t.Helper()
	check.unwatch()
	err := trace.Do(context.Background(), check.process.PID, func(s *trace.Session) (err error) {
		in, err = check.watch(s, &Timing{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// TestEnteredMeanwhile: a coroutine that goes to sleep in the code after the search is found, whether or not it can be counted who enters the code.
func TestEnteredMeanwhile(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	onlyOn(t, "amd64")
	program := testkit.CCText(t, ownSwitch, []string{"-O2", "-DLIBCO", "-pthread"})
	for _, row := range []struct {
		name           string
		counts, enters bool
	}{
		{"counted", true, true},
		{"not counted", false, true},
		{"nobody enters", true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			proc := testkit.Start(t, program)
			proc.WaitLine("was inside")
			check := checkerOf(t, proc.PID, "work")
			if row.counts {
				watch(t, check)
			}
			if err := check.begin(); err != nil {
				t.Fatal(err)
			}
			if row.enters {
				proc.Send("")
				proc.WaitLine("inside")
			}
			entered := check.entered()
			if o := stopAndCheck(t, check); entered != row.enters || (o != nil) != row.enters {
				t.Errorf("entered: %v, found: %+v", entered, o)
			}
		})
	}
}

// TestNotEntered: where nobody enters the code, one who is in it already is found, and no other is looked at again.
func TestNotEntered(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, coroutines, []string{"-O2"})
	proc := testkit.Start(t, program, "swapcontext", "mmap")
	proc.Send("coroutine")
	proc.WaitLine("inside")
	check := checkerOf(t, proc.PID, "work")
	watch(t, check)
	if err := check.begin(); err != nil {
		t.Fatal(err)
	}
	if o := stopAndCheck(t, check); check.entered() || o == nil || o.function != "work" {
		t.Errorf("entered: %v, found: %+v", check.entered(), o)
	}
	proc.Send("leave")
	proc.WaitLine("left")
	if o := stopAndCheck(t, check); o != nil {
		t.Errorf("found, though it has left: %+v", o)
	}
}

// within has a thread in work(), which spins there or sleeps.
const within = `
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <ucontext.h>
#include <unistd.h>
static volatile long sink;
__attribute__((noinline, noclone)) int work(int sleeps)
{
	puts("inside");
	if (sleeps)
		pause();
	for (;;)
		sink++;
	return sink;
}
static void *run(void *arg) { work(arg != 0); return 0; }
int main(int argc, char **argv)
{
	ucontext_t other;
	pthread_t t;
	if (argc > 9)
		setcontext(&other);
	setvbuf(stdout, 0, _IOLBF, 0);
	pthread_create(&t, 0, run, argc > 1 ? argv : 0);
	pthread_join(t, 0);
	return 0;
}`

// TestWatchThreads: a count of who enters says nothing while a thread is in the code already.
func TestWatchThreads(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, within, []string{"-O2", "-pthread"})

	spins := testkit.Start(t, program)
	spins.WaitLine("inside")
	check := checkerOf(t, spins.PID, "work")
	in := watch(t, check)
	if len(in) != 1 || in[0].function != "work" {
		t.Errorf("a thread that spins: %+v", in)
	}

	sleeps := testkit.Start(t, program, "sleeps")
	sleeps.WaitLine("inside")
	check = checkerOf(t, sleeps.PID, "work")
	if in = watchOnce(t, check); len(in) != 0 || check.entries != nil {
		t.Errorf("a thread that sleeps: %+v, counted: %v", in, check.entries != nil)
	}
}

// TestEntrances: where code can be entered that is to be replaced.
func TestEntrances(t *testing.T) {
	for _, row := range []struct {
		name string
		code []Code
		want []uint64
	}{
		{"function and part", []Code{{1, 9, "f", atStart}, {1, 9, "f", atStart}, {20, 29, "f", nowhere}}, []uint64{1}},
		{"code that nothing is known of", []Code{{1, 9, "f", atStart}, {20, 29, "patch", anywhere}}, nil},
		{"region", []Code{{9, 15, "f", atStart}, {1, 9, "patch", passed}, {15, 29, "patch", passed}}, []uint64{9}},
		{"nothing", nil, nil},
	} {
		got, ok := entrances(row.code)
		if !slices.Equal(got, row.want) || ok != (row.want != nil) {
			t.Errorf("%s: %v, %v", row.name, got, ok)
		}
	}
}
