package inspect

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

// TestLookup compares with what ld.so itself answers in the process: dlsym and dlvsym in the default scope.
func TestLookup(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	dir := t.TempDir()
	write := func(name, text string) { testkit.WriteFile(t, filepath.Join(dir, name), text) }
	write("first.c", `int both(void) { return 1; } int interposed(void) { return 1; } static int local(void) { return 1; }
__attribute__((visibility("hidden"))) int hidden(void) { return local(); } int weak_here(void) { return hidden(); }`)
	write("second.c", `int both(void) { return 2; } int old_(void) { return 1; } int new_(void) { return 2; }
__asm__(".symver old_, versioned@V1\n.symver new_, versioned@@V2"); __attribute__((weak)) int only_weak(void) { return 2; }
__thread int tls = 3;`)
	write("second.map", "V1 { global: versioned; }; V2 { global: both; only_weak; tls; old_; new_; } V1;")
	write("late.c", `int both(void) { return 3; } int late(void) { return 3; }`)
	write("main.c", `#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
int interposed(void) { return 0; }
int both(void); int versioned(void);
int main(int argc, char **argv) {
	FILE *copied = stdout;
	if (argc > 100) return both() + versioned();
	if (!dlopen("./late.so", RTLD_NOW | RTLD_GLOBAL)) { puts(dlerror()); return 1; }
	char name[64], version[64];
	fputs("ready\n", copied); fflush(copied);
	while (scanf("%63s %63s", name, version) == 2) {
		printf("%p\n", version[0] == '-' ? dlsym(RTLD_DEFAULT, name) : dlvsym(RTLD_DEFAULT, name, version)); fflush(copied); }
	return 0; }`)
	testkit.CC(t, dir, "libfirst.so", "-shared", "-fPIC", "-Wl,--build-id", "first.c")
	testkit.CC(t, dir, "libsecond.so", "-shared", "-fPIC", "-Wl,--build-id", "-Wl,--version-script=second.map", "second.c")
	testkit.CC(t, dir, "late.so", "-shared", "-fPIC", "-Wl,--build-id", "late.c")
	program := testkit.CC(t, dir, "main", "-no-pie", "-fno-pie", "-rdynamic", "main.c", "-L.", "-lsecond", "-Wl,--no-as-needed", "-lfirst", "-ldl",
		"-Wl,-rpath,"+dir)
	live := startIn(t, dir, program)
	live.WaitLine("ready")
	p := read(t, live.PID)
	first, second, picked := "GLIBC_2.2.5", "GLIBC_2.3", "strchr" // versions of the C library, and a function of it that is picked at start
	if runtime.GOARCH == "arm64" {
		first, second, picked = "GLIBC_2.17", "GLIBC_2.17", "strlen"
	}
	if got := len(p.scope()); got < 5 {
		t.Fatalf("%d objects in scope", got)
	}
	for _, tt := range []struct {
		name, version string
		object        string
		typ           elf.SymType
	}{
		{"both", "", "libsecond.so", elf.STT_FUNC},
		{"interposed", "", "main", elf.STT_FUNC},
		{"weak_here", "", "libfirst.so", elf.STT_FUNC},
		{"only_weak", "", "libsecond.so", elf.STT_FUNC},
		{"late", "", "late.so", elf.STT_FUNC},
		{"versioned", "", "libsecond.so", elf.STT_FUNC},
		{"versioned", "V2", "libsecond.so", elf.STT_FUNC},
		{"versioned", "V1", "libsecond.so", elf.STT_FUNC},
		{"stdout", first, "main", elf.STT_OBJECT},
		{"malloc", "", "libc.so.6", elf.STT_FUNC},
		{"realpath", first, "libc.so.6", elf.STT_FUNC},
		{"realpath", second, "libc.so.6", elf.STT_FUNC},
		{"realpath", "", "libc.so.6", elf.STT_FUNC},
		{picked, first, "libc.so.6", elf.STT_GNU_IFUNC},
		{"tls", "", "libsecond.so", elf.STT_TLS},
	} {
		t.Run(tt.name+"@"+tt.version, func(t *testing.T) {
			got, err := p.Lookup(tt.name, tt.version)
			if err != nil {
				t.Fatal(err)
			}
			if got.Object.Name != tt.object || got.Type != tt.typ || got.IFunc() != (tt.typ == elf.STT_GNU_IFUNC) {
				t.Errorf("got %+v in %s", got, got.Object.Name)
			}
			if got.IFunc() || got.TLS() {
				return // dlsym answers with the function chosen, and with this thread's copy
			}
			live.Send(fmt.Sprintf("%s %s", tt.name, dash(tt.version)))
			if want := live.Next(); hex(got.Addr) != want {
				t.Errorf("0x%x, ld.so says %s", uint64(got.Addr), want)
			}
		})
	}
	for _, name := range []string{"hidden", "local", "main.c", "no_such_symbol", "versioned@V3"} {
		got, err := p.Lookup(name, "")
		if e := fault.As(err); e == nil || e.Code != "unresolved" || e.Hint == "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := p.Lookup("versioned", "V3"); fault.As(err) == nil {
		t.Error("a version that nobody defines is found")
	}
}

