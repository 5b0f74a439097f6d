package engine

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// ticks waits 500 ms at a time in the call that its argument names, in its first thread, and prints how long each took. A line makes it say "late" when
// 300 ms of a wait are over, and when that began, in milliseconds since 1970. With "inside", another thread is in work() for ever.
const ticks = `
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#define NOINLINE __attribute__((noinline, noclone))
static volatile int begun;
static volatile long began;
static int pair[2], set, semaphores;
static sigset_t signals;
NOINLINE int work(int x) { volatile int y = x; while (y) pause(); return 1; }
static void *inside(void *arg) { work(1); return 0; }
static long ms(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
static void *teller(void *arg)
{
	char line[16];
	while (read(0, line, sizeof line) > 0) {
		int now = begun;
		while (begun == now)
			usleep(500);
		usleep(300000);
		printf("late %ld\n", began);
	}
	return 0;
}
static int wait_once(const char *how)
{
	struct timespec t = {0, 500000000};
	struct timeval tv = {0, 500000};
	struct epoll_event event;
	struct sembuf down = {0, -1, 0};
	char c;
	int word = 0;
	if (!strcmp(how, "epoll_wait")) return epoll_wait(set, &event, 1, 500);
	if (!strcmp(how, "poll")) return poll(0, 0, 500);
	if (!strcmp(how, "select")) return select(0, 0, 0, 0, &tv);
	if (!strcmp(how, "nanosleep")) return nanosleep(&t, 0);
	if (!strcmp(how, "futex")) return syscall(SYS_futex, &word, 0, 0, &t, 0, 0);
	if (!strcmp(how, "recv")) return recv(pair[0], &c, 1, 0);
	if (!strcmp(how, "read")) return read(pair[0], &c, 1);
	if (!strcmp(how, "sigtimedwait")) return sigtimedwait(&signals, 0, &t);
	return semtimedop(semaphores, &down, 1, &t);
}
int main(int argc, char **argv)
{
	pthread_t t;
	struct timeval tv = {0, 500000};
	setvbuf(stdout, 0, _IOLBF, 0);
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR2);
	sigprocmask(SIG_BLOCK, &signals, 0);
	set = epoll_create1(0);
	socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	semaphores = semget(IPC_PRIVATE, 1, 0600);
	pthread_create(&t, 0, teller, 0);
	if (argc > 2)
		pthread_create(&t, 0, inside, 0);
	for (;;) {
		long from = ms(CLOCK_MONOTONIC);
		began = ms(CLOCK_REALTIME);
		begun++;
		int r = wait_once(argv[1]);
		printf("tick %ld %s\n", ms(CLOCK_MONOTONIC) - from, r < 0 && errno == EINTR ? "EINTR" : "ended");
	}
}`

// TestTicks: time-outs of the program come when they should, over a wait in vain and over a stop when a time-out is nearly over. Several of these calls
// would begin anew with each stop.
func TestTicks(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, ticks, []string{"-O2", "-pthread", "-w"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: `int work(int x) { return 2; }`})
	for _, how := range []string{"epoll_wait", "poll", "select", "nanosleep", "futex", "recv", "read", "sigtimedwait", "semtimedop"} {
		t.Run(how+", in vain", func(t *testing.T) {
			t.Parallel()
			p := testkit.Start(t, program, how, "inside")
			testkit.InTime(t, func() (late, counts bool) {
				p.Drain()
				p.WaitLine("tick")
				_, err := apply(t, p.PID, Options{Wait: 1500 * time.Millisecond, Hold: 100 * time.Millisecond}, patch)
				wantBusy(t, err, "work")
				for range 4 {
					late = isLate(t, p.WaitLine("tick")) || late
				}
				return late, true
			})
		})
		t.Run(how+", once", func(t *testing.T) {
			t.Parallel()
			p := testkit.Start(t, program, how)
			testkit.InTime(t, func() (late, counts bool) {
				stopped := applyLate(t, p, loadFile(t, patch))
				late = isLate(t, p.WaitLine("tick"))
				isLate(t, p.WaitLine("tick")) // nothing disturbs this one
				mustRevert(t, p.PID, "0001")
				return late, stopped < 490*time.Millisecond
			})
		})
	}
}

// longer is always in work(), which waits 2 s, and prints how long that took. Its child says "late" when 300 ms of a wait are over.
const longer = `
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
static int begun[2], set;
static long ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
__attribute__((noipa)) int work(int x)
{
	struct epoll_event event;
	long from = ms();
	write(begun[1], "", 1);
	epoll_wait(set, &event, 1, 2000);
	return ms() - from;
}
int main(void)
{
	char c;
	setvbuf(stdout, 0, _IOLBF, 0);
	pipe(begun);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (read(begun[0], &c, 1) == 1) {
			usleep(300000);
			puts("late");
		}
		return 0;
	}
	set = epoll_create1(0);
	for (;;)
		printf("tick %d\n", work(0));
}`

