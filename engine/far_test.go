package engine

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"gocare/engine/trace"
	"gocare/internal/arch"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
	"gocare/kpatch"
)

// reserve is C text that leaves no free address within reach of calls on aarch64, or anywhere else.
const reserve = `
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>
static int map(unsigned long at, unsigned long size)
{
	return mmap((void *)at, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) == (void *)at;
}
static void fill(unsigned long from, unsigned long to)
{
	const unsigned long step = 1 << 20, page = sysconf(_SC_PAGESIZE);
	for (from &= -step; from < to; from += step)
		if (!map(from, step))
			for (unsigned long at = from; at < from + step; at += page) map(at, page);
}
static inline void reserve(void *code) { fill((unsigned long)code - (130 << 20), (unsigned long)code + (130 << 20)); }
`

// reserved has a program that knows the command f reserve what is around its code.
func reserved(t *testing.T, p *testkit.Proc) {
	t.Helper()
	if arch.Host().WithFarHooks() == nil {
		t.Skip("all hooks reach what accesses reach")
	}
	p.Send("f")
	p.Next()
}

// crowded is a program that reserves what is around its code. As the first instructions of some functions say nothing of pointers, the processor
// may let no jump through a register lead to leaf.
const crowded = reserve + `
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
static int seen;
__attribute__((noinline)) static int leaf(int x) { __asm__ volatile("nop; nop; nop"); return x + 1; }
__attribute__((noinline)) int value(int x) { seen++; return leaf(x) + 40; }
__attribute__((noinline)) int other(int x) { __asm__ volatile("nop; nop; nop; nop"); return x + 2; }
__attribute__((noinline)) int tiny(void) { return 3; }
int entered(void), named(void), within(void);
__asm__(".text\n.balign 16\n.global entered, named, within\n.type entered, %function\n.type named, %function\n"
	"entered: hint #34\n mov w0, #5\n.Lmiddle: nop\n nop\n ret\n.size entered, .-entered\n"
	"b .Lmiddle\n"
	"named: hint #34\n mov w0, #6\nwithin: nop\n nop\n ret\n.size named, .-named\n");
static unsigned long pc;
static void interrupted(int sig, siginfo_t *info, void *context)
{
	unsigned long *at = (unsigned long *)&((ucontext_t *)context)->uc_mcontext.pc;
	char c;
	pc = *at;
	*at = (unsigned long)value + 8; // behind the first instruction of a jump there
	puts("interrupted");
	while (read(0, &c, 1) == 1 && c != '\n');
	*at = pc;
}
int main(void)
{
	struct sigaction action = {.sa_sigaction = interrupted, .sa_flags = SA_SIGINFO};
	char line[64];
	sigaction(SIGUSR1, &action, 0);
	setvbuf(stdout, 0, _IOLBF, 0);
	setvbuf(stdin, 0, _IONBF, 0);
	puts("ready");
	while (fgets(line, sizeof line, stdin)) {
		if (*line == 'f') reserve(main);
		if (*line == 'i') raise(SIGUSR1);
		if (*line == 'u') munmap((void *)(((unsigned long)main & -1ul << 20) - (64 << 20)), 1 << 20);
		printf("%d %d %d\n", value(0), other(0), tiny());
	}
	return 0;
}`

// roomy skips a test that begins with room within reach of calls.
func roomy(t *testing.T) {
	t.Helper()
	if *farOnly {
		t.Skip("-far leaves no room")
	}
}

// crowd is a running crowded program.
type crowd struct {
	*session
	program string
}

func startCrowded(t *testing.T) *crowd {
	t.Helper()
	onlyOn(t, "arm64")
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, crowded, []string{"-O2"})
	c := &crowd{&session{testkit.Start(t, program)}, program}
	c.p.WaitLine("ready")
	return c
}

func (c *crowd) patch(t *testing.T, id, source string) string {
	t.Helper()
	return handpatch.Build(t, handpatch.Spec{Program: c.program, ID: id, Source: source})
}

