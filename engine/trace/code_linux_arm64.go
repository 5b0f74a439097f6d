package trace

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"

	"gocare/internal/arch"
)

// reloaded are the registers that forCall changes.
var reloaded = []int{0, 1, 2, 3, 4, 5, callNumber}

// callCodeSize is the length of callCode in bytes: svc, a load for each register, a jump, and what is loaded.
var callCodeSize = 4 + 4*len(reloaded) + 4 + 8*len(reloaded)

// callCode makes the system call that the registers ask for, then gives the thread its own registers r and lets it go on where it
// was; ok is false if that is too far from the address where the code is to stand. Only when this program is killed meanwhile does a
// thread come to the latter. It uses no memory but its own bytes, and no register: any may hold something of the program's.
func (r *Regs) callCode(at uint64) (code []byte, ok bool) {
	own := r.kept()
	own.restart()
	code = bytes.Clone(syscallInsn)
	words := callCodeSize - 8*len(reloaded)
	for i, n := range reloaded {
		code = word(code, loadLiteral(n, words+8*i-len(code)))
	}
	jump, ok := arch.AArch64.Hook(at+uint64(len(code)), own.user.pc)
	if !ok {
		return nil, false
	}
	code = append(code, jump...)
	for _, n := range reloaded {
		code = binary.LittleEndian.AppendUint64(code, own.user.x[n])
	}
	return code, true
}

// loadLiteral returns the load of a register from a distance in bytes.
func loadLiteral(register, distance int) uint32 {
	return 0x58000000 | uint32(distance/4)<<5 | uint32(register)
}

// isCallCode reports whether bytes are what callCode gives for some registers.
func isCallCode(code []byte) bool {
	var none Regs
	want, _ := none.callCode(0)
	fixed := 4 + 4*len(reloaded)
	return len(code) == len(want) && bytes.Equal(code[:fixed], want[:fixed]) && code[fixed+3]>>2 == want[fixed+3]>>2
}

// Where functions return to in returnCode, in bytes from its start, where a thread is that has entered the system call there, and the number
// of that.
const (
	returnRun, returnExecute = 0, 0
	afterReturn              = 8
	returnNumber             = 0xffff // of no call
	returnUnblocks           = false
)

// returnCode is where a function of the program returns to that was called on a stack of ours: it enters the kernel, with the result
// in a register. A thread comes further only when this program is killed: then rt_sigreturn(2) gives it its registers and signal mask, from what
// ownFrame has put at the top of the stack. It also forgets a wait that restart_syscall(2) would go on with.
func (r *Regs) returnCode(uint64) []byte {
	code := word(nil, moveToCallNumber(returnNumber))
	code = append(code, syscallInsn...)
	code = word(code, moveToCallNumber(unix.SYS_RT_SIGRETURN))
	return append(code, syscallInsn...)
}

// moveToCallNumber returns mov x8, #number.
func moveToCallNumber(number uint32) uint32 { return 0xd2800000 | number<<5 | callNumber }

// Layout of struct rt_sigframe (arch/arm64/kernel/signal.c) in bytes: siginfo_t, then struct ucontext with the signal mask and, from
// <asm/sigcontext.h>, struct sigcontext, whose last member begins with a struct fpsimd_context.
const (
	frameSigmask = 128 + 40
	frameContext = 128 + 176
	frameRegs    = frameContext + 8
	frameVectors = frameContext + 288
	vectorsMagic = 0x46508001
	vectorsSize  = 528
	ownFrameSize = frameVectors + vectorsSize + 16
)

// ownTop is how many bytes below the end of a stack of ours its stack pointer is when a function begins: above is room for a frame, and what the
// kernel reads behind that.
const ownTop = 8 << 10

// frameHoldsVectors says that ownFrame wants the registers of the last of xStates.
const frameHoldsVectors = true

// ownFrame is what lies at the top of a stack of ours: the frame for rt_sigreturn(2).
func (r *Regs) ownFrame(_, mask uint64, vectors []byte) []byte {
	own := r.kept()
	own.restart()
	frame := make([]byte, ownFrameSize)
	put := binary.LittleEndian.PutUint64
	put(frame[frameSigmask:], mask)
	for n, v := range own.user.x {
		put(frame[frameRegs+8*n:], v)
	}
	put(frame[frameRegs+8*31:], own.user.sp)
	put(frame[frameRegs+8*32:], own.user.pc)
	put(frame[frameRegs+8*33:], own.user.pstate)
	put(frame[frameVectors:], vectorsMagic|vectorsSize<<32)
	fillVectors(frame[frameVectors+8:frameVectors+vectorsSize], vectors)
	return frame
}

// fillVectors turns struct user_fpsimd_state (v0 to v31, fpsr, fpcr) into the rest of struct fpsimd_context (fpsr, fpcr, v0 to v31).
func fillVectors(context, state []byte) {
	const vectors = 32 * 16
	if len(state) >= vectors+8 {
		copy(context, state[vectors:vectors+8])
		copy(context[8:], state[:vectors])
	}
}
