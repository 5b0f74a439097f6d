package main

import (
	"runtime"
	"syscall"
	"testing"
	"unsafe"
)

// killAt runs carectl and kills that process of it which begins the n-th of the system calls that are counted, calling before right before
// that. It returns whether it came to that, when all processes of carectl have ended.
func killAt(t *testing.T, n int, counted func(nr uint64) bool, before func(), args ...string) (killed bool) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := child(args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const options = syscall.PTRACE_O_TRACESYSGOOD | syscall.PTRACE_O_TRACECLONE | syscall.PTRACE_O_TRACEFORK | syscall.PTRACE_O_TRACEVFORK
	goOn := syscall.PtraceSyscall
	seen := map[int]bool{} // threads that have stopped once
	for {
		var ws syscall.WaitStatus
		const clones, notThread = 0x80000000, 0x20000000 // __WCLONE, __WNOTHREAD: tracees alone, no children of other tests
		tid, err := syscall.Wait4(-1, &ws, clones|notThread, nil)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.ECHILD:
			return killed
		case err != nil:
			t.Fatal(err)
		case tid == cmd.Process.Pid && ws.Exited() && ws.ExitStatus() != 0 && !killed:
			t.Fatalf("carectl %q: exit %d", args, ws.ExitStatus())
		case !ws.Stopped():
			continue
		case len(seen) == 0:
			if err := syscall.PtraceSetOptions(tid, options); err != nil {
				t.Fatal(err)
			}
		}
		sig := ws.StopSignal()
		switch {
		case sig == syscall.SIGTRAP|0x80:
			if nr, entry := enters(tid); entry && counted(nr) {
				if n--; n == 0 {
					killed = true
					goOn = syscall.PtraceCont // the others, one of which is to be timed, at their full speed
					defer goFirst()()
					before()
					killThread(t, tid)
				}
			}
			sig = 0
		case ws.TrapCause() > 0: // it has made another
			sig = 0
		case sig == syscall.SIGTRAP || sig == syscall.SIGSTOP && !seen[tid]: // its exec, its begin
			sig = 0
		}
		seen[tid] = true
		_ = goOn(tid, int(sig)) // fails only when it was killed
	}
}

// killThread kills the process that a thread is of.
func killThread(t *testing.T, tid int) {
	t.Helper()
	if err := syscall.Kill(tid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// enters returns the number of the system call that a stopped thread is about to make, if it stopped for that.
func enters(tid int) (nr uint64, entry bool) {
	var info struct {
		op     uint8
		_      [3]uint8
		_      uint32
		_, _   uint64
		number uint64
		_      [8]uint64
	}
	const getSyscallInfo, opEntry = 0x420e, 1 // PTRACE_GET_SYSCALL_INFO, PTRACE_SYSCALL_INFO_ENTRY
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PTRACE, getSyscallInfo, uintptr(tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	return info.number, errno == 0 && info.op == opEntry
}

// goFirst has the calling thread, which is locked, go before all others, where it may, until the function it returns is called: on a busy machine
// it would measure how late it is itself.
func goFirst() (end func()) {
	usual, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil || syscall.Setpriority(syscall.PRIO_PROCESS, 0, -20) != nil {
		return func() {}
	}
	return func() { _ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, 20-usual) } // the kernel gives 20 - nice
}