func dash(version string) string {
	if version == "" {
		return "-"
	}
	return version
}

func TestVersionMatches(t *testing.T) {
	table := func(index uint16) []byte { return binary.LittleEndian.AppendUint16(nil, index) }
	for _, tt := range []struct {
		name, defined, wanted string
		index                 uint16
		want                  bool
	}{
		{"default for no version", "V2", "", 3, true},
		{"hidden for no version", "V1", "", 0x8002, false},
		{"hidden by its version", "V1", "V1", 0x8002, true},
		{"another version", "V1", "V2", 2, false},
		{"object without versions", "", "V1", 1, true},
		{"local", "", "", 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &elfobj.Symbol{Version: tt.defined}
			if got := versionMatches(s, tt.wanted, table(tt.index)); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestReadLinkMapEnds(t *testing.T) {
	// r_debug at 0x100, an entry at 0x200 whose l_next is itself.
	mem := make(memoryAt, 0x300)
	binary.LittleEndian.PutUint64(mem[0x108:], 0x200)
	binary.LittleEndian.PutUint64(mem[0x200:], 0x7000)
	binary.LittleEndian.PutUint64(mem[0x210:], 0x7800)
	binary.LittleEndian.PutUint64(mem[0x218:], 0x200)
	list := readLinkMap(mem, 0x100)
	if len(list) != maxLinkMap || list[0] != (linkMapEntry{bias: 0x7000, dynamic: 0x7800}) {
		t.Errorf("%d entries, first %+v", len(list), list[0])
	}
	if got := readLinkMap(mem, 0x100000); got != nil {
		t.Errorf("unreadable: %v", got)
	}
}

func TestScopeOfProgramStartedByLoader(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, waitProgram, []string{"-Wl,--build-id"})
	file, err := elfobj.Load(program)
	if err != nil {
		t.Fatal(err)
	}
	live := testkit.Start(t, interpreter(t, file), program)
	live.WaitLine("ready")
	p := read(t, live.PID)
	var names []string
	for _, o := range p.scope() {
		names = append(names, o.Name)
	}
	if len(names) != 3 || names[0] != "fixture" || names[1] != "libc.so.6" {
		t.Errorf("scope %q", names)
	}
}

func TestScopeOfStaticProgram(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	live, _ := startWaiting(t, testkit.CCText(t, waitProgram, []string{"-static"}))
	p := read(t, live.PID)
	if scope := p.scope(); len(scope) != 1 || scope[0] != p.Main() {
		t.Errorf("scope of %d objects", len(scope))
	}
}

func interpreter(t *testing.T, f *elfobj.File) string {
	t.Helper()
	for _, seg := range f.Segments {
		if seg.Type == elf.PT_INTERP {
			path, ok := f.BytesAt(seg.Vaddr, seg.Filesz-1)
			if ok {
				return string(path)
			}
		}
	}
	t.Fatal("no interpreter")
	return ""
}
