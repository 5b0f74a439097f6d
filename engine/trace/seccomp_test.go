package trace

import (
	"os"
	"strconv"
	"testing"

	"gocare/internal/test/testkit"
)

// TestAllFiltered: each thread has filters of its own.
func TestAllFiltered(t *testing.T) {
	testkit.Require(t, "gcc")
	program := testkit.CCText(t, `
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
static void filter(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { 1, &allow };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) puts("failed");
}
static void *other(void *who)
{
	if (strchr(who, 'o')) filter();
	puts("ready"); fflush(stdout);
	for (;;) pause();
}
int main(int argc, char **argv)
{
	pthread_t t;
	pthread_create(&t, 0, other, argv[1]);
	if (strchr(argv[1], 'l')) filter();
	puts("ready"); fflush(stdout);
	for (;;) pause();
}`, []string{"-O2", "-pthread"})
	for _, tt := range []struct {
		name, who string
		want      bool
	}{
		{"no thread", "-", false},
		{"the leader alone", "l", false},
		{"another alone", "o", false},
		{"all", "lo", true},
	} {
		p := testkit.Start(t, program, tt.who)
		p.WaitLine("ready")
		p.WaitLine("ready")
		if got := AllFiltered(p.PID); got != tt.want {
			t.Errorf("%s has a filter: %t", tt.name, got)
		}
	}
	if AllFiltered(1 << 30) {
		t.Error("of no process")
	}
}

// TestTracer: who traces any thread of a process is its tracer.
func TestTracer(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	p := testkit.Start(t, testkit.CCText(t, `
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static void *other(void *a) { printf("%d\n", gettid()); fflush(stdout); for (;;) pause(); return a; }
int main(void) { pthread_t t; pthread_create(&t, 0, other, 0); for (;;) pause(); }`, []string{"-O2", "-pthread", "-D_GNU_SOURCE"}))
	tid, err := strconv.Atoi(p.Next())
	if err != nil {
		t.Fatal(err)
	}
	if by := Tracer(p.PID); by != 0 {
		t.Errorf("traced by %d", by)
	}
	err = Do(t.Context(), p.PID, func(s *Session) error {
		_, err := s.Attach(tid)
		if by := Tracer(p.PID); by != os.Getpid() {
			t.Errorf("traced by %d", by)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
