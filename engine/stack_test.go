package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"gocare/internal/fault"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
	"gocare/kpatch"
)

// TestStackAnyOrder applies three patches to one function and removes them in every order. At each point the newest
// that is left runs.
func TestStackAnyOrder(t *testing.T) {
	s, program := startTicker(t, "-O2")
	var paths []string
	for i := 1; i <= 3; i++ {
		paths = append(paths, handpatch.Build(t, handpatch.Spec{
			Program: program, ID: fmt.Sprint("s", i),
			Source: fmt.Sprintf("extern int calls; int value(int x) { calls = 0; return x + %d; }", 100*i),
		}))
	}
	for _, order := range [][]int{{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1}} {
		left := []int{1, 2, 3}
		for i, path := range paths {
			mustApply(t, s.p.PID, path)
			expect(t, s.ask(), fmt.Sprintf("value %d calls 0", 40+100*(i+1)))
		}
		for _, n := range order {
			mustRevert(t, s.p.PID, fmt.Sprint("s", n))
			left = slices.DeleteFunc(left, func(m int) bool { return m == n })
			want := "value 41 calls 1"
			if len(left) > 0 {
				want = fmt.Sprintf("value %d calls 0", 40+100*left[len(left)-1])
			}
			expect(t, s.ask(), want)
		}
	}
}

// TestStackInOneCall applies two patches of one function together.
func TestStackInOneCall(t *testing.T) {
	s, program := startTicker(t, "-O2")
	a := handpatch.Build(t, handpatch.Spec{Program: program, ID: "a", Source: "extern int calls; int value(int x) { calls = 0; return x + 100; }"})
	b := handpatch.Build(t, handpatch.Spec{Program: program, ID: "b", Source: "extern int calls; int value(int x) { calls = 0; return x + 200; }"})
	mustApply(t, s.p.PID, a, b)
	expect(t, s.ask(), "value 240 calls 0")
	mustRevert(t, s.p.PID, "a")
	expect(t, s.ask(), "value 240 calls 0")
	mustRevert(t, s.p.PID, "b")
	expect(t, s.ask(), "value 41 calls 1")
}

// TestReplace puts a patch in the place of others in one stop: of the newest, of one below, of two, and of one of its own id. A
// process where they are not applied just gets it. What fails leaves the old ones.
func TestReplace(t *testing.T) {
	s, program := startTicker(t, "-O2")
	build := func(id string, add int) string {
		return handpatch.Build(t, handpatch.Spec{
			Program: program, ID: id, Source: fmt.Sprintf("extern int calls; int value(int x) { calls = 0; return x + %d; }", add),
		})
	}
	a, b, c, a2 := build("a", 100), build("b", 200), build("c", 300), build("a", 400)
	value := func() string {
		answer, _, _ := strings.Cut(s.ask(), " calls")
		return answer
	}
	replace := func(path string, opt Options, ids ...string) (Result, error) {
		opt.Wait = 5 * time.Second
		return applyFiles(t, s.p.PID, opt, []*File{loadFile(t, path)}, ids...)
	}
	for _, row := range []struct {
		before   []string
		path     string
		ids      []string
		want     string // value
		list     string // what is applied then
		removed  int
		afterOne string // value when the new one is removed
	}{
		{[]string{a}, b, []string{"a"}, "value 240", "b", 1, "value 41"},
		{[]string{a, b}, c, []string{"b"}, "value 340", "a c", 1, "value 140"},
		{[]string{a, b}, c, []string{"a"}, "value 340", "b c", 1, "value 240"},
		{[]string{a, b}, c, []string{"b", "a"}, "value 340", "c", 2, "value 41"},
		{[]string{a}, a2, []string{"a"}, "value 440", "a", 1, "value 41"},
		{nil, a, []string{"b"}, "value 140", "a", 0, "value 41"},
	} {
		for _, path := range row.before {
			mustApply(t, s.p.PID, path)
		}
		was := value()
		failing := Options{step: func(step string) error {
			if strings.HasPrefix(step, "magic of "+row.list[len(row.list)-1:]) {
				return errors.New("stop here")
			}
			return nil
		}}
		if _, err := replace(row.path, failing, row.ids...); err == nil {
			t.Error("a write that fails: no error")
		}
		expect(t, value(), was)
		if got := appliedIDs(t, s.p.PID); len(got) != len(row.before) {
			t.Errorf("after a failure: %v are applied", got)
		}
		r, err := replace(row.path, Options{}, row.ids...)
		if err != nil || len(r.Removed) != row.removed || len(r.Patches) != 1 {
			t.Fatalf("replace %v: %+v, %v", row.ids, r, err)
		}
		expect(t, value(), row.want)
		if got := strings.Join(appliedIDs(t, s.p.PID), " "); got != row.list {
			t.Errorf("applied are %q, want %q", got, row.list)
		}
		mustRevert(t, s.p.PID, r.Patches[0].ID)
		expect(t, value(), row.afterOne)
		for _, id := range appliedIDs(t, s.p.PID) {
			mustRevert(t, s.p.PID, id)
		}
		expect(t, value(), "value 41")
	}
}

