package trace

import (
	"encoding/binary"
	"slices"

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
func (r *Regs) DWARF() [arch.DWARFRegisters]uint64 {
	return [arch.DWARFRegisters]uint64{
		r.Rax, r.Rdx, r.Rcx, r.Rbx, r.Rsi, r.Rdi, r.Rbp, r.Rsp,
		r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15, r.Rip,
	}
}

// slept need not be told where the thread slept before it was stopped: the registers say all.
func (r *Regs) slept(Sleep) {}

// looksBefore says whether slept wants to know where threads sleep before they are stopped.
const looksBefore = false

// kept returns registers with which a thread goes on as it would have.
func (r *Regs) kept() Regs { return *r }

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

// restartsByCall reports whether the system call that a stop interrupted goes on by restart_syscall(2).
func (r *Regs) restartsByCall() bool { return r.inSyscall() && r.Rax == minusERESTART_RESTART }

// beginAnew makes such a system call begin anew instead.
func (r *Regs) beginAnew() { r.Rax = minusERESTARTNOHAND }

// end makes a system call that a stop interrupted end with a result.
func (r *Regs) end(result uint64) { r.Rax = result }

// forCall returns registers that make a system call at an instruction that enters the kernel. The stack is not used.
func (r *Regs) forCall(pc uint64, nr uint64, args [6]uint64) Regs {
	c := *r
	c.Rip, c.Rax, c.Orig_rax = pc, nr, noSyscall
	c.Rdi, c.Rsi, c.Rdx, c.R10, c.R8, c.R9 = args[0], args[1], args[2], args[3], args[4], args[5]
	return c
}

// forFunction returns registers at the entry of a function with up to two arguments. The word at its stack pointer, which is aligned
// as after a call, is where it returns to.
func (r *Regs) forFunction(pc, sp, _ uint64, args [2]uint64) Regs {
	c := *r
	c.Rip, c.Rax, c.Orig_rax, c.Rsp = pc, 0, noSyscall, sp
	c.Rdi, c.Rsi = args[0], args[1]
	c.Eflags &^= 1 << 10 // direction flag
	return c
}

// SystemCall returns the number of the system call that a thread was stopped in.
func (r *Regs) SystemCall() (number uint64, inside bool) { return r.Orig_rax, r.inSyscall() }

// callCode makes the system call that the registers ask for, then gives the thread its own registers r and lets it go on where it
// was. Only when this program is killed meanwhile does a thread come to the latter. It uses no memory but its own bytes.
func (r *Regs) callCode(uint64) (code []byte, ok bool) {
	return r.appendGoOn(slices.Clone(syscallInsn)), true
}

// callCodeSize is the length of callCode in bytes.
var callCodeSize = len(new(Regs).appendGoOn(slices.Clone(syscallInsn)))

// isCallCode reports whether bytes are what callCode gives for some registers.
func isCallCode(code []byte) bool {
	none := Regs{}
	ones := ^uint64(0)
	all := Regs{Rax: ones, Rcx: ones, Rdx: ones, Rsi: ones, Rdi: ones, R8: ones, R9: ones, R10: ones, R11: ones, Rip: ones, Orig_rax: ones}
	low, _ := none.callCode(0)
	high, _ := all.callCode(0)
	if len(code) != len(low) {
		return false
	}
	for i := range code {
		if low[i] == high[i] && code[i] != low[i] {
			return false
		}
	}
	return true
}

// returnCode is where a function of the program returns to that was called on a stack of ours. A function whose result is wanted
// returns to its system call instruction, at returnRun; else its first byte keeps the result and asks for rt_sigprocmask(2), which gives the thread its
// signal mask. Then it pops the flags and goes on like callCode.
func (r *Regs) returnCode(mask uint64) []byte {
	code := []byte{
		0x49, 0x89, 0xc1, // mov %rax,%r9
		0xb8, unix.SYS_RT_SIGPROCMASK, 0, 0, 0, // mov $SYS_rt_sigprocmask,%eax
		0xbf, unix.SIG_SETMASK, 0, 0, 0, // mov $SIG_SETMASK,%edi
		0x48, 0x8d, 0x35, 0, 0, 0, 0, // lea mask(%rip),%rsi
		0x31, 0xd2, // xor %edx,%edx
		0x41, 0xba, 8, 0, 0, 0, // mov $8,%r10d
	}
	const afterLea = 20
	code = append(code, syscallInsn...)
	code = append(code, 0x9d)                                                // popf
	code = binary.LittleEndian.AppendUint64(append(code, 0x48, 0xbc), r.Rsp) // movabs $rsp,%rsp
	code = r.appendGoOn(code)
	binary.LittleEndian.PutUint32(code[afterLea-4:], uint32(len(code)-afterLea))
	return binary.LittleEndian.AppendUint64(code, mask)
}

// Where functions return to in returnCode, in bytes from its start, where a thread is that has entered the system call there, and the number of that
// which a function without a result enters, and which gives the thread its signal mask.
const (
	returnRun, returnExecute = 28, 0
	afterReturn              = 30
	returnNumber             = unix.SYS_RT_SIGPROCMASK
	returnUnblocks           = true
)

// ownTop is how many bytes below the end of a stack of ours its stack pointer is when a function begins: two words lie above, and it is aligned as
// after a call.
const ownTop = 24

// frameHoldsVectors says whether ownFrame wants vector registers.
const frameHoldsVectors = false

// ownFrame is what a function finds at the top of a stack of ours: where it returns to, and the flags for returnCode.
func (r *Regs) ownFrame(returnTo, _ uint64, _ []byte) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, returnTo), r.Eflags)
}

