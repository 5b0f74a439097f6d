package engine

import (
	"strings"
	"testing"

	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// sleepers has a thread in each of several system calls. A thread that sees one fail with EINTR says so and ends the
// program; each line of input wakes them all, so that the calls are seen to work.
const sleepers = `
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static volatile int done, value_is;
static int futex_word, fds[2];
__attribute__((noinline)) int value(int x) { value_is = x; return x + 1; }
static void check(const char *what, long r)
{
	if (r < 0 && errno != EAGAIN && errno != ETIMEDOUT) {
		printf("%s: %s\n", what, strerror(errno));
		exit(1);
	}
}
static void *t_nanosleep(void *a) { struct timespec ts = {2, 0}; for (;;) check(a, nanosleep(&ts, 0)); }
static void *t_clock(void *a) { struct timespec ts = {2, 0}; for (;;) { errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, 0); check(a, -!!errno); } }
static void *t_epoll(void *a) { struct epoll_event e; int fd = epoll_create1(0); for (;;) check(a, epoll_wait(fd, &e, 1, 2000)); }
static void *t_epoll_forever(void *a) { struct epoll_event e; int fd = epoll_create1(0); for (;;) check(a, epoll_wait(fd, &e, 1, -1)); }
static void *t_recv(void *a)
{
	int s[2];
	char c;
	struct timeval tv = {2, 0};
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	for (;;) check(a, recv(s[0], &c, 1, 0));
}
static void *t_futex(void *a) { struct timespec ts = {2, 0}; for (;;) check(a, syscall(SYS_futex, &futex_word, FUTEX_WAIT, 0, &ts, 0, 0)); }
static void *t_futex_forever(void *a) { for (;;) check(a, syscall(SYS_futex, &futex_word, FUTEX_WAIT, 0, 0, 0, 0)); }
static void *t_poll(void *a) { struct pollfd p = {-1}; for (;;) check(a, poll(&p, 1, 2000)); }
static void *t_select(void *a) { for (;;) { struct timeval tv = {2, 0}; check(a, select(0, 0, 0, 0, &tv)); } }
static void *t_sem(void *a)
{
	struct sembuf op = {0, -1, 0};
	struct timespec ts = {2, 0};
	int id = semget(IPC_PRIVATE, 1, 0600);
	union { int val; } arg = {0};
	semctl(id, 0, SETVAL, arg);
	for (;;) check(a, semtimedop(id, &op, 1, &ts));
}
static void *t_sigwait(void *a)
{
	sigset_t set;
	struct timespec ts = {2, 0};
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	for (;;) check(a, sigtimedwait(&set, 0, &ts));
}
int main(void)
{
	static const struct { const char *name; void *(*f)(void *); } list[] = {
		{"nanosleep", t_nanosleep}, {"clock_nanosleep", t_clock}, {"epoll_wait", t_epoll}, {"epoll_wait without end", t_epoll_forever},
		{"recv", t_recv}, {"futex", t_futex}, {"futex without end", t_futex_forever}, {"poll", t_poll}, {"select", t_select},
		{"semtimedop", t_sem}, {"sigtimedwait", t_sigwait},
	};
	char line[64];
	pthread_t t;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, 0);
	setvbuf(stdout, 0, _IOLBF, 0);
	for (int i = 0; i < sizeof list / sizeof list[0]; i++)
		pthread_create(&t, 0, list[i].f, (void *)list[i].name);
	usleep(50000);
	puts("ready");
	while (read(0, line, 1) == 1)
		if (line[0] == '\n')
			printf("value %d\n", value(40));
	return 0;
}`

// TestSystemCallsGoOn: no system call of the target ends early for being stopped.
func TestSystemCallsGoOn(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, sleepers, []string{"-O2", "-pthread", "-w"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: `int value(int x) { return x + 2; }`})
	p := testkit.Start(t, program)
	p.WaitLine("ready")
	for i := 0; i < 20; i++ {
		mustApply(t, p.PID, patch)
		p.Send("")
		if got := p.Next(); got != "value 42" {
			t.Fatalf("patched: %q", got)
		}
		mustRevert(t, p.PID, "0001")
		p.Send("")
		if got := p.Next(); got != "value 41" {
			t.Fatalf("removed: %q", got)
		}
	}
}

// TestOnlyThread: a target whose only thread is in each of those calls, again and again: then calls for us are made from there.
func TestOnlyThread(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	for _, tt := range []struct{ name, call string }{
		{"nanosleep", "struct timespec ts = {0, 300000000}; r = nanosleep(&ts, 0)"},
		{"epoll_wait", "struct epoll_event e; r = epoll_wait(set, &e, 1, 300)"},
		{"poll", "struct pollfd p = {-1}; r = poll(&p, 1, 300)"},
		{"spinning", "for (long i = 0; i < 300000000L; i++) __asm__ volatile(\"\")"},
		{"spinning below the stack pointer", `__asm__ volatile(
			"movq $0x1234567, -64(%%rsp)\n"
			"mov $300000000, %%rcx\n"
			"1: dec %%rcx\n"
			"jnz 1b\n"
			"cmpq $0x1234567, -64(%%rsp)\n"
			"je 2f\n"
			"ud2\n"
			"2:" ::: "rcx", "cc", "memory")`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if strings.Contains(tt.call, "%%rsp") {
				onlyOn(t, "amd64") // aarch64 has no such room
			}
			program := testkit.CCText(t, strings.ReplaceAll(`
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>
__attribute__((noinline)) int value(int x) { __asm__ volatile("nop; nop; nop"); return x + 1; }
int main(void)
{
	char c;
	int r = 0, set = epoll_create1(0);
	puts("before");
	fflush(stdout);
	do { CALL; } while (!r && value(40) != 43);
	printf("result %d %s value %d\n", r, r ? strerror(errno) : "", value(40));
	fflush(stdout);
	return read(0, &c, 1) < 0;
}`, "CALL", tt.call), []string{"-O1", "-w"})
			patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: `int value(int x) { return x + 2; }`})
			last := handpatch.Build(t, handpatch.Spec{Program: program, Source: `int value(int x) { return x + 3; }`})
			p := testkit.Start(t, program)
			p.WaitLine("before")
			for range 5 {
				mustApply(t, p.PID, patch)
				mustRevert(t, p.PID, "0001")
			}
			mustApply(t, p.PID, last)
			expect(t, p.Next(), "result 0  value 43")
		})
	}
}
