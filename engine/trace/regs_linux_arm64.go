package trace

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"

	"gocare/internal/arch"
)

// Regs are the general registers of a stopped thread, and what the stop did to the system call that it was in.
//
// The kernel takes a call back before it stops the thread for us (do_signal in arch/arm64/kernel/signal.c, seen with 6.1): x0 has the first
// argument again, and the program counter is at the svc. What it would do next, by restart_syscall(2), is not to be seen, nor are
// the result and the number, so where the thread slept before is compared.
type Regs struct {
	user   userRegs
	number int64  // of the system call that the thread slept in, -1 if none
	first  uint64 // its first argument
	after  uint64 // the address behind its svc
}

// userRegs is struct user_pt_regs of <asm/ptrace.h>.
type userRegs struct {
	x              [31]uint64
	sp, pc, pstate uint64
}

const (
	minusEINTR  = ^uint64(4 - 1)
	minusEAGAIN = ^uint64(11 - 1)

	callNumber   = 8  // the register with the number of a system call
	linkRegister = 30 // where a function returns to
)

// branchType is the bits of pstate that say how the thread got to where it is; code of a page that checks that (BTI) may begin
// at other instructions only when they are zero.
const branchType = 3 << 10

// PC returns the program counter.
func (r *Regs) PC() uint64 { return r.user.pc }

// SP returns the stack pointer.
func (r *Regs) SP() uint64 { return r.user.sp }

// DWARF returns the registers by DWARF number (DWARF for the Arm 64-bit Architecture, table 1): x0 to x30, sp, pc.
func (r *Regs) DWARF() (list [arch.DWARFRegisters]uint64) {
	copy(list[:], r.user.x[:])
	list[31], list[32] = r.user.sp, r.user.pc
	return list
}

// slept says where the thread slept before it was stopped. Only if it is still there is that of interest.
func (r *Regs) slept(w Sleep) {
	r.number = -1
	if w.Number < 0 || w.SP != r.user.sp || uint64(w.Number) != r.user.x[callNumber] {
		return
	}
	taken := w.PC == r.user.pc+uint64(len(syscallInsn)) && r.user.x[0] == w.Args[0]
	if taken || w.PC == r.user.pc {
		r.number, r.first, r.after = w.Number, w.Args[0], w.PC
	}
}

// looksBefore says that slept wants to know where threads sleep before they are stopped.
const looksBefore = true

// inSyscall reports whether the thread was stopped inside a system call.
func (r *Regs) inSyscall() bool { return r.number >= 0 }

// takenBack reports whether the kernel has taken back the call.
func (r *Regs) takenBack() bool { return r.inSyscall() && r.user.pc != r.after }

// restart makes a system call that a stop ended with EINTR start again. A signal that arrives now has its handler run before.
func (r *Regs) restart() bool {
	if !r.inSyscall() || r.user.pc != r.after || r.user.x[0] != minusEINTR {
		return false
	}
	r.user.x[0], r.user.pc = r.first, r.after-uint64(len(syscallInsn))
	return true
}

// restartsByCall reports whether the system call that a stop interrupted goes on by restart_syscall(2): a sleep whose time is relative,
// or a wait for a lock that has a time.
func (r *Regs) restartsByCall() bool {
	if !r.takenBack() {
		return false
	}
	switch r.number {
	case unix.SYS_NANOSLEEP, unix.SYS_RESTART_SYSCALL:
		return true
	case unix.SYS_CLOCK_NANOSLEEP:
		return r.user.x[1]&unix.TIMER_ABSTIME == 0
	case unix.SYS_FUTEX:
		const waits, waitsForBits, command = 0, 9, 0x7f // FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_CMD_MASK
		op := r.user.x[1] & command
		return (op == waits || op == waitsForBits) && r.user.x[3] != 0
	}
	return false
}

// beginAnew cannot keep the kernel from restart_syscall(2) here.
func (r *Regs) beginAnew() {}

// kept returns registers with which a thread goes on as it would have, when the kernel has forgotten the call that it was in.
func (r *Regs) kept() Regs {
	k := *r
	if r.restartsByCall() {
		k.user.x[callNumber] = unix.SYS_RESTART_SYSCALL
		k.number = unix.SYS_RESTART_SYSCALL
	}
	return k
}

