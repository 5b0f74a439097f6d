package engine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"gocare/engine/inspect"
	"gocare/engine/trace"
	"gocare/internal/fault"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// server has threads that are nearly always in turn(), which waits as the first argument says and then prints: the second argument is their
// number.
const server = `
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>
#define NOINLINE __attribute__((noinline, noclone))
static int set, spins;
static const char *how;
static volatile long sink;
NOINLINE static void rest(void)
{
	struct epoll_event event;
	struct timeval tv = {0, 20000};
	if (!strcmp(how, "poll"))
		poll(0, 0, 20);
	else if (!strcmp(how, "epoll"))
		epoll_wait(set, &event, 1, 20);
	else if (!strcmp(how, "select"))
		select(0, 0, 0, 0, &tv);
	else if (!strcmp(how, "spin"))
		for (int i = 0; i < 1000000; i++)
			sink++;
	else
		usleep(20000);
}
NOINLINE int turn(int depth)
{
	volatile char room[64];
	room[depth] = 1;
	if (!strcmp(how, "recursion") && depth < 3)
		return turn(depth + 1) + room[depth] - 1;
	rest();
	return room[depth];
}
NOINLINE static void *loop(void *arg)
{
	int last = 0;
	for (;;) {
		int now = turn(0);
		if (now != last)
			printf("turn %d\n", now);
		last = now;
	}
	return 0;
}
int main(int argc, char **argv)
{
	pthread_t t;
	how = argv[1];
	set = epoll_create1(0);
	setvbuf(stdout, 0, _IOLBF, 0);
	for (int i = 1; i < atoi(argv[2]); i++)
		pthread_create(&t, 0, loop, 0);
	loop(0);
	return 0;
}`

// TestLeadOut: threads that are nearly always in a function, but return, are led out of it, whatever they wait in.
func TestLeadOut(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	for _, flags := range []string{"-O2", "-O0"} {
		program := testkit.CCText(t, server, []string{flags, "-pthread"})
		patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: `int usleep(unsigned); int turn(int x) { usleep(20000); return 2; }`})
		for _, tt := range []struct {
			how     string
			threads int
		}{
			{"poll", 1}, {"epoll", 1}, {"select", 1}, {"sleep", 1}, {"spin", 1}, {"recursion", 1}, {"poll", 2}, {"epoll", 50}, {"recursion", 3},
		} {
			t.Run(fmt.Sprintf("%s, %s in %d threads", flags, tt.how, tt.threads), func(t *testing.T) {
				p := testkit.Start(t, program, tt.how, fmt.Sprint(tt.threads))
				for range tt.threads {
					expect(t, p.Next(), "turn 1")
				}
				opt := Options{Wait: time.Minute, Hold: 100 * time.Millisecond, Progress: t.Logf}
				if _, err := apply(t, p.PID, opt, patch); err != nil {
					t.Fatal(err)
				}
				for range tt.threads {
					expect(t, p.Next(), "turn 2")
				}
				if _, err := revert(t, p.PID, opt, "0001"); err != nil {
					t.Fatal(err)
				}
				expect(t, p.Next(), "turn 1")
			})
		}
	}
}

// TestLeadOutKilled: when the process that leads is killed, at any moment, the threads go on. That process is this test's program once more.
func TestLeadOutKilled(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, server, []string{"-O2", "-pthread"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: `int usleep(unsigned); int turn(int x) { usleep(20000); return 2; }`})
	p := testkit.Start(t, program, "poll", "3")
	p.WaitLine("turn 1")
	for i := range 20 {
		cmd := exec.Command(os.Args[0], leadArgument, strconv.Itoa(p.PID), patch)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i) * time.Millisecond) // when the kill comes: it is not to wait for anything
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	}
	if _, err := apply(t, p.PID, Options{Wait: time.Minute, Hold: 100 * time.Millisecond}, patch); err != nil {
		t.Fatal(err)
	}
	p.WaitLine("turn 2")
}

const leadArgument = "lead"

func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == leadArgument {
		lead(os.Args[2], os.Args[3])
		return
	}
	os.Exit(m.Run())
}

// lead leads threads out, in vain, until it is killed; it writes a byte when it begins.
func lead(process, patch string) {
	pid, _ := strconv.Atoi(process)
	f, _ := LoadFile(patch, nil)
	p, _ := inspect.Read(pid)
	plan, err := NewPlan(p, Request{Files: []*File{f}})
	if err != nil {
		panic(err)
	}
	c := newChange(p, nil, plan.Code(), nil)
	opt := Options{Wait: time.Minute, Hold: time.Minute, waits: trace.NewWaits(pid, nil), Progress: func(string, ...any) { fmt.Print("x") }}
	for {
		_, _ = c.commit(context.Background(), opt)
	}
}

// TestLeadOutNever: a thread that never leaves is not worth holding up others for; the hint says what was seen.
func TestLeadOutNever(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, occupied, []string{"-O2", "-pthread"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: `int work(int x) { return 2; }`})
	p := testkit.Start(t, program, "call", "0")
	p.WaitLine("inside")
	_, err := apply(t, p.PID, Options{Wait: 300 * time.Millisecond, Hold: 50 * time.Millisecond}, patch)
	wantBusy(t, err, "work")
	if hint := fault.As(err).Hint; !strings.Contains(hint, "did not leave the function in ") {
		t.Errorf("hint %q", hint)
	}
	noRegion(t, p.PID)
}