// appendGoOn appends code that sets the registers which a system call reads or changes, and jumps to where the thread was.
func (r *Regs) appendGoOn(code []byte) []byte {
	rax, pc := r.goOn()
	for _, load := range []struct {
		rex, opcode byte // movabs $value,%register
		value       uint64
	}{
		{0x48, 0xb8, rax},
		{0x48, 0xb9, r.Rcx},
		{0x48, 0xba, r.Rdx},
		{0x48, 0xbe, r.Rsi},
		{0x48, 0xbf, r.Rdi},
		{0x49, 0xb8, r.R8},
		{0x49, 0xb9, r.R9},
		{0x49, 0xba, r.R10},
		{0x49, 0xbb, r.R11},
	} {
		code = binary.LittleEndian.AppendUint64(append(code, load.rex, load.opcode), load.value)
	}
	code = append(code, 0xff, 0x25, 0, 0, 0, 0) // jmp *0(%rip)
	return binary.LittleEndian.AppendUint64(code, pc)
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

// called returns a system call's number at its entry.
func (r *Regs) called() uint64 { return r.Orig_rax }

// restoresAtExit says that a thread which ran code of its own may be given its registers back at the exit of a system call for us: nothing
// that the kernel does on the way out depends on the call.
const restoresAtExit = true

// returned returns what a function of ours has returned, at the entry of the system call that it has returned to.
func (r *Regs) returned() uint64 { return r.Orig_rax }

// returnedValue is what a function returned that has come back to returnCode, at its system call.
func (r *Regs) returnedValue() uint64 { return r.R9 }

// noCall makes the system call at whose entry a thread is one that does nothing.
func (r *Regs) noCall(tid int) error {
	r.Orig_rax = noSyscall
	return setRegs(tid, r)
}

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

// stepsOverBreakpoints says whether a thread needs a step with all breakpoints disabled to go on from one.
const stepsOverBreakpoints = false

// ownTimeouts are those of timeouts that not every machine has.
var ownTimeouts = map[int64]timeout{unix.SYS_EPOLL_WAIT: {milliseconds, 3, 0}}

// ownForbiddenCalls are those of forbiddenCalls that not every machine has.
var ownForbiddenCalls = []uint64{unix.SYS_FORK, unix.SYS_VFORK}

// syscallInsn is the instruction that enters the kernel.
var syscallInsn = arch.X86_64.Syscall

// codeAlign is what the address of an instruction is a multiple of, in bytes.
const codeAlign = 1

// xStates name the register set of the floating-point and vector registers (NT_X86_XSTATE of <elf.h>).
var xStates = []uintptr{0x202}

func getRegs(tid int) (Regs, error) {
	var r unix.PtraceRegs
	err := unix.PtraceGetRegs(tid, &r)
	return Regs(r), err
}

func setRegs(tid int, r *Regs) error { return unix.PtraceSetRegs(tid, (*unix.PtraceRegs)(r)) }
