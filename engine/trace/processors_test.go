package trace

import (
	"context"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"gocare/internal/test/testkit"
)

// TestKeepToOneProcessor: all threads of the program are on one processor then, but for the one that a session is on, and all in a Hurry; one that was
// given fewer processors than there are keeps these.
func TestKeepToOneProcessor(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	if runtime.NumCPU() < 2 {
		t.Skip("there is one processor alone")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	all := everywhere()
	t.Cleanup(func() {
		home = nil
		ofOwnThreads(func(tid int) { _ = unix.SchedSetaffinity(tid, &all) })
	})

	one := unix.CPUSet{}
	one.Set(0)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	if KeepToOneProcessor() {
		t.Error("kept to a processor although it was given one already")
	}
	if got, _ := processorsOf(t, 0); got != one {
		t.Errorf("it was given processor 0 and has %v", got)
	}

	everywhere()
	if !KeepToOneProcessor() {
		t.Fatal("not kept to a processor")
	}
	kept := func(when string, tid int, want int) {
		t.Helper()
		if got, ended := processorsOf(t, tid); !ended && got.Count() != want {
			t.Errorf("%s: %d processors, want %d", when, got.Count(), want)
		}
	}
	ofOwnThreads(func(tid int) { kept("kept", tid, 1) })
	p := testkit.Start(t, "/bin/cat")
	err := Do(context.Background(), p.PID, func(s *Session) error {
		kept("in a session", 0, all.Count())
		end := Hurry()
		ofOwnThreads(func(tid int) { kept("in a hurry", tid, all.Count()) })
		end()
		kept("after a hurry", 0, all.Count())
		kept("another thread, after a hurry", unix.Getpid(), 1)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func processorsOf(t *testing.T, tid int) (set unix.CPUSet, ended bool) {
	t.Helper()
	err := unix.SchedGetaffinity(tid, &set)
	if err != nil && err != unix.ESRCH {
		t.Fatal(err)
	}
	return set, err != nil
}