// far reports whether a live patch has far hooks, and fails where its region and its hooks say different things.
func (c *crowd) far(t *testing.T, id string) bool {
	t.Helper()
	l := liveRegion(t, c.p.PID, id)
	magic := kpatch.MagicIn(l.Machine)
	if !bytes.HasPrefix(l.Raw[:], []byte(magic)) {
		t.Errorf("patch %s begins with %q", id, l.Raw[:8])
	}
	for _, f := range l.Functions {
		if near, _ := arch.AArch64.Hook(uint64(f.Old), uint64(f.New)); f.Old != 0 && near == nil && !l.Machine.FarHooks {
			t.Errorf("patch %s: %s at %#x, %#x", id, f.Name, uint64(f.Old), uint64(f.New))
		}
	}
	return l.Machine.FarHooks
}

const (
	callsLeaf = "extern int seen; int leaf(int); int other(int); int value(int x) { seen++; return leaf(x) + other(x) + 50; }"
	more      = "int leaf(int); int value(int x) { return leaf(x) + 59; } int other(int x) { return x + 70; }"
)

// TestFar: where calls do not reach the patch, nor it the program, both go by longer ways.
func TestFar(t *testing.T) {
	c := startCrowded(t)
	one, two := c.patch(t, "0001", callsLeaf), c.patch(t, "0002", more)
	expect(t, c.ask(), "41 2 3")
	reserved(t, c.p)
	for range 2 { // once more where it was
		mustApply(t, c.p.PID, one)
		expect(t, c.ask(), "53 2 3")
		if !c.far(t, "0001") {
			t.Error("there was room")
		}
		mustRevert(t, c.p.PID, "0001")
		expect(t, c.ask(), "41 2 3")
	}
	mustApply(t, c.p.PID, one)
	mustApply(t, c.p.PID, two)
	expect(t, c.ask(), "60 70 3")
	list, err := List(look(t, c.p.PID))
	if err != nil || len(list) != 2 || strings.Join(list[0].Inactive, " ") != "value" || len(list[1].Inactive) != 0 {
		t.Errorf("list %+v, %v", list, err)
	}
	mustRevert(t, c.p.PID, "0001")
	expect(t, c.ask(), "60 70 3")
	mustRevert(t, c.p.PID, "0002")
	expect(t, c.ask(), "41 2 3")
	if _, err := applyFiles(t, c.p.PID, Options{}, []*File{loadFile(t, one), loadFile(t, two)}); err != nil {
		t.Fatal(err)
	}
	expect(t, c.ask(), "60 70 3")
	mustRevert(t, c.p.PID, "0002")
	expect(t, c.ask(), "53 2 3")
}

// TestFarOverNear: a longer jump may lie over a shorter one, which comes back with the rest of the code, or is taken from under it.
func TestFarOverNear(t *testing.T) {
	roomy(t)
	for _, first := range []string{"0001", "0002"} {
		c := startCrowded(t)
		mustApply(t, c.p.PID, c.patch(t, "0001", callsLeaf))
		reserved(t, c.p)
		mustApply(t, c.p.PID, c.patch(t, "0002", more))
		expect(t, c.ask(), "60 70 3")
		if c.far(t, "0001") || !c.far(t, "0002") {
			t.Error("the first is far, or the second is not")
		}
		mustRevert(t, c.p.PID, first)
		expect(t, c.ask(), map[string]string{"0001": "60 70 3", "0002": "53 2 3"}[first])
		mustRevert(t, c.p.PID, map[string]string{"0001": "0002", "0002": "0001"}[first])
		expect(t, c.ask(), "41 2 3")
	}
}

// TestFarAbove: what lies over a longer jump is one, too, though there may be room by then.
func TestFarAbove(t *testing.T) {
	roomy(t)
	c := startCrowded(t)
	reserved(t, c.p)
	mustApply(t, c.p.PID, c.patch(t, "0001", "int other(int x) { return x + 80; }"))
	c.p.Send("u")
	expect(t, c.p.Next(), "41 80 3")
	mustApply(t, c.p.PID, c.patch(t, "0002", more))
	expect(t, c.ask(), "60 70 3")
	if !c.far(t, "0002") {
		t.Error("a jump cuts another")
	}
	mustRevert(t, c.p.PID, "0001")
	expect(t, c.ask(), "60 70 3")
	mustRevert(t, c.p.PID, "0002")
	expect(t, c.ask(), "41 2 3")
	mustApply(t, c.p.PID, c.patch(t, "0003", callsLeaf))
	if c.far(t, "0003") {
		t.Error("there is room")
	}
	expect(t, c.ask(), "53 2 3")
}