func appliedIDs(t testing.TB, pid int) (ids []string) {
	t.Helper()
	list, err := List(look(t, pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		ids = append(ids, i.ID)
	}
	slices.Sort(ids)
	return ids
}

// TestForeign puts other tools' changes where a patch goes: each is named and nothing is changed.
func TestForeign(t *testing.T) {
	s, program := startTicker(t, "-O2")
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: tickerPatch})
	mustApply(t, s.p.PID, patch)
	p := look(t, s.p.PID)
	regions, err := p.Regions()
	if err != nil {
		t.Fatal(err)
	}
	at := int64(regions[0].Functions[slices.IndexFunc(regions[0].Functions, func(f regionFunction) bool { return f.Old != 0 })].Old)
	mustRevert(t, s.p.PID, "0001")
	old := make([]byte, 5)
	if _, err := p.Mem().ReadAt(old, at); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		bytes []byte
		want  string
	}{
		{"breakpoint", written.breakpoint, "breakpoint"},
		{"jump", written.jump, "jump"},
		{"other code", written.other, "changed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			poke(t, s.p.PID, at, tt.bytes)
			_, err := apply(t, s.p.PID, Options{}, patch)
			if e := fault.As(err); e == nil || e.Code != "foreign-hook" || !strings.Contains(e.What, tt.want) {
				t.Errorf("got %v", err)
			}
			poke(t, s.p.PID, at, old)
		})
	}
	t.Run("above our patch", func(t *testing.T) {
		mustApply(t, s.p.PID, patch)
		hook := make([]byte, 5)
		if _, err := p.Mem().ReadAt(hook, at); err != nil {
			t.Fatal(err)
		}
		poke(t, s.p.PID, at, written.breakpoint)
		_, err := revert(t, s.p.PID, Options{}, "0001")
		if e := fault.As(err); e == nil || e.Code != "foreign-hook" {
			t.Errorf("got %v", err)
		}
		poke(t, s.p.PID, at, hook)
		mustRevert(t, s.p.PID, "0001")
	})
	expect(t, s.ask(), "value 41 calls 1")
}