// end makes a system call that a stop interrupted end with a result.
func (r *Regs) end(result uint64) { r.user.x[0], r.user.pc = result, r.after }

// isCall reports whether the thread was stopped inside a system call.
func (r *Regs) isCall(number int64) bool { return r.inSyscall() && r.number == number }

// forCall returns registers that make a system call at an instruction that enters the kernel. The stack is not used.
func (r *Regs) forCall(pc uint64, nr uint64, args [6]uint64) Regs {
	c := r.at(pc)
	copy(c.user.x[:], args[:])
	c.user.x[callNumber] = nr
	return c
}

// forFunction returns registers at the entry of a function with up to two arguments that returns to an address.
func (r *Regs) forFunction(pc, sp, returnTo uint64, args [2]uint64) Regs {
	c := r.at(pc)
	copy(c.user.x[:], args[:])
	c.user.sp, c.user.x[linkRegister] = sp, returnTo
	return c
}

// at returns the registers of a thread that is somewhere else, in no system call.
func (r *Regs) at(pc uint64) Regs {
	c := *r
	c.user.pc, c.number = pc, -1
	c.user.pstate &^= branchType
	return c
}

// SystemCall returns the number of the system call that a thread was stopped in.
func (r *Regs) SystemCall() (number uint64, inside bool) { return uint64(r.number), r.inSyscall() }

// called returns a system call's number at its entry.
func (r *Regs) called() uint64 { return r.user.x[callNumber] }

// restoresAtExit says that the kernel keeps one of the registers at the exit of a system call: threads get theirs back at the next stop.
const restoresAtExit = false

// returned returns what a function of ours has returned, at the entry of the system call that it has returned to.
func (r *Regs) returned() uint64 { return r.user.x[0] }

// returnedValue is what a function returned that has come back to returnCode, at its system call.
func (r *Regs) returnedValue() uint64 { return r.user.x[0] }

// noCall makes the system call at whose entry a thread is one that does nothing: the kernel has its number already.
func (r *Regs) noCall(tid int) error {
	none := []byte{0xff, 0xff, 0xff, 0xff}
	_, err := registerSet(unix.PTRACE_SETREGSET, tid, ntSystemCall, none)
	return err
}

// result returns a system call's result at its exit.
func (r *Regs) result() uint64 { return r.user.x[0] }

// trapInsn stops the thread that executes it with SIGTRAP.
var trapInsn = arch.AArch64.Trap

// atTrap reports whether a thread has just executed a trapInsn at an address, which leaves it there.
func (r *Regs) atTrap(addr uint64) bool { return r.user.pc == addr }

// breakLength is the size in bytes that the kernel wants of a breakpoint for code.
const breakLength = 4

// stepsOverBreakpoints says that the kernel lets a thread go on from a breakpoint by a step with all of them disabled.
const stepsOverBreakpoints = true

// Every machine has what is in timeouts and forbiddenCalls here.
var (
	ownTimeouts       map[int64]timeout
	ownForbiddenCalls []uint64
)

// syscallInsn is the instruction that enters the kernel.
var syscallInsn = arch.AArch64.Syscall

// codeAlign is what the address of an instruction is a multiple of, in bytes.
const codeAlign = 4

// Register sets of <elf.h>.
const (
	ntPRStatus = 1
	ntFPRegs   = 2
	ntSVE      = 0x405

	ntSystemCall = 0x404
)

// xStates name the register sets with all vector registers, the best first.
var xStates = []uintptr{ntSVE, ntFPRegs}

func getRegs(tid int) (Regs, error) {
	r := Regs{number: -1}
	_, err := registerSet(unix.PTRACE_GETREGSET, tid, ntPRStatus, r.user.bytes())
	return r, err
}

func setRegs(tid int, r *Regs) error {
	_, err := registerSet(unix.PTRACE_SETREGSET, tid, ntPRStatus, r.user.bytes())
	return err
}

// bytes returns the memory of the registers.
func (r *userRegs) bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(r)), unsafe.Sizeof(*r))
}

// word appends an instruction.
func word(code []byte, instruction uint32) []byte {
	return binary.LittleEndian.AppendUint32(code, instruction)
}
