package trace

import "golang.org/x/sys/unix"

// Regs are the general registers of a stopped thread.
type Regs unix.PtraceRegs

// Kernel-internal results of an interrupted system call (include/linux/errno.h), as rax holds them during a stop.
const (
	minusEINTR            = ^uint64(4 - 1)
	minusERESTARTSYS      = ^uint64(512 - 1)
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

// inRestartBlock reports whether the interrupted system call goes on through restart_syscall.
func (r *Regs) inRestartBlock() bool { return r.inSyscall() && r.Rax == minusERESTART_RESTART }

// restart turns the result EINTR of a system call that a stop interrupted into "start again unless a handler runs".
func (r *Regs) restart() bool {
	if !r.inSyscall() || r.Rax != minusEINTR {
		return false
	}
	r.Rax = minusERESTARTNOHAND
	return true
}

// forCall returns registers that make a system call from the instruction at pc.
func (r *Regs) forCall(pc uint64, nr uint64, args [6]uint64) Regs {
	c := *r
	c.Rip, c.Rax, c.Orig_rax = pc, nr, noSyscall
	c.Rdi, c.Rsi, c.Rdx, c.R10, c.R8, c.R9 = args[0], args[1], args[2], args[3], args[4], args[5]
	return c
}

// forFunction returns registers at the entry of a function: stack aligned as after a call, red zone skipped.
func (r *Regs) forFunction(pc uint64) Regs {
	const room = 128 + 512 // the red zone, and as much again for what else may lie there
	c := *r
	c.Rip, c.Rax, c.Orig_rax = pc, 0, noSyscall
	c.Rsp = (r.Rsp-room)&^15 - 8
	c.Eflags &^= 1 << 10 // direction flag
	return c
}

// number returns a system call's number at its entry.
func (r *Regs) number() uint64 { return r.Orig_rax }

// result returns a system call's result at its exit.
func (r *Regs) result() uint64 { return r.Rax }

// syscallInsn is the instruction that enters the kernel.
var syscallInsn = []byte{0x0f, 0x05}

func getRegs(tid int) (Regs, error) {
	var r unix.PtraceRegs
	err := unix.PtraceGetRegs(tid, &r)
	return Regs(r), err
}

func setRegs(tid int, r *Regs) error { return unix.PtraceSetRegs(tid, (*unix.PtraceRegs)(r)) }
