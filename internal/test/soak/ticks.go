package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// waits are the calls whose time-outs are measured.
var waits = []string{"epoll_wait", "poll", "select", "nanosleep", "futex", "recv", "sigtimedwait"}

// ticks measures how late time-outs of 200 ms come in the threads of a process that is waited for in vain for 30 s, and in one that nobody waits for.
func ticks(ctx context.Context, s *soak) error {
	program, patch, _, err := s.makePatch(ctx, "ticks", strings.ReplaceAll(tickSource, "CHANGED", "0"), strings.ReplaceAll(tickSource, "CHANGED", "1"))
	if err != nil {
		return err
	}
	alone, err := talk(program)
	if err != nil {
		return err
	}
	defer alone.end()
	waited, err := talk(program)
	if err != nil {
		return err
	}
	defer waited.end()
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "carectl"), "patch", "--wait=30s", "-p", strconv.Itoa(waited.pids()[0]), patch)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 3 {
		return fmt.Errorf("carectl patch: %w\n%s", err, out)
	}
	without, err := lateness(alone)
	if err != nil {
		return err
	}
	with, err := lateness(waited)
	if err != nil {
		return err
	}
	var slow []string
	for _, wait := range waits {
		a, w := without[wait], with[wait]
		fmt.Printf("ticks: %-12s late by, over %d: %s in the median, %s at most, %d by more than %s; nobody waiting, over %d: %s, %s, %d\n",
			wait, len(w), median(w), maxOf(w), late(w), bearable, len(a), median(a), maxOf(a), late(a))
		if median(w) > bearable || late(w) > late(a)+len(w)/20 {
			slow = append(slow, wait)
		}
	}
	if slow != nil {
		return fmt.Errorf("late: %s", strings.Join(slow, ", "))
	}
	return nil
}

// bearable is by how much a time-out may be late.
const bearable = 10 * time.Millisecond

// late counts what is late by more than is bearable.
func late(list []time.Duration) (n int) {
	for _, d := range list {
		if d > bearable {
			n++
		}
	}
	return n
}

// lateness asks a program by how much its time-outs were late, in microseconds, by the call.
func lateness(t *talker) (map[string][]time.Duration, error) {
	line, err := t.ask()
	if err != nil {
		return nil, err
	}
	by := map[string][]time.Duration{}
	for field := range strings.FieldsSeq(line) {
		name, value, _ := strings.Cut(field, "=")
		n, err := strconv.Atoi(value)
		if err != nil || !slices.Contains(waits, name) {
			return nil, fmt.Errorf("%q in %q", field, line)
		}
		by[name] = append(by[name], time.Duration(n)*time.Microsecond)
	}
	for _, wait := range waits {
		if len(by[wait]) < 100 {
			return nil, fmt.Errorf("%s: %d time-outs in 30 s", wait, len(by[wait]))
		}
	}
	return by, nil
}

// tickSource has a thread for each of waits, and one that is in work() for ever.
const tickSource = `#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
enum { KINDS = 7, MOST = 1000, LENGTH = 200000 };
static const char *const names[KINDS] = {"epoll_wait", "poll", "select", "nanosleep", "futex", "recv", "sigtimedwait"};
static volatile int count[KINDS], pauses;
static int lateness[KINDS][MOST], set, pair[2];
static sigset_t signals;
__attribute__((noinline)) int work(int x) { while (x) { pauses += 1 + CHANGED; pause(); } return CHANGED; }
static void *inside(void *arg) { work(1); return arg; }
static long us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}
static void wait_once(int kind)
{
	struct timespec t = {0, LENGTH * 1000};
	struct timeval tv = {0, LENGTH};
	struct epoll_event event;
	int word = 0;
	char c;
	switch (kind) {
	case 0: epoll_wait(set, &event, 1, LENGTH / 1000); break;
	case 1: poll(0, 0, LENGTH / 1000); break;
	case 2: select(0, 0, 0, 0, &tv); break;
	case 3: nanosleep(&t, 0); break;
	case 4: syscall(SYS_futex, &word, 0, 0, &t, 0, 0); break;
	case 5: recv(pair[0], &c, 1, 0); break;
	case 6: sigtimedwait(&signals, 0, &t);
	}
}
static void *ticker(void *arg)
{
	for (long kind = (long)arg; count[kind] < MOST; count[kind]++) {
		long from = us();
		wait_once(kind);
		lateness[kind][count[kind]] = us() - from - LENGTH;
	}
	return 0;
}
int main(void)
{
	char line[64];
	pthread_t t;
	struct timeval tv = {0, LENGTH};
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR2);
	sigprocmask(SIG_BLOCK, &signals, 0);
	set = epoll_create1(0);
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) || setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv)) abort();
	for (long kind = 0; kind < KINDS; kind++)
		if (pthread_create(&t, 0, ticker, (void *)kind)) abort();
	if (pthread_create(&t, 0, inside, 0)) abort();
	while (fgets(line, sizeof line, stdin)) {
		for (int kind = 0; kind < KINDS; kind++)
			for (int i = 0; i < count[kind]; i++)
				printf("%s=%d ", names[kind], lateness[kind][i]);
		puts("");
		fflush(stdout);
	}
	return 0;
}
`
