package trace

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"gocare/internal/arch"
)

// Regs are the general registers of a stopped thread.
type Regs unix.PtraceRegs

// Kernel-internal results of an interrupted system call (include/linux/errno.h), as rax holds them during a stop.
const (
	minusEINTR            = ^uint64(4 - 1)
	minusEAGAIN           = ^uint64(11 - 1)
	minusERESTARTSYS      = ^uint64(512 - 1)
	minusERESTARTNOINTR   = ^uint64(513 - 1)
	minusERESTARTNOHAND   = ^uint64(514 - 1)
	minusERESTART_RESTART = ^uint64(516 - 1)
	noSyscall             = ^uint64(0)
)

// PC returns the instruction pointer.
func (r *Regs) PC() uint64 { return r.Rip }

// SP returns the stack pointer.
func (r *Regs) SP() uint64 { return r.Rsp }

// DWARF returns the registers in the order of the AMD64 ABI's DWARF numbers 0 to 16.
func (r *Regs) DWARF() [17]uint64 {
	return [17]uint64{
		r.Rax, r.Rdx, r.Rcx, r.Rbx, r.Rsi, r.Rdi, r.Rbp, r.Rsp,
		r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15, r.Rip,
	}
}

// inSyscall reports whether the thread was stopped inside a system call.
func (r *Regs) inSyscall() bool { return int64(r.Orig_rax) >= 0 }

// restart turns the result EINTR of a system call that a stop interrupted into "start again unless a handler runs".
func (r *Regs) restart() bool {
	if !r.inSyscall() || r.Rax != minusEINTR {
		return false
	}
	r.Rax = minusERESTARTNOHAND
	return true
}

// end makes a system call that a stop interrupted end with a result.
func (r *Regs) end(result uint64) { r.Rax = result }

// isCall reports whether the thread was stopped inside a system call.
func (r *Regs) isCall(number int64) bool { return r.inSyscall() && int64(r.Orig_rax) == number }

// frameRoom is how far below the stack pointer the frame of a call for us lies: beyond the red zone and what the frame holds.
var frameRoom = arch.X86_64.StackRoom + 512

// frame returns the address of the frame that trampoline restores registers from.
func (r *Regs) frame() uint64 { return (r.Rsp - frameRoom) &^ 15 }

// forCall returns registers that make a system call at a trampoline.
func (r *Regs) forCall(pc uint64, nr uint64, args [6]uint64) Regs {
	c := *r
	c.Rip, c.Rax, c.Orig_rax, c.Rsp = pc, nr, noSyscall, r.frame()
	c.Rdi, c.Rsi, c.Rdx, c.R10, c.R8, c.R9 = args[0], args[1], args[2], args[3], args[4], args[5]
	return c
}

// forFunction returns registers at the entry of a function that will return to a trampoline: the word at its stack
// pointer, which is aligned as after a call, must be the trampoline's address.
func (r *Regs) forFunction(pc uint64) Regs {
	c := *r
	c.Rip, c.Rax, c.Orig_rax, c.Rsp = pc, 0, noSyscall, r.frame()-8
	c.Eflags &^= 1 << 10 // direction flag
	return c
}

// withArguments returns registers of a function's entry with up to two arguments.
func (r Regs) withArguments(first, second uint64) Regs {
	r.Rdi, r.Rsi = first, second
	return r
}

// SystemCall returns the number of the system call that a thread was stopped in.
func (r *Regs) SystemCall() (number uint64, inside bool) { return r.Orig_rax, r.inSyscall() }

// trampoline makes the system call that the registers ask for, then gives the thread back the registers of the frame at its
// stack pointer and goes on where the thread was. Only when this program was killed meanwhile does it come to that. A function
// whose result is not wanted returns to its first byte: the system call is then rt_sigprocmask(2), which gives the thread the signal
// mask that stands behind the frame.
var trampoline = []byte{
	0xb8, unix.SYS_RT_SIGPROCMASK, 0, 0, 0, // mov $SYS_rt_sigprocmask,%eax
	0xbf, unix.SIG_SETMASK, 0, 0, 0, // mov $SIG_SETMASK,%edi
	0x48, 0x8d, 0x74, 0x24, frameSize, // lea frameSize(%rsp),%rsi
	0x31, 0xd2, // xor %edx,%edx
	0x41, 0xba, 8, 0, 0, 0, // mov $8,%r10d
	0x0f, 0x05, // syscall: arch.X86_64.Syscall
	0x48, 0x89, 0x04, 0x24, // mov %rax,(%rsp)
	0x48, 0x8b, 0x7c, 0x24, 0x08, // mov 8(%rsp),%rdi
	0x48, 0x8b, 0x74, 0x24, 0x10, // mov 16(%rsp),%rsi
	0x48, 0x8b, 0x54, 0x24, 0x18, // mov 24(%rsp),%rdx
	0x4c, 0x8b, 0x54, 0x24, 0x20, // mov 32(%rsp),%r10
	0x4c, 0x8b, 0x44, 0x24, 0x28, // mov 40(%rsp),%r8
	0x4c, 0x8b, 0x4c, 0x24, 0x30, // mov 48(%rsp),%r9
	0x48, 0x8b, 0x4c, 0x24, 0x38, // mov 56(%rsp),%rcx
	0x4c, 0x8b, 0x5c, 0x24, 0x40, // mov 64(%rsp),%r11
	0x48, 0x8b, 0x44, 0x24, 0x48, // mov 72(%rsp),%rax
	0xff, 0x74, 0x24, 0x50, // push 80(%rsp)
	0x9d,                         // popf
	0x48, 0x8b, 0x64, 0x24, 0x58, // mov 88(%rsp),%rsp
	0xc2, 0x80, 0x00, // ret $128: over the red zone, arch.X86_64.StackRoom
}

