package main

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
)

// processors are lists of them as taskset takes them, "" for all.
type processors struct{ load, commands string }

// halves gives the load and its servers one half of the processors and the commands the other, so that neither waits for the other's work:
// what the load has of the commands is then what they do to the process. A machine with one processor has no halves.
func halves(n int) processors {
	if n < 2 {
		return processors{}
	}
	return processors{load: fmt.Sprintf("0-%d", n/2-1), commands: fmt.Sprintf("%d-%d", n/2, n-1)}
}

// newProcessors are halves of this machine's, or all for everyone.
func newProcessors(shared bool) processors {
	if shared {
		return processors{}
	}
	return halves(runtime.NumCPU())
}

// commandOn is a command on a list of processors.
func commandOn(ctx context.Context, list, program string, args ...string) *exec.Cmd {
	if list == "" {
		return exec.CommandContext(ctx, program, args...)
	}
	return exec.CommandContext(ctx, "taskset", append([]string{"-c", list, program}, args...)...)
}