// TestSeveralObjects patches the program and its library in one call, all or none.
func TestSeveralObjects(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	dir := t.TempDir()
	testkit.WriteFile(t, filepath.Join(dir, "lib.c"), `
		#include <unistd.h>
		volatile int stay, inside, leave;
		int inner(int x) { if (stay && !leave) { inside = 1; while (!leave) usleep(1000); } return x * 2 + 1; }`)
	testkit.WriteFile(t, filepath.Join(dir, "main.c"), `
		#include <pthread.h>
		#include <stdio.h>
		#include <unistd.h>
		extern volatile int stay, inside, leave;
		int inner(int);
		__attribute__((noinline)) int outer(int x) { __asm__ volatile(""); return inner(x) + 1; }
		static void *hold(void *a) { inner(1); return 0; }
		int main(void) {
			char line[64]; pthread_t t;
			setvbuf(stdout, 0, _IOLBF, 0); puts("ready");
			while (fgets(line, sizeof line, stdin)) {
				if (line[0] == 'h') { stay = 1; pthread_create(&t, 0, hold, 0); while (!inside) usleep(100); puts("held"); }
				else if (line[0] == 'l') { leave = 1; pthread_join(t, 0); puts("left"); }
				else printf("%d\n", outer(10));
			}
			return 0;
		}`)
	lib := testkit.CC(t, dir, "libinner.so", "-shared", "-fPIC", "-O2", "lib.c")
	program := testkit.CC(t, dir, "main", "-O2", "-pthread", "main.c", "-L.", "-linner", "-Wl,-rpath,"+dir)
	p := testkit.Start(t, program)
	p.WaitLine("ready")
	a := handpatch.Build(t, handpatch.Spec{Program: program, Source: `int inner(int); int outer(int x) { return inner(x) + 1000; }`})
	b := handpatch.Build(t, handpatch.Spec{Program: lib, Source: `int inner(int x) { return x * 3; }`})
	ask := func() string { p.Send("x"); return p.Next() }
	expect(t, ask(), "22")
	p.Send("hold")
	p.WaitLine("held")
	_, err := apply(t, p.PID, Options{}, a, b)
	wantBusy(t, err, "inner")
	noRegion(t, p.PID)
	p.Send("leave")
	p.WaitLine("left")
	expect(t, ask(), "22")
	if r := mustApply(t, p.PID, a, b); len(r.Patches) != 2 {
		t.Errorf("%+v", r)
	}
	expect(t, ask(), "1030")
	if r := mustRevert(t, p.PID, "0001"); len(r.Patches) != 2 {
		t.Errorf("%+v", r)
	}
	expect(t, ask(), "22")
	if removal, err := NewRemoval(look(t, p.PID), "0001", nil); err == nil {
		t.Errorf("removed twice: %+v", removal)
	}
	mustApply(t, p.PID, a, b)
	h := mustHold(t, p.PID)
	defer h.Release()
	removal, err := NewRemoval(h.Process, "0001", []string{"libinner.so"})
	if err != nil || len(removal.Patches) != 1 {
		t.Fatalf("%+v, %v", removal, err)
	}
	if _, err := h.Revert(context.Background(), removal, Options{Wait: time.Second}); err != nil {
		t.Fatal(err)
	}
	expect(t, ask(), "1021")
}

// TestImports binds new imports: a plain one, one that the processor's features choose, data of the C library.
func TestImports(t *testing.T) {
	s, program := startTicker(t, "-O2")
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Flags: []string{"-fno-builtin"}, Source: `
		extern int calls;
		int abs(int), atoi(const char *);
		char *strchr(const char *, int);
		unsigned long strlen(const char *);
		int value(int x) { const char *s = "abc=-7"; calls = strlen(s); return abs(atoi(strchr(s, '=') + 1)) + x; }`})
	mustApply(t, s.p.PID, patch)
	expect(t, s.ask(), "value 47 calls 6")
}

func poke(t testing.TB, pid int, at int64, data []byte) {
	t.Helper()
	if err := pokeMemory(pid, at, data); err != nil {
		t.Fatal(err)
	}
}

// TestGroupStop: a stopped process is patched and stays stopped.
func TestGroupStop(t *testing.T) {
	s, program := startTicker(t, "-O2")
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: tickerPatch})
	s.p.AllowStopped()
	stopProcess(t, s.p.PID)
	mustApply(t, s.p.PID, patch)
	for end := time.Now().Add(testkit.Deadline); procState(t, s.p.PID) != "T"; { // it runs for a moment when it is let go
		if time.Now().After(end) {
			t.Fatal("it is not stopped any more")
		}
	}
	contProcess(t, s.p.PID)
	expect(t, s.ask(), "value 141 calls 10")
}

func procState(t testing.TB, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return rest[:1]
}

