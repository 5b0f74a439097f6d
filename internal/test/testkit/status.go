package testkit

import (
	"os/exec"
	"syscall"
)

// exitStatus returns the exit status of an ended command, or minus the number of the signal that ended it.
func exitStatus(cmd *exec.Cmd) int {
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return -int(ws.Signal())
	}
	return cmd.ProcessState.ExitCode()
}