// TestFarRefuses: functions that are shorter than the jump, or in whose first instructions other code goes on.
func TestFarRefuses(t *testing.T) {
	roomy(t)
	c := startCrowded(t)
	var patches []string
	for _, f := range []string{"tiny", "entered", "named"} {
		patches = append(patches, c.patch(t, "0001", "int "+f+"(void) { return 4; }"))
	}
	expect(t, c.ask(), "41 2 3")
	for _, patch := range patches {
		mustApply(t, c.p.PID, patch)
		if _, err := revert(t, c.p.PID, Options{Unmap: true}, "0001"); err != nil {
			t.Fatal(err)
		}
	}
	reserved(t, c.p)
	for _, patch := range patches {
		_, err := apply(t, c.p.PID, Options{}, patch)
		wantCode(t, err, "too-short")
		noRegion(t, c.p.PID)
	}
	expect(t, c.ask(), "41 2 3")
}

// TestInsideFarHook: whoever is between two instructions of a jump has lost a register's value, and its stack is not what the function's unwind data
// say.
func TestInsideFarHook(t *testing.T) {
	c := startCrowded(t)
	reserved(t, c.p)
	mustApply(t, c.p.PID, c.patch(t, "0001", callsLeaf))
	c.p.Send("i")
	c.p.WaitLine("interrupted")
	_, err := revert(t, c.p.PID, Options{}, "0001")
	wantCode(t, err, "busy-thread")
	other := c.patch(t, "0002", "int other(int x) { return x + 70; }")
	_, err = apply(t, c.p.PID, Options{}, other)
	wantCode(t, err, "busy-thread")
	c.p.Send("")
	expect(t, c.p.Next(), "53 2 3")
	mustApply(t, c.p.PID, other)
	mustRevert(t, c.p.PID, "0001")
	expect(t, c.ask(), "41 70 3")
}

// TestGuardianInsideFarHook: a hook is not taken back under whoever is between its instructions, however long the process has run half patched.
func TestGuardianInsideFarHook(t *testing.T) {
	c := startCrowded(t)
	reserved(t, c.p)
	h := mustHold(t, c.p.PID)
	plan, err := h.Plan(context.Background(), Request{Files: []*File{loadFile(t, c.patch(t, "0001", more))}})
	if err == nil {
		err = plan.prepare(context.Background(), Options{waits: trace.NewWaits(c.p.PID, nil)})
	}
	if err != nil {
		t.Fatal(err)
	}
	g, err := NewGuardian(&Journal{
		PID: c.p.PID, StartTime: h.Process.StartTime, Writes: plan.Writes(), Old: plan.Code(), New: plan.back(), Inside: plan.inside(), Unwind: unwindDataOf(h.Process),
	})
	if err == nil {
		err = g.lookAgain()
	}
	if err != nil {
		t.Fatal(err)
	}
	killedAfter(t, c.p.PID, plan.Writes()[:1])
	c.p.Send("i")
	c.p.WaitLine("interrupted")
	err = trace.Do(context.Background(), c.p.PID, func(s *trace.Session) error {
		if err := s.Seize(); err != nil {
			return err
		}
		if err := s.StopAll(); err != nil {
			return err
		}
		outcome, err := g.settleIn(s, true)
		if err == nil {
			t.Error(outcome)
		}
		return err
	})
	if !retryable(err) {
		t.Errorf("got %v", err)
	}
	c.p.Send("")
	expect(t, c.p.Next(), "60 2 3")
	if outcome, err := g.Settle(h.lock); outcome != Undone || err != nil {
		t.Errorf("%s, %v", outcome, err)
	}
	expect(t, c.ask(), "41 2 3")
}