// TestForeignPatch: a live patch without our state is one of LibcarePlus. It is listed, nothing is stacked on it, and it
// can be removed.
func TestForeignPatch(t *testing.T) {
	roomy(t) // no other tool has far hooks
	s, program := startTicker(t, "-O2")
	mustApply(t, s.p.PID, handpatch.Build(t, handpatch.Spec{Program: program, Source: tickerPatch, NoMeta: true}))
	p := look(t, s.p.PID)
	regions, err := p.Regions()
	if err != nil {
		t.Fatal(err)
	}
	poke(t, s.p.PID, int64(regions[0].Start)+kpatch.StateOffset, make([]byte, kpatch.StateSize))
	list, err := List(look(t, s.p.PID))
	if err != nil || len(list) != 1 || !list[0].Foreign || list[0].ID != "0001" {
		t.Fatalf("%+v, %v", list, err)
	}
	second := handpatch.Build(t, handpatch.Spec{Program: program, ID: "0002", Source: tickerPatch})
	_, err = apply(t, s.p.PID, Options{}, second)
	if e := fault.As(err); e == nil || e.Code != "foreign-patch" {
		t.Errorf("got %v", err)
	}
	mustRevert(t, s.p.PID, "0001")
	expect(t, s.ask(), "value 41 calls 1")
	mustApply(t, s.p.PID, second)
	expect(t, s.ask(), "value 141 calls 11")
}

// TestLowerRemovedByAnother: another tool knows of no patches upon patches: where it removes the lower of two it puts the
// original code over the jump of the upper one, and unmaps the lower, which the upper keeps as what it replaced.
func TestLowerRemovedByAnother(t *testing.T) {
	s, program := startTicker(t, "-O2")
	var paths []string
	for _, id := range []string{"0001", "0002"} {
		paths = append(paths, handpatch.Build(t, handpatch.Spec{Program: program, ID: id, Source: tickerPatch}))
		mustApply(t, s.p.PID, paths[len(paths)-1])
	}
	lower := liveRegion(t, s.p.PID, "0001")
	for _, f := range lower.Functions {
		if f.Old == 0 {
			continue
		}
		o := lower.Object
		code, ok := o.ELF.BytesAt(uint64(o.LinkAddr(f.Old)), uint64(lower.Machine.UndoSize))
		if !ok {
			t.Fatalf("no code of %s", f.Name)
		}
		poke(t, s.p.PID, int64(f.Old), code)
	}
	poke(t, s.p.PID, int64(lower.Start), make([]byte, kpatch.HeaderSize))
	expect(t, s.ask(), "value 41 calls 1")

	list, err := List(look(t, s.p.PID))
	if err != nil || len(list) != 1 || len(list[0].Inactive) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	mustRevert(t, s.p.PID, "0002")
	expect(t, s.ask(), "value 41 calls 2")
	mustApply(t, s.p.PID, paths[1])
	expect(t, s.ask(), "value 141 calls 12")
	mustRevert(t, s.p.PID, "0002")
	expect(t, s.ask(), "value 41 calls 13")
}

func liveRegion(t testing.TB, pid int, id string) *live {
	t.Helper()
	regions, err := liveRegions(look(t, pid))
	if err != nil {
		t.Fatal(err)
	}
	for i := range regions {
		if regions[i].ID == id {
			return &regions[i]
		}
	}
	t.Fatalf("no live patch %s", id)
	return nil
}

// TestThreadsComeAndGo: threads are made and end all the time while patches come and go.
func TestThreadsComeAndGo(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, `
		#include <pthread.h>
		#include <stdio.h>
		#include <unistd.h>
		__attribute__((noinline)) int value(int x) { __asm__ volatile("nop; nop; nop"); return x + 41; }
		static void *leaf(void *a) { value(1); return 0; }
		static void *root(void *a) {
			for (;;) {
				pthread_t t[4];
				for (int i = 0; i < 4; i++) pthread_create(&t[i], 0, leaf, 0);
				for (int i = 0; i < 4; i++) pthread_join(t[i], 0);
			}
		}
		int main(void) {
			char line[64]; pthread_t t;
			for (int i = 0; i < 3; i++) pthread_create(&t, 0, root, 0);
			setvbuf(stdout, 0, _IOLBF, 0); puts("ready");
			while (fgets(line, sizeof line, stdin)) printf("value %d\n", value(0));
			return 0;
		}`, []string{"-O2", "-pthread"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: "int value(int x) { return x + 50; }"})
	p := testkit.Start(t, program)
	p.WaitLine("ready")
	for range 20 {
		mustApply(t, p.PID, patch)
		p.Send("")
		expect(t, p.Next(), "value 50")
		mustRevert(t, p.PID, "0001")
		p.Send("")
		expect(t, p.Next(), "value 41")
	}
}

