package engine

import (
	"context"
	"flag"
	"runtime"
	"syscall"
	"testing"

	"gocare/engine/inspect"
	"gocare/engine/trace"
	"gocare/internal/arch"
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

// written is code that other tools write over functions of the machine that the tests run on.
var written = map[string]struct{ breakpoint, jump, other []byte }{
	"amd64": {[]byte{0xcc}, []byte{0xe9, 1, 2, 3, 4}, []byte{0x90, 0x90, 0x90}},
	"arm64": {[]byte{0, 0, 0x20, 0xd4}, []byte{0x50, 0, 0, 0x58}, []byte{0x1f, 0x20, 0x03, 0xd5}}, // brk; ldr x16; nop
}[runtime.GOARCH]

// onlyOn skips a test whose code is that of one machine.
func onlyOn(t testing.TB, machine string) {
	t.Helper()
	if runtime.GOARCH != machine {
		t.Skipf("its code is that of %s", machine)
	}
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

var farOnly = flag.Bool("far", false, "take it that nothing is free within reach of calls, so that all hooks are far where there are such")

// leaveFar takes what is within reach of calls from what is free in a process, if far hooks are asked for.
func leaveFar(p *inspect.Process) {
	if !*farOnly || arch.Host().WithFarHooks() == nil {
		return
	}
	reach := inspect.Addr(arch.Host().Reach)
	for _, o := range p.Objects {
		p.Mappings = append(p.Mappings, inspect.Mapping{Start: o.Start - min(o.Start, reach), End: o.End + reach})
	}
}
