package unwind

import "bytes"

// restorers are the instruction sequences that end a signal handler by rt_sigreturn (system call 15). The kernel expects
// nothing else of them, so C libraries without CFI for theirs (musl) and programs with their own use these.
var restorers = [][]byte{
	{0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05}, // mov $15,%rax; syscall
	{0xb8, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05},             // mov $15,%eax; syscall
}

// sigcontextAt is the offset in bytes of struct sigcontext in struct ucontext of the kernel's rt_sigframe
// (Linux arch/x86/include/uapi/asm/ucontext.h): after uc_flags, uc_link and uc_stack.
const sigcontextAt = 8 + 8 + 24

// sigcontextRegs are the DWARF numbers of the first registers of struct sigcontext, in order, 8 bytes each:
// r8-r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip.
var sigcontextRegs = [...]int{8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, regSP, regPC}

// restorer unwinds a frame without CFI whose next instructions are those of a restorer: on return from the handler the
// stack pointer is at the ucontext. It returns otherwise unless this is one.
func (w *Walker) restorer(s *state, f *Frame, otherwise error) error {
	var code [9]byte
	pc := s.regs[regPC]
	if n, _ := s.mem.r.ReadAt(code[:], int64(pc)); !isRestorer(code[:max(n, 0)]) {
		return otherwise
	}
	caller := *s
	for i, n := range sigcontextRegs {
		v, err := s.mem.u64(f.SP + sigcontextAt + uint64(8*i))
		if err != nil {
			return err
		}
		caller.set(n, v)
	}
	*s = caller
	f.At, f.CFA, f.Signal = f.PC, s.regs[regSP], true
	return nil
}

func isRestorer(code []byte) bool {
	for _, r := range restorers {
		if bytes.HasPrefix(code, r) {
			return true
		}
	}
	return false
}
