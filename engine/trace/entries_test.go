package trace

import (
	"strconv"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// entering prints where f is, and calls it for a line "f", in a new thread for "t".
const entering = `
#include <pthread.h>
#include <stdio.h>
__attribute__((noinline, noclone)) void f(void) { __asm__ volatile(""); }
static void *run(void *arg) { f(); return arg; }
int main(void)
{
	char line[16];
	pthread_t t;
	printf("f is at %lx\n", (unsigned long)f);
	fflush(stdout);
	while (fgets(line, sizeof line, stdin)) {
		if (line[0] == 'f')
			f();
		if (line[0] == 't' && !pthread_create(&t, 0, run, 0))
			pthread_join(t, 0);
		puts("done");
		fflush(stdout);
	}
	return 0;
}`

// TestEntries: every thread is counted, those of which nothing was known as well.
func TestEntries(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	p := testkit.Start(t, testkit.CCText(t, entering, []string{"-O2", "-pthread"}))
	addr, err := strconv.ParseUint(strings.TrimPrefix(p.WaitLine("f is at "), "f is at "), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		line string
		none bool
	}{{"nothing", true}, {"f", false}, {"thread", false}} {
		e := CountEntries(p.PID, []uint64{addr})
		if e == nil {
			t.Fatal("breakpoints do not count")
		}
		p.Send(row.line)
		p.WaitLine("done")
		if e.None() != row.none {
			t.Errorf("%s: none: %v", row.line, e.None())
		}
		e.Close()
	}
	if CountEntries(p.PID, make([]uint64, mostAddresses+1)) != nil {
		t.Error("more addresses than breakpoints")
	}
}
