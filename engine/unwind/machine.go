package unwind

import (
	"math/bits"

	"gocare/internal/arch"
)

// maxRegs is the number of DWARF registers that this package follows, of the machine that has most: walks copy them as arrays.
// A machine with fewer never names the rest.
const maxRegs = arch.DWARFRegisters

// Machine is what this package knows of a machine beyond what the unwind tables say. Registers have their DWARF numbers.
type Machine struct {
	frame, sp, pc int // frame pointer, stack pointer, return address
	count         int // registers that are followed: those below it
	userEnd       uint64

	// linked machines call by way of a register: a function that calls none keeps its return address there, and its stack as it was.
	linked bool
	link   int // that register
	// signs says that return addresses may be signed in the bits that no address of the process uses; address is the others.
	signs   bool
	address uint64

	// restorers are the instruction sequences that end a signal handler by rt_sigreturn. The kernel expects nothing else of
	// them, so C libraries without CFI for theirs (musl) and programs with their own use these.
	restorers      [][]byte
	sigcontextAt   uint64 // where struct sigcontext begins from the stack pointer on, when a restorer begins, in bytes
	sigcontextRegs []int  // the registers that it begins with, in order, 8 bytes each

	longestCall int                    // bytes of code that endsInCall wants
	endsInCall  func(code []byte) bool // whether code may end in a call

	code // how its code deals with the stack

	jumpBuffer *contextKind
	userState  *contextKind // ucontext_t
	// resumes tells code that a context goes on at, and that only returns, to the address in a register. May be nil.
	resumes    func(code []byte) (register int, ok bool)
	mangleTurn int // bits that a mangled register is rotated left by
	// A ucontext_t has a word at the offset mark that tells it, whatever else it holds, from its address.
	mark   int
	marked func(word, at uint64) bool
}

// code is what code of a machine does to its stack. Registers have the numbers of the instruction set.
type code struct {
	stack, base int    // stack pointer, frame pointer
	parts       uint32 // registers by which a part of a function may find its frame
	arguments   uint32 // where callers pass them
	results     uint32 // what calls return; the compiler may know that a callee leaves any other register alone
	called      int64  // bytes on the stack that a call has put there
	align       uint64 // of instructions, in bytes

	// next returns the offset, not less than one, of an instruction that may give the stack pointer another value: told fast, and the code need not
	// be one there. The length of the code if there is none.
	next   func(code []byte, from int) int
	decode func(code []byte, at uint64) step
	keeps  func(code []byte) int // the offset of the last instruction that copies the stack pointer to a register, -1 if there is none
	size   func(code []byte) int // of the instruction that code begins with, in bytes; 0 if it is none
}

// MachineOf returns what is known of a target, nil if nothing is.
func MachineOf(t *arch.Target) *Machine {
	for target, m := range machines {
		if target.Machine == t.Machine {
			return m
		}
	}
	return nil
}

// Within returns what is known of a machine in a process whose addresses lie below end: return addresses are signed in the bits above.
func (m *Machine) Within(end uint64) *Machine {
	if !m.signs {
		return m
	}
	within := *m
	within.address = 1<<bits.Len64(end-1) - 1
	return &within
}

// demangle undoes glibc's PTR_MANGLE.
func (m *Machine) demangle(v, secret uint64) uint64 {
	return bits.RotateLeft64(v, -m.mangleTurn) ^ secret
}