// trampolineCall is where the system call of the trampoline is, in bytes from its start.
const trampolineCall = 23

// frameSize is how many bytes the registers in a frame take.
const frameSize = 96

// frameBytes returns what must lie at frame for the trampoline, and the word below the red zone that it returns through.
func (r *Regs) frameBytes() (frame []byte, returnAt, returnTo uint64) {
	rax, pc := r.goOn()
	returnAt = r.Rsp - arch.X86_64.StackRoom - 8
	for _, v := range []uint64{0, r.Rdi, r.Rsi, r.Rdx, r.R10, r.R8, r.R9, r.Rcx, r.R11, rax, r.Eflags, returnAt} {
		frame = binary.LittleEndian.AppendUint64(frame, v)
	}
	return frame, returnAt, pc
}

// goOn returns rax and rip with which the thread goes on, an interrupted system call again from its start, as the kernel
// would have it (arch_do_signal_or_restart).
func (r *Regs) goOn() (rax, pc uint64) {
	if !r.inSyscall() {
		return r.Rax, r.Rip
	}
	again := r.Rip - uint64(len(syscallInsn))
	switch r.Rax {
	case minusERESTARTSYS, minusERESTARTNOINTR, minusERESTARTNOHAND, minusEINTR:
		return r.Orig_rax, again
	case minusERESTART_RESTART:
		return unix.SYS_RESTART_SYSCALL, again
	}
	return r.Rax, r.Rip
}

// number returns a system call's number at its entry.
func (r *Regs) number() uint64 { return r.Orig_rax }

// result returns a system call's result at its exit.
func (r *Regs) result() uint64 { return r.Rax }

// trapInsn stops the thread that executes it with SIGTRAP.
var trapInsn = arch.X86_64.Trap

// atTrap reports whether a thread has just executed a trapInsn at an address, and sets it back to there.
func (r *Regs) atTrap(addr uint64) bool {
	if r.Rip != addr+uint64(len(trapInsn)) {
		return false
	}
	r.Rip = addr
	return true
}

// breakLength is the size in bytes that the kernel wants of a breakpoint for code: that of a long.
const breakLength = 8

// timeouts are the system calls, by number, whose time-out begins anew after a stop (Linux 6.18 seen; signal(7) has most of them).
var timeouts = map[int64]timeout{
	unix.SYS_EPOLL_WAIT:      {milliseconds, 3, 0},
	unix.SYS_EPOLL_PWAIT:     {milliseconds, 3, 0},
	unix.SYS_EPOLL_PWAIT2:    {timespec, 3, 0},
	unix.SYS_IO_GETEVENTS:    {timespec, 4, 0},
	unix.SYS_RT_SIGTIMEDWAIT: {timespec, 2, minusEAGAIN},
	unix.SYS_SEMTIMEDOP:      {timespec, 3, minusEAGAIN},
	unix.SYS_READ:            {receiving, 0, minusEAGAIN},
	unix.SYS_READV:           {receiving, 0, minusEAGAIN},
	unix.SYS_RECVFROM:        {receiving, 0, minusEAGAIN},
	unix.SYS_RECVMSG:         {receiving, 0, minusEAGAIN},
	unix.SYS_ACCEPT:          {receiving, 0, minusEAGAIN},
	unix.SYS_ACCEPT4:         {receiving, 0, minusEAGAIN},
	unix.SYS_WRITE:           {sending, 0, minusEAGAIN},
	unix.SYS_WRITEV:          {sending, 0, minusEAGAIN},
	unix.SYS_SENDTO:          {sending, 0, minusEAGAIN},
	unix.SYS_SENDMSG:         {sending, 0, minusEAGAIN},
}

// syscallInsn is the instruction that enters the kernel.
var syscallInsn = arch.X86_64.Syscall

// xState names the register set of the floating-point and vector registers (NT_X86_XSTATE of <elf.h>).
const xState = 0x202

func getRegs(tid int) (Regs, error) {
	var r unix.PtraceRegs
	err := unix.PtraceGetRegs(tid, &r)
	return Regs(r), err
}

func setRegs(tid int, r *Regs) error { return unix.PtraceSetRegs(tid, (*unix.PtraceRegs)(r)) }
