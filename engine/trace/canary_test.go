package trace

import (
	"context"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

// tiny has one thread, which waits in read(2) on a stack of 512 bytes. All that lies below its red zone, and all that lies above its
// stack pointer, belongs to other data. It says how many bytes of these have changed.
const tiny = `
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
static struct { unsigned char below[65536], zone[128], above[512]; } data __attribute__((aligned(64)));
static volatile int runs;
__attribute__((noinline)) static long deep(int n) { volatile char room[4096]; room[0] = n; return n ? deep(n - 1) + room[0] : ++runs; }
static long result(void) { deep(10); return 77; }
static void with(int a, int b) { deep(10); runs += a * 100 + b * 1000; }
static void fails(void) { *(volatile int *)0 = 1; }
int main(void)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, 0);
	memset(&data, 0x5a, sizeof data);
	printf("%p %p %p\n", result, with, fails);
	fflush(stdout);
	for (;;) {
		char c;
		long r;
#ifdef __aarch64__
		register long x8 __asm__("x8") = SYS_read, x0 __asm__("x0") = 0, x1 __asm__("x1") = (long)&c, x2 __asm__("x2") = 1;
		__asm__ volatile("mov x19, sp; mov sp, %[sp]; svc #0; mov sp, x19"
			: "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), [sp] "r"(data.above) : "x19", "memory");
		r = x0;
#else
		__asm__ volatile("mov %%rsp, %%rbx; mov %[sp], %%rsp; syscall; mov %%rbx, %%rsp"
			: "=a"(r) : "a"(SYS_read), "D"(0), "S"(&c), "d"(1), [sp] "r"(data.above) : "rbx", "rcx", "r11", "memory");
#endif
		if (r != 1) return 0;
		int changed = 0;
		for (unsigned char *p = (void *)&data; p < (unsigned char *)(&data + 1); p++) changed += *p != 0x5a;
		printf("changed %d runs %d\n", changed, runs);
		fflush(stdout);
	}
}`

// TestStackUntouched: whatever is run in a thread, nothing is written around its stack pointer.
func TestStackUntouched(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	p := testkit.Start(t, testkit.CCText(t, tiny, []string{"-O1"}))
	var result, with, fails uint64
	if _, err := fmt.Sscanf(p.Next(), "0x%x 0x%x 0x%x", &result, &with, &fails); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		inject func(*Session, *Thread) error
		runs   int
	}{
		{"system call", func(s *Session, th *Thread) error {
			pid, err := s.Call(th, unix.SYS_GETPID)
			if int(pid) != p.PID {
				t.Errorf("getpid: %d", pid)
			}
			return err
		}, 0},
		{"system call without a cave", func(s *Session, th *Thread) error {
			s.noCave = true
			_, err := s.Call(th, unix.SYS_GETPID)
			return err
		}, 0},
		{"function with a result", func(s *Session, th *Thread) error {
			got, err := s.Run(th, result)
			if got != 77 {
				t.Errorf("result %d", got)
			}
			return err
		}, 1},
		{"function with arguments", func(s *Session, th *Thread) error { return s.Execute(th, with, 3, 2) }, 2302},
		{"function without a cave", func(s *Session, th *Thread) error { s.noCave = true; return s.Execute(th, with, 0, 0) }, 2303},
		{"function that fails", func(s *Session, th *Thread) error {
			if e := fault.As(s.Execute(th, fails)); e == nil || e.Code != fault.ResolverFailed {
				t.Errorf("got %v", e)
			}
			return nil
		}, 2303},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := mappings(t, p.PID)
			err := Do(context.Background(), p.PID, func(s *Session) error {
				th, err := s.AttachForCall()
				if err != nil {
					return err
				}
				return tt.inject(s, th)
			})
			if err != nil {
				t.Fatal(err)
			}
			p.Send("")
			if got, want := p.Next(), fmt.Sprintf("changed 0 runs %d", tt.runs); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if after := mappings(t, p.PID); after != before {
				t.Errorf("mappings before:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

// TestCaveLeft: code for a call that a killed run has left is replaced, unless a thread may still execute it.
func TestCaveLeft(t *testing.T) {
	p, _ := startAlarmed(t)
	err := Do(context.Background(), p.PID, func(s *Session) error {
		th, err := s.AttachForCall()
		if err != nil {
			return err
		}
		at, err := s.callSite(th)
		if err != nil {
			return err
		}
		code, _ := th.Regs.callCode(at)
		if !isCallCode(code) || isCallCode(make([]byte, len(code))) {
			t.Error("code for a call is not told from other bytes")
		}
		if !s.free(at, len(code)) {
			t.Error("what a killed run has left is not free")
		}
		own := th.Regs
		th.Regs = th.Regs.forCall(at, 0, [6]uint64{})
		if s.free(at, len(code)) {
			t.Error("free, while a thread executes it")
		}
		th.Regs = own
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func mappings(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
