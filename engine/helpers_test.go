package engine

import (
	"context"
	"syscall"
	"testing"

	"gocare/engine/inspect"
	"gocare/engine/trace"
)

type regionFunction = inspect.RegionFunction

// pokeMemory changes a process behind the engine's back, as another tool would.
func pokeMemory(pid int, at int64, data []byte) error {
	return trace.Do(context.Background(), pid, func(s *trace.Session) error {
		if _, err := s.Attach(pid); err != nil {
			return err
		}
		_, err := s.WriteAt(data, at)
		return err
	})
}

// stopProcess stops a child with SIGSTOP and waits until it has stopped.
func stopProcess(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &ws, syscall.WUNTRACED, nil); err != nil || !ws.Stopped() {
		t.Fatalf("wait: %v, %#x", err, ws)
	}
}

func contProcess(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}
