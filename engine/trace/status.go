package trace

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"gocare/internal/fault"
	"gocare/internal/plain"
	"gocare/internal/procfs"
)

// threadState returns the letter of a thread's state, 'Z' for one that is gone or is none of the program's.
func threadState(pid, tid int) byte {
	f := statFields(pid, tid)
	if len(f) <= 9-3 || f[0][0] == 'X' || kernelWorker(pid, tid, f[9-3]) {
		return 'Z'
	}
	return f[0][0]
}

// statFields returns the fields of /proc/PID/task/TID/stat from the third one on (proc_pid_stat(5)).
func statFields(pid, tid int) [][]byte {
	text, err := procfs.Read(fmt.Sprintf("/proc/%d/task/%d/stat", pid, tid))
	if err != nil {
		return nil
	}
	return bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:]) // the name before it may hold anything
}

// kernelWorker reports whether a thread runs in the kernel for the program and never in its code: one of io_uring (iou-wrk,
// iou-sqp) or vhost. Kernels before 5.12 use the same bits of its flags for other things, threads of virtual machines among them; but only a
// worker is born with every signal blocked that can be.
func kernelWorker(pid, tid int, flags []byte) bool {
	const ioWorker, userWorker = 0x10, 0x4000                          // PF_IO_WORKER, PF_USER_WORKER
	const blocked = ^uint64(1<<(unix.SIGKILL-1) | 1<<(unix.SIGSTOP-1)) // siginitsetinv in the kernel's copy_process
	if n, err := strconv.ParseUint(string(flags), 10, 64); err != nil || n&(ioWorker|userWorker) == 0 {
		return false
	}
	mask, err := strconv.ParseUint(statusField(pid, tid, "SigBlk"), 16, 64)
	return err == nil && mask == blocked
}

// statusField returns a field of /proc/PID/task/TID/status, "" if there is none.
func statusField(pid, tid int, name string) string { return field(status(pid, tid), name) }

// status returns /proc/PID/task/TID/status; nothing of a thread that has ended.
func status(pid, tid int) []byte {
	text, err := procfs.Read(fmt.Sprintf("/proc/%d/task/%d/status", pid, tid))
	if err != nil {
		return nil
	}
	return text
}

func field(text []byte, name string) string {
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func statusNumber(pid, tid int, name string) int {
	n, err := strconv.Atoi(statusField(pid, tid, name))
	if err != nil {
		return 0
	}
	return n
}

// tracer returns the thread that traces a thread, 0 if none does.
func tracer(pid, tid int) int { return statusNumber(pid, tid, "TracerPid") }

// Tracer returns the process that traces a thread of a process, 0 if none does.
func Tracer(pid int) int {
	tids, _ := tasks(pid) // none of a process that has ended
	for _, tid := range tids {
		if by := tracer(pid, tid); by != 0 {
			return cmp.Or(statusNumber(by, by, "Tgid"), by)
		}
	}
	return 0
}

// cannotAttach turns the error of PTRACE_SEIZE into its cause.
func (s *Session) cannotAttach(tid int, err error) error {
	where := fmt.Sprintf("pid %d", s.PID)
	if by := tracer(s.PID, tid); by != 0 {
		by = cmp.Or(statusNumber(by, by, "Tgid"), by)
		e := fault.New(fault.Busy, where, "is traced by pid %d (%s)", by, comm(by))
		e.Code = fault.Traced
		return e.WithState("process unchanged").WithHint("end that debugger or tracer, then try again")
	}
	e := fault.New(fault.Environment, where, "cannot attach to thread %d", tid).WithCause(err)
	e.Code = fault.Attach
	e.WithState("process unchanged and running")
	if err == unix.EPERM || err == unix.EACCES {
		e.Code = fault.Permission
		e.WithHint("%s", attachHint(s.PID))
	}
	return e
}

func attachHint(pid int) string {
	uid, _, _ := strings.Cut(statusField(pid, pid, "Uid"), "\t")
	if own := strconv.Itoa(os.Geteuid()); uid != own && own != "0" {
		return fmt.Sprintf("the process belongs to user %s: run as that user or as root", uid)
	}
	if scope, err := procfs.Read("/proc/sys/kernel/yama/ptrace_scope"); err == nil && !bytes.HasPrefix(scope, []byte("0")) {
		return fmt.Sprintf("kernel.yama.ptrace_scope is %s: run as root, or set it to 0", bytes.TrimSpace(scope))
	}
	return "run as root with CAP_SYS_PTRACE"
}

func comm(pid int) string {
	text, err := procfs.Read(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return "unknown"
	}
	return plain.Line(string(bytes.TrimSpace(text)))
}

func (s *Session) noThread(tid int) error {
	e := fault.Refuse(fault.NoSuchProcess, fmt.Sprintf("pid %d", s.PID), "no such process")
	if tid != s.PID {
		e.What = fmt.Sprintf("thread %d has ended", tid)
	}
	return e
}

// kcmpVM asks kcmp(2) whether two processes share their memory.
const kcmpVM = 1

// SharesMemory returns another process that runs in the memory of pid (vfork, or clone with CLONE_VM), 0 if there is none
// to be seen. Its threads are not among those of pid. thread is one of those: pid itself, unless the leader has exited,
// whose memory is then none, as that of every kernel thread.
func SharesMemory(pid, thread int) int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	// kcmp(2) waits for a process that executes another program, for as long as that takes. Such a process has no code yet, and one that
	// shares the memory as much as we have.
	buf := make([]byte, 0, 256)
	code := codeSize(thread, buf)
	for _, e := range entries {
		other, err := strconv.Atoi(e.Name())
		if err != nil || other == pid || codeSize(other, buf) != code {
			continue
		}
		order, _, errno := unix.RawSyscall6(unix.SYS_KCMP, uintptr(thread), uintptr(other), kcmpVM, 0, 0, 0)
		if errno == 0 && order == 0 {
			return other
		}
	}
	return 0
}

// codeSize returns the size of a process' code in pages, as text; of one without memory it is "0", or "". buf is for it to use.
func codeSize(pid int, buf []byte) string {
	text, err := procfs.ReadInto("/proc/"+strconv.Itoa(pid)+"/statm", buf)
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 4 {
		return ""
	}
	return fields[3]
}