// TestVfork: a vfork parent does not stop: the process is let go and reported as busy.
func TestVfork(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, `
		#include <stdio.h>
		#include <unistd.h>
		__attribute__((noinline)) int value(int x) { __asm__ volatile("nop; nop; nop"); return x + 41; }
		int main(void) {
			char c;
			setvbuf(stdout, 0, _IOLBF, 0);
			if (vfork() == 0) { write(1, "ready\n", 6); read(0, &c, 1); _exit(0); }
			puts("on");
			while (read(0, &c, 1) == 1) printf("value %d\n", value(0));
			return 0;
		}`, []string{"-O2", "-w"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: "int value(int x) { return x + 50; }"})
	p := testkit.Start(t, program)
	p.WaitLine("ready")
	_, err := apply(t, p.PID, Options{}, patch)
	wantCode(t, err, "thread-does-not-stop")
	p.Send("")
	p.WaitLine("on")
	noRegion(t, p.PID)
	mustApply(t, p.PID, patch)
	p.Send("")
	expect(t, p.Next(), "value 50")
}

// TestSharedMemory: a process outside of the thread group runs in the same memory and cannot be stopped with it.
func TestSharedMemory(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, `
		#define _GNU_SOURCE
		#include <sched.h>
		#include <signal.h>
		#include <stdio.h>
		#include <sys/wait.h>
		#include <unistd.h>
		__attribute__((noinline)) int value(int x) { __asm__ volatile("nop; nop; nop"); return x + 41; }
		static char stack[65536];
		static int fds[2];
		static int other(void *a) { char c; return read(fds[0], &c, 1) < 0; }
		int main(void) {
			char c; int status;
			pipe(fds);
			int pid = clone(other, stack + sizeof stack, CLONE_VM | SIGCHLD, 0);
			setvbuf(stdout, 0, _IOLBF, 0); puts("ready");
			while (read(0, &c, 1) == 1) {
				if (pid) { write(fds[1], "x", 1); waitpid(pid, &status, 0); pid = 0; }
				printf("value %d\n", value(0));
			}
			return 0;
		}`, []string{"-O2", "-w"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: "int value(int x) { return x + 50; }"})
	p := testkit.Start(t, program)
	p.WaitLine("ready")
	_, err := apply(t, p.PID, Options{}, patch)
	if e := fault.As(err); e == nil || e.Code != "shared-memory" || e.Kind != fault.Busy {
		t.Errorf("got %v", err)
	}
	noRegion(t, p.PID)
	p.Send("")
	expect(t, p.Next(), "value 41")
	mustApply(t, p.PID, patch)
	p.Send("")
	expect(t, p.Next(), "value 50")
}

// TestResolverIsRun imports a function that the processor's features choose and that nothing in the process uses.
func TestResolverIsRun(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	// aarch64's libm has none; its libc picks memcpy and the like
	source, flags, value := "double floor(double);\nint value(int x) { calls = 0; return floor(x / 3.0); }", "-mno-sse4.1", "value 13 calls 0"
	if runtime.GOARCH == "arm64" {
		source, flags, value = "void *memmove(void *, const void *, unsigned long);\nint value(int x) { int y = 0; calls = 0; memmove(&y, &x, sizeof x); return y; }", "-O1", "value 40 calls 0"
	}
	program := testkit.CCText(t, ticker, []string{"-O2", "-Wl,--no-as-needed"}, "-lm")
	s := &session{testkit.Start(t, program)}
	s.p.WaitLine("ready")
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Flags: []string{"-fno-builtin", flags}, Source: "extern int calls;\n" + source})
	if _, err := NewPlan(look(t, s.p.PID), Request{Files: []*File{loadFile(t, patch)}}); fault.As(err) == nil || fault.As(err).Code != "ifunc-unresolved" {
		t.Fatalf("the case is none: %v", err)
	}
	mustApply(t, s.p.PID, patch)
	expect(t, s.ask(), value)
	mustRevert(t, s.p.PID, "0001")
	expect(t, s.ask(), "value 41 calls 1")
}
