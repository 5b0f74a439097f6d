package trace

import (
	"context"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

func wantCode(t testing.TB, err error, code fault.Code) {
	t.Helper()
	if e := fault.As(err); e == nil || e.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// TestNoSyscallInstruction: where no mapping has room for the trampoline, any system call instruction serves; a program whose
// C library is not looked at has none.
func TestNoSyscallInstruction(t *testing.T) {
	p, _ := startAlarmed(t)
	err := Do(context.Background(), p.PID, func(s *Session) error {
		if _, err := s.AttachForCall(); err != nil {
			return err
		}
		ranges, err := executable(p.PID, p.PID)
		if err != nil {
			return err
		}
		_, err = s.syscallInstruction(ranges[:1]) // the program's own code
		wantCode(t, err, "no-syscall-instruction")
		_, err = s.syscallInstruction(ranges)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestCauses: what the kernel's refusals are called.
func TestCauses(t *testing.T) {
	p, _ := startAlarmed(t)
	s := &Session{PID: p.PID}
	wantCode(t, s.cannotAttach(p.PID, unix.EIO), "attach")
	wantCode(t, s.cannotAttach(p.PID, unix.EPERM), "permission")
	denied := s.cannotAttach(p.PID, unix.EPERM)
	wantCode(t, s.seccompRefused(p.PID, denied), "permission")
	wantCode(t, s.filterRefused(p.PID), "seccomp")
	wantCode(t, s.flooded(&Thread{TID: p.PID}), "signals")
}

// restartable spends its time in a restartable sequence.
const restartable = `
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/rseq.h>
static volatile int leave;
static void spin(void) {
	struct rseq *r = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
#ifdef __aarch64__
	__asm__ volatile(
		"b 1f\n\t.balign 32\n"
		"9: .long 0, 0\n\t.quad 2f, 3f - 2f, 4f\n"
		"\t.long 0xd428bc00\n"
		"4: ldr w9, %[leave]\n\tcbnz w9, 5f\n"
		"1: adr x9, 9b\n\tstr x9, %[cs]\n"
		"2: ldr w9, %[leave]\n\tcbz w9, 2b\n"
		"3: nop\n"
		"5: str xzr, %[cs]\n"
		: [cs] "=m"(r->rseq_cs) : [leave] "m"(leave) : "x9", "memory", "cc");
#else
	__asm__ volatile(
		"jmp 1f\n\t.balign 32\n"
		"9: .long 0, 0\n\t.quad 2f, 3f - 2f, 4f\n"
		"\t.byte 0x0f, 0xb9, 0x3d\n\t.long 0x53053053\n"
		"4: cmpl $0, %[leave]\n\tjne 5f\n"
		"1: leaq 9b(%%rip), %%rax\n\tmovq %%rax, %[cs]\n"
		"2: cmpl $0, %[leave]\n\tje 2b\n"
		"3: nop\n"
		"5: movq $0, %[cs]\n"
		: [cs] "=m"(r->rseq_cs) : [leave] "m"(leave) : "rax", "memory", "cc");
#endif
}
int main(void) {
	puts("ready"); fflush(stdout);
	spin();
	return 0;
}`

// TestRestartableSequence: a thread in a restartable sequence is not made to call anything.
func TestRestartableSequence(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, restartable, []string{"-O2", "-w", "-no-pie", "-fno-pie"})
	p := testkit.Start(t, program)
	p.WaitLine("ready")
	code := ""
	for range 50 { // it is outside for a moment at the start, and each time that it is interrupted
		err := Do(context.Background(), p.PID, func(s *Session) error {
			_, err := s.AttachForCall()
			return err
		})
		if e := fault.As(err); e != nil {
			code = string(e.Code)
			break
		}
	}
	if code != "rseq" {
		t.Errorf("got %q, want rseq", code)
	}
}

// TestAllEnded: a process whose threads have all ended, and which nobody has waited for yet, has none to make a call in.
func TestAllEnded(t *testing.T) {
	p := testkit.Start(t, "/bin/cat")
	err := Do(context.Background(), p.PID, func(s *Session) error {
		if err := unix.Kill(p.PID, unix.SIGKILL); err != nil {
			return err
		}
		for threadState(p.PID, p.PID) != 'Z' {
			runtime.Gosched()
		}
		_, err := s.AttachForCall()
		wantCode(t, err, fault.NoSuchProcess)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
