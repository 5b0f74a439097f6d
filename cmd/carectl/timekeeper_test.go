package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"testing"
	"time"

	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// sleepers wait for 4 s, or as many as the argument says, in three calls that stops make begin anew, for each line that comes, and print how long that
// took in milliseconds. When 800 ms of it are over there is a line "now".
const sleepers = `
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
__attribute__((noipa)) int value(int x) { __asm__ volatile("nop; nop; nop"); return x + 1; }
static int set, pair[2], seconds = 4;
static sigset_t signals;
static long ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
static void *in_epoll(void *arg)
{
	struct epoll_event event;
	long from = ms();
	epoll_wait(set, &event, 1, 1000 * seconds);
	printf("took %ld\n", ms() - from);
	return 0;
}
static void *in_recv(void *arg)
{
	char c;
	long from = ms();
	recv(pair[0], &c, 1, 0);
	printf("took %ld\n", ms() - from);
	return 0;
}
static void *in_sigtimedwait(void *arg)
{
	struct timespec t = {seconds, 0};
	long from = ms();
	sigtimedwait(&signals, 0, &t);
	printf("took %ld\n", ms() - from);
	return 0;
}
int main(int argc, char **argv)
{
	char line[16];
	pthread_t a, b, c;
	struct timeval tv = {0, 0};
	if (argc > 1)
		seconds = atoi(argv[1]);
	tv.tv_sec = seconds;
	setvbuf(stdout, 0, _IOLBF, 0);
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR2);
	sigprocmask(SIG_BLOCK, &signals, 0);
	set = epoll_create1(0);
	socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	while (fgets(line, sizeof line, stdin)) {
		pthread_create(&a, 0, in_epoll, 0);
		pthread_create(&b, 0, in_recv, 0);
		pthread_create(&c, 0, in_sigtimedwait, 0);
		usleep(800000);
		puts("now");
		pthread_join(a, 0);
		pthread_join(b, 0);
		pthread_join(c, 0);
	}
	return value(-1);
}`

// TestTimekeeper: waits of which seconds are left when commands are over end when they should, though two commands came within them.
func TestTimekeeper(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	t.Parallel()
	program := testkit.CCText(t, sleepers, []string{"-O2", "-pthread", "-w"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: "int value(int x) { return x + 2; }"})
	p := testkit.Start(t, program)
	pid := strconv.Itoa(p.PID)
	testkit.InTime(t, func() (late, counts bool) {
		p.Send("")
		p.WaitLine("now")
		begun := time.Now()
		for _, args := range [][]string{{"patch", "-p", pid, patch}, {"unpatch", "-p", pid, "-i", "0001"}} {
			if r := carectl(t, args...); r.exit != 0 {
				t.Fatal(r)
			}
		}
		counts = time.Since(begun) < 1500*time.Millisecond
		for range 3 {
			var ms int
			if _, err := fmt.Sscanf(p.WaitLine("took"), "took %d", &ms); err != nil || ms < 3995 {
				t.Fatalf("%d ms, %v", ms, err)
			}
			late = late || ms >= 4700
		}
		return late, counts
	})
}

// TestTimekeeperFiles: what keeps time after a command has no file of whoever started the command, who may wait until nobody has it.
func TestTimekeeperFiles(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	t.Parallel()
	program := testkit.CCText(t, sleepers, []string{"-O2", "-pthread", "-w"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: "int value(int x) { return x + 2; }"})
	p := testkit.Start(t, program, "299")
	p.Send("")
	p.WaitLine("now")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := child("patch", "-p", strconv.Itoa(p.PID), patch)
	cmd.ExtraFiles = []*os.File{w, w, w, w}                                      // some have the numbers that our programs use
	hangs := time.AfterFunc(testkit.Deadline, func() { _ = cmd.Process.Kill() }) // it has a connection to its worker
	out, err := cmd.CombinedOutput()
	hangs.Stop()
	_ = w.Close()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_ = r.SetReadDeadline(time.Now().Add(testkit.Deadline)) // a pipe has deadlines
	if _, err := r.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the pipe is still open: %v", err)
	}
}