// TestLongTick: a time-out that was made to begin anew when more than a second of it was left ends when it should, if that is while the patch waits.
func TestLongTick(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	t.Parallel()
	program := testkit.CCText(t, longer, []string{"-O2", "-w"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: `int usleep(unsigned); int work(int x) { usleep(1000); return -1; }`})
	p := testkit.Start(t, program)
	testkit.InTime(t, func() (late, counts bool) {
		p.Drain()
		p.WaitLine("late")
		opt := Options{Wait: time.Minute, Hold: 100 * time.Millisecond}
		if _, err := apply(t, p.PID, opt, patch); err != nil {
			t.Fatal(err)
		}
		var ms int
		if _, err := fmt.Sscanf(p.WaitLine("tick"), "tick %d", &ms); err != nil || ms < 1999 {
			t.Errorf("%d ms, %v", ms, err)
		}
		if _, err := revert(t, p.PID, opt, "0001"); err != nil {
			t.Fatal(err)
		}
		return ms >= 1999+300, true
	})
}

// applyLate applies a patch when a wait is nearly over, and returns how much of the wait was over when that was done.
func applyLate(t *testing.T, p *testkit.Proc, f *File) (since time.Duration) {
	t.Helper()
	h := mustHold(t, p.PID)
	defer h.Release()
	plan, err := h.Plan(context.Background(), Request{Files: []*File{f}})
	if err != nil {
		t.Fatal(err)
	}
	p.Send("")
	var began int64
	if _, err := fmt.Sscanf(p.WaitLine("late"), "late %d", &began); err != nil {
		t.Fatal(err)
	}
	// progress is told last when the process runs again
	opt := Options{Wait: 5 * time.Second, Progress: func(string, ...any) { since = time.Since(time.UnixMilli(began)) }}
	if _, err := h.Apply(context.Background(), plan, opt); err != nil {
		t.Fatal(err)
	}
	return since
}

// isLate reports whether a wait of 500 ms was as long as one that begins anew when 300 ms of it are over. It is never shorter than it should be,
// but that the kernel counts the time-outs of sockets in ticks, of which an interrupted one may lose the one that has begun: 4 ms in the emulator's.
func isLate(t testing.TB, line string) bool {
	t.Helper()
	var ms int
	var how string
	shortest := 499
	if os.Getenv("CARE_EMULATED") != "" {
		shortest -= 4
	}
	if _, err := fmt.Sscanf(strings.TrimSpace(line), "tick %d %s", &ms, &how); err != nil || ms < shortest || how != "ended" {
		t.Errorf("%q, %v", line, err)
	}
	return ms >= 300+499
}

// workers has a thread of the kernel's in its thread group: a worker of io_uring or, with an argument, its poller.
const workers = `
#include <linux/io_uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
__attribute__((noinline)) int value(int x) { __asm__ volatile("nop; nop; nop; nop"); return x + 1; }
int main(int argc, char **argv)
{
	struct io_uring_params p;
	static char buf[8];
	int ends[2];
	memset(&p, 0, sizeof p);
	if (argc > 1) {
		p.flags = IORING_SETUP_SQPOLL;
		p.sq_thread_idle = 1000000;
	}
	setvbuf(stdout, 0, _IOLBF, 0);
	int fd = syscall(SYS_io_uring_setup, 4, &p);
	if (fd < 0) {
		puts("none");
		return 0;
	}
	char *ring = mmap(0, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
	struct io_uring_sqe *e = mmap(0, p.sq_entries * sizeof *e, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
	pipe(ends);
	memset(e, 0, sizeof *e);
	e->opcode = IORING_OP_READ;
	e->fd = ends[0];
	e->addr = (unsigned long)buf;
	e->len = 1;
	if (argc == 1)
		e->flags = IOSQE_ASYNC;
	((unsigned *)(ring + p.sq_off.array))[0] = 0;
	__atomic_store_n((unsigned *)(ring + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (argc == 1)
		syscall(SYS_io_uring_enter, fd, 1, 0, 0, 0, 0);
	puts("ready");
	for (;;) {
		usleep(50000); // a thread that waits for ever would be taken for our system calls first
		printf("value %d\n", value(0));
	}
}`

// TestKernelWorkers: threads of the kernel's in the thread group run no code of the program, and cannot be attached to.
func TestKernelWorkers(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, workers, []string{"-O2", "-w"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: `int value(int x) { return x + 2; }`})
	for _, args := range [][]string{nil, {"poller"}} {
		t.Run(fmt.Sprint(args), func(t *testing.T) {
			p := testkit.Start(t, program, args...)
			if p.Next() == "none" {
				t.Skip("no io_uring here")
			}
			if len(look(t, p.PID).Threads) != 2 {
				t.Skip("the kernel needs no worker for it")
			}
			mustApply(t, p.PID, patch)
			p.WaitLine("value 2")
			mustRevert(t, p.PID, "0001")
		})
	}
}
