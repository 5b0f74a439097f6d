package engine

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gocare/engine/trace"
	"gocare/engine/unwind"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
	"gocare/kpatch"
)

func wantCode(t testing.TB, err error, code fault.Code) {
	t.Helper()
	if e := fault.As(err); e == nil || e.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// replaced returns the index of the function that a patch replaces.
func replaced(f *File) int {
	return slices.IndexFunc(f.Patch.Functions, func(fn kpatch.Function) bool { return !fn.IsNew() })
}

// TestPlanRefuses changes a patch in one thing, for each way in which a patch cannot be one for the process. As it was made,
// it is applied.
func TestPlanRefuses(t *testing.T) {
	s, program := startTicker(t, "-O2")
	path := handpatch.Build(t, handpatch.Spec{Program: program, Source: tickerPatch})
	for _, tt := range []struct {
		code   fault.Code
		change func(f *File)
	}{
		{"not-applicable", func(f *File) { f.Patch.BuildID = "00" + f.Patch.BuildID[2:] }},
		{"empty-patch", func(f *File) {
			f.Patch.Functions = slices.DeleteFunc(f.Patch.Functions, func(fn kpatch.Function) bool { return !fn.IsNew() })
		}},
		{"duplicate-function", func(f *File) { f.Patch.Functions = append(f.Patch.Functions, f.Patch.Functions[replaced(f)]) }},
		{"not-code", func(f *File) { move(f, symbolValue(t, program, "_DYNAMIC")-symbolValue(t, program, "value")) }},
		{"wrong-build", func(f *File) { move(f, 1<<28) }},
		{"wrong-build", func(f *File) { f.Patch.Meta.Parts[0].SHA256 = strings.Repeat("0", 64) }},
	} {
		t.Run(string(tt.code), func(t *testing.T) {
			f := loadFile(t, path)
			tt.change(f)
			_, err := NewPlan(look(t, s.p.PID), Request{Files: []*File{f}})
			wantCode(t, err, tt.code)
		})
	}
	mustApply(t, s.p.PID, path)
	expect(t, s.ask(), "value 141 calls 10")
	_, err := apply(t, s.p.PID, Options{}, path)
	wantCode(t, err, "already-applied")
	_, err = revert(t, s.p.PID, Options{}, "0002")
	wantCode(t, err, "not-applied")
	mustRevert(t, s.p.PID, "0001")
	expect(t, s.ask(), "value 41 calls 11")
}

// move moves a replaced function by a distance.
func move(f *File, by uint64) {
	at := &f.Patch.Functions[replaced(f)].Old
	at.Offset += by
	f.Patch.Sections[at.Section].Size = at.Offset + 1<<12
}

// TestChangedMeanwhile: between plan and commit another tool writes where the jump goes.
func TestChangedMeanwhile(t *testing.T) {
	s, program := startTicker(t, "-O2")
	path := handpatch.Build(t, handpatch.Spec{Program: program, Source: tickerPatch})
	h := mustHold(t, s.p.PID)
	plan, err := NewPlan(h.Process, Request{Files: []*File{loadFile(t, path)}})
	if err != nil {
		t.Fatal(err)
	}
	at, old := int64(plan.Patches[0].Functions[0].Old), plan.Patches[0].Functions[0].OldBytes
	poke(t, s.p.PID, at, written.breakpoint)
	_, err = h.Apply(context.Background(), plan, Options{})
	h.Release()
	wantCode(t, err, "changed-meanwhile")
	noRegion(t, s.p.PID)
	poke(t, s.p.PID, at, old)
	mustApply(t, s.p.PID, path)
	expect(t, s.ask(), "value 141 calls 10")
}

// TestLocked: two may not change one process at a time.
func TestLocked(t *testing.T) {
	s, program := startTicker(t, "-O2")
	path := handpatch.Build(t, handpatch.Spec{Program: program, Source: tickerPatch})
	h := mustHold(t, s.p.PID)
	_, err := apply(t, s.p.PID, Options{}, path)
	wantCode(t, err, "locked")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = Hold(ctx, s.p.PID, Options{Wait: time.Minute})
	wantCode(t, err, "interrupted")
	_, err = h.Apply(context.Background(), &Plan{Process: look(t, s.p.PID)}, Options{})
	if e := fault.As(err); e == nil || e.Kind != fault.Bug {
		t.Errorf("a plan made before the lock: %v", err)
	}
	go h.Release()
	mustApply(t, s.p.PID, path) // waits for its turn
}

// TestPatchFiles: a file that is not there, and one that is named after another BuildID than it is for.
func TestPatchFiles(t *testing.T) {
	s, program := startTicker(t, "-O2")
	_, err := LoadFile(filepath.Join(t.TempDir(), "none.kpatch"), nil)
	wantCode(t, err, "no-patch-file")
	path := handpatch.Build(t, handpatch.Spec{Program: program, Source: tickerPatch})
	p := look(t, s.p.PID)
	library, err := OpenLibrary([]string{filepath.Dir(path)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := library.For(p); err != nil || len(list) != 1 {
		t.Errorf("%d patches, %v", len(list), err)
	}
	other := loadFile(t, path)
	other.Patch.BuildID = strings.Repeat("ab", 20)
	data, err := kpatch.Encode(other.Patch)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if library, err = OpenLibrary([]string{filepath.Dir(path)}, nil); err != nil {
		t.Fatal(err)
	}
	_, err = library.For(p)
	wantCode(t, err, "wrong-build-id")
}

// TestLoadedTwice: two copies of a library have one BuildID; when one is closed the other is patched.
func TestLoadedTwice(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	dir := t.TempDir()
	testkit.WriteFile(t, filepath.Join(dir, "lib.c"), "int inner(int x) { return x * 31 + 7; }")
	testkit.WriteFile(t, filepath.Join(dir, "main.c"), `
		#include <dlfcn.h>
		#include <stdio.h>
		int main(int argc, char **argv) {
			char line[64];
			void *one = dlopen(argv[1], RTLD_NOW), *two = dlopen(argv[2], RTLD_NOW);
			int (*inner)(int) = (int (*)(int))dlsym(one, "inner");
			setvbuf(stdout, 0, _IOLBF, 0); puts("ready");
			while (fgets(line, sizeof line, stdin)) {
				if (line[0] == 'c') dlclose(two);
				printf("%d\n", inner(1));
			}
			return 0;
		}`)
	lib := testkit.CC(t, dir, "libone.so", "-shared", "-fPIC", "-O2", "lib.c")
	data, err := os.ReadFile(lib)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "libtwo.so"), data, 0o755); err != nil {
		t.Fatal(err)
	}
	program := testkit.CC(t, dir, "main", "-O2", "main.c", "-ldl")
	p := testkit.Start(t, program, lib, filepath.Join(dir, "libtwo.so"))
	p.WaitLine("ready")
	path := handpatch.Build(t, handpatch.Spec{Program: lib, Source: "int inner(int x) { return x * 5; }"})
	_, err = apply(t, p.PID, Options{}, path)
	wantCode(t, err, "loaded-twice")
	p.Send("close")
	expect(t, p.Next(), "38")
	mustApply(t, p.PID, path)
	p.Send("x")
	expect(t, p.Next(), "5")
}

// TestImportRefused: imports that are no functions, or whose resolvers do not come back with one.
func TestImportRefused(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	dir := t.TempDir()
	testkit.WriteFile(t, filepath.Join(dir, "lib.c"), `
		#include <unistd.h>
		__thread int slot;
		static int one(int x) { return x + 1; }
		static void *good(void) { return one; }
		static void *trap(void) { __builtin_trap(); }
		static void *calls(void) { 
		#ifdef __x86_64__
			__asm__ volatile("syscall" : : "a"(39) : "rcx", "r11", "memory");
		#else
			register long number __asm__("x8") = 172, result __asm__("x0");
			__asm__ volatile("svc #0" : "=r"(result) : "r"(number) : "memory");
		#endif
			 return one; }
		int picks(int) __attribute__((ifunc("good")));
		int traps(int) __attribute__((ifunc("trap")));
		int asks(int) __attribute__((ifunc("calls")));
		int plain(int x) { return x; }`)
	lib := testkit.CC(t, dir, "libpick.so", "-shared", "-fPIC", "-O2", "lib.c")
	testkit.WriteFile(t, filepath.Join(dir, "main.c"), ticker)
	program := testkit.CC(t, dir, "main", "-O2", "-Wl,--no-as-needed", "main.c", lib, "-Wl,-rpath,"+dir)
	s := &session{testkit.Start(t, program)}
	s.p.WaitLine("ready")
	for _, tt := range []struct {
		name string
		code fault.Code
	}{{"slot", "tls-import"}, {"traps", "resolver-failed"}, {"asks", "resolver-failed"}, {"none", "unresolved"}} {
		t.Run(tt.name, func(t *testing.T) {
			path := handpatch.Build(t, handpatch.Spec{Program: program, Source: "int " + tt.name + "(int); int value(int x) { return " + tt.name + "(x); }"})
			_, err := apply(t, s.p.PID, Options{}, path)
			wantCode(t, err, tt.code)
			noRegion(t, s.p.PID)
		})
	}
	expect(t, s.ask(), "value 41 calls 1")
	mustApply(t, s.p.PID, handpatch.Build(t, handpatch.Spec{Program: program, Source: "int picks(int); int value(int x) { return picks(x) + 1; }"}))
	expect(t, s.ask(), "value 42 calls 1")
}

// TestMapped: what the kernel says to a mapping in the target. Kernels before 4.17 map elsewhere where they were asked not to
// replace anything; a policy may forbid executable memory.
func TestMapped(t *testing.T) {
	wantCode(t, mappedAt(0x1000, 0x2000), "mapped-elsewhere")
	if err := mappedAt(0x1000, 0x1000); err != nil {
		t.Error(err)
	}
	m := mapper{}
	wantCode(t, m.execRefused(syscall.EACCES), "exec-memory")
	if err := m.execRefused(syscall.ENOMEM); err != syscall.ENOMEM {
		t.Error(err)
	}
}

// TestRecoverNothing: there is nothing to recover in a process that no run was killed in.
func TestRecoverNothing(t *testing.T) {
	s, _ := startTicker(t, "-O2")
	_, err := NewRecovery(look(t, s.p.PID))
	wantCode(t, err, "nothing-to-recover")
}

func symbolValue(t testing.TB, path, name string) uint64 {
	t.Helper()
	f, err := elfobj.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range f.Symbols {
		if f.Symbols[i].Name == name {
			return f.Symbols[i].Value
		}
	}
	t.Fatalf("no symbol %s", name)
	return 0
}

// unreadable is memory that cannot be read.
type unreadable struct{}

func (unreadable) ReadAt([]byte, int64) (int, error) { return 0, syscall.EIO }

// TestStackUnreadable: a stack that can be neither unwound nor searched is no stack without the function.
func TestStackUnreadable(t *testing.T) {
	s, _ := startTicker(t, "-O2")
	p := look(t, s.p.PID)
	maps, err := p.Maps()
	if err != nil {
		t.Fatal(err)
	}
	c := newChecker(p, nil)
	stack := unwind.Stack{ScanFrom: uint64(maps[0].Start)}
	_, err = c.scan(unreadable{}, &trace.Thread{TID: p.PID}, stack)
	wantCode(t, err, "stack-unreadable")
	if o, err := c.scan(p.Mem(), &trace.Thread{TID: p.PID}, stack); o != nil || err != nil {
		t.Errorf("got %v, %v", o, err)
	}
}
