package endtoend

import (
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/test/refload"
	"gocare/internal/test/testkit"
	"gocare/kpatch"
)

// armTree is a program for AArch64 whose variables gcc knows by their distance from anchors. BUILD is the compiler to record, or one
// that is not recorded.
var armTree = map[string]string{
	"Makefile": `BUILD = $(CC)
prog: a.o
	$(BUILD) $(LDFLAGS) -o $@ a.o
a.o: a.c
	$(BUILD) $(FLAGS) -c a.c
install:
	mkdir -p $(DESTDIR)/bin
	cp prog $(DESTDIR)/bin
`,
	"a.c": `#include <stdio.h>
#include <unistd.h>
static int first, second = 2;
static __thread int own = 3;
const char *name;
__attribute__((noinline)) int f(int x)
{
	static int calls;
	first += x;
	second ^= x;
	own -= x;
	name = "kept\0there"; /* no linker merges it */
	return printf("%d %d %d %d %d\n", first, second, own, ++calls, optind);
}
int main(int argc, char **argv)
{
	return f(argc);
}
`,
}

// TestAArch64 makes a patch of a program that was built on another machine. Its new variable comes before the others: all of these
// are other distances from their anchor then, and the patch leads to where the program has them, as it does for its string.
func TestAArch64(t *testing.T) {
	programs(t)
	for _, tt := range []struct{ name, real, flags, links, want string }{
		{"gcc", "aarch64-linux-gnu-gcc", "-O2 -g", "", "calls f first name second"},
		{"gcc without optimisation", "aarch64-linux-gnu-gcc", "-O0", "", "calls f first name second"},
		{"gcc at fixed addresses", "aarch64-linux-gnu-gcc", "-O2 -fno-pie", "-no-pie", "calls f first name optind second"}, // its copy of optind
		{"clang", "clang", "--target=aarch64-linux-gnu -O3 -g", "--target=aarch64-linux-gnu -Wl,--build-id", "calls f first name second"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			testkit.Require(t, tt.real, "aarch64-linux-gnu-gcc")
			dir, plain := t.TempDir(), t.TempDir()
			env := []string{"KPCCREAL=" + tt.real, "FLAGS=" + tt.flags, "LDFLAGS=" + tt.links}
			patchEditWith(t, dir, env)
			writeTree(t, plain, armTree)
			mustRun(t, 0, plain, env, "make", "BUILD="+tt.real)
			if a, b := readFile(t, filepath.Join(plain, "prog")), readFile(t, filepath.Join(dir, "prog")); a != b && !strings.Contains(tt.flags, "-g") {
				t.Error("the program is another one than without carecc")
			}
			got := armReferences(t, dir)
			if want := strings.Fields(tt.want); !slices.Equal(got, want) {
				t.Errorf("the patch refers to %q of the program, want %q", got, want)
			}
		})
	}
}

// patchEditWith makes a patch that brings a variable in front of the others.
func patchEditWith(t *testing.T, dir string, env []string) {
	t.Helper()
	patched := map[string]string{"Makefile": armTree["Makefile"]}
	patched["a.c"] = strings.NewReplacer("static int first,", "static int fresh = 7, first,", "first += x;", "first += x + fresh++;").Replace(armTree["a.c"])
	writeTree(t, dir, armTree)
	writePatch(t, dir, armTree, patched)
	mustRun(t, 0, dir, env, "patchmake", "-i", "a1", "fix.patch")
}

// armReferences names the functions and variables of the program that its patch replaces or reaches by their pages.
func armReferences(t *testing.T, dir string) (names []string) {
	t.Helper()
	prog, err := elfobj.Load(filepath.Join(dir, "lpmake", "bin", "prog"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "patchroot", prog.BuildID()+".kpatch"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte("kept\x00there")) {
		t.Error("the patch has a string that the program has")
	}
	p, err := kpatch.Decode(data)
	if err != nil || p.Machine != &arch.AArch64 {
		t.Fatal(p, err)
	}
	assertLoads(t, data, prog)
	note := func(sec int, offset uint64) {
		if s := &p.Sections[sec]; s.Original() {
			names = append(names, armName(prog, s.Addr+offset)...)
		}
	}
	for _, s := range p.Sections {
		for _, r := range s.Relocs {
			if sym := p.Symbols[r.Symbol]; r.Type.Kind == arch.PagePC && sym.Section > 0 {
				note(sym.Section, uint64(r.Addend))
			}
		}
	}
	for _, f := range p.Functions {
		note(f.Old.Section, f.Old.Offset)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// assertLoads holds what the reference loader makes of a patch to the program: each function is in the place of the one of its name.
func assertLoads(t *testing.T, data []byte, prog *elfobj.File) {
	t.Helper()
	const bias = 0x5555_0000_0000
	env := refload.Env{
		Base: bias + 0x100_0000, BuildID: prog.BuildID(),
		Resolve: func(string) (uint64, bool) { return 0x7fff_0000_0000, true },
	}
	if prog.Type == elf.ET_DYN {
		env.Bias = bias
	} else {
		env.Base -= bias
	}
	img, err := refload.Load(data, env)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range img.Functions {
		same := func(s elfobj.Symbol) bool {
			return s.Name == f.Name && s.Value == f.Daddr-env.Bias && s.Size == uint64(f.Dlen) && s.Type == elf.STT_FUNC
		}
		if !slices.ContainsFunc(prog.Symbols, same) {
			t.Errorf("%q is to replace the %d bytes at 0x%x", f.Name, f.Dlen, f.Daddr-env.Bias)
		}
	}
}

// armName names what begins at an address of a program, without numbers and the function that it is in.
func armName(prog *elfobj.File, addr uint64) (names []string) {
	for _, s := range prog.Symbols {
		if s.Value == addr && (s.Type == elf.STT_OBJECT || s.Type == elf.STT_FUNC) && s.Size > 0 {
			name := strings.TrimPrefix(s.Name, "f.")
			name, _, _ = strings.Cut(name, ".")
			names = append(names, name)
		}
	}
	return names
}

// TestAArch64Unnamed: where code knows variables by number and the compile that names them fails, the refusal says why.
func TestAArch64Unnamed(t *testing.T) {
	programs(t)
	testkit.Require(t, "aarch64-linux-gnu-gcc")
	dir := t.TempDir()
	specs := filepath.Join(dir, "refuse.specs")
	testkit.WriteFile(t, specs, "*cc1:\n+ %{fno-section-anchors:%eno such option here}\n\n")
	patched := map[string]string{"Makefile": armTree["Makefile"], "a.c": strings.Replace(armTree["a.c"], "first += x;", "first -= x;", 1)}
	writeTree(t, dir, armTree)
	writePatch(t, dir, armTree, patched)
	r := mustRun(t, 1, dir, []string{"KPCCREAL=aarch64-linux-gnu-gcc", "FLAGS=-O2 -specs=" + specs}, "patchmake", "-i", "a1", "fix.patch")
	assertContains(t, r.Stderr, "by their distance from an anchor; the compile that names its variables failed: ")
	assertContains(t, r.Stderr, "no such option here")
}

// TestAArch64Handlers: what clang writes about handlers for AArch64 are distances of 64 bits, one of them to the program.
func TestAArch64Handlers(t *testing.T) {
	programs(t)
	testkit.Require(t, "clang", "aarch64-linux-gnu-gcc")
	tree := map[string]string{
		"Makefile": `lib.so: a.o
	$(CC) --target=aarch64-linux-gnu -Wl,--build-id -shared -nostdlib -o $@ a.o
a.o: a.cc
	$(CC) --target=aarch64-linux-gnu -O2 -fPIC -c a.cc
install:
	mkdir -p $(DESTDIR)
	cp lib.so $(DESTDIR)
`,
		"a.cc": `__attribute__((noinline)) int may(int x)
{
	if (x > 2)
		throw x;
	return x;
}
int handles(int x)
{
	try {
		return may(x);
	} catch (int e) {
		return e + 100;
	}
}
`,
	}
	for _, tt := range []struct {
		name, old, new string
		distances      int // of 64 bits to the program
	}{
		{"handles", "e + 100", "e + 200", 1},
		{"throws", "x > 2", "x > 3", 0},
	} {
		dir := t.TempDir()
		writeTree(t, dir, tree)
		writePatch(t, dir, tree, map[string]string{"Makefile": tree["Makefile"], "a.cc": strings.Replace(tree["a.cc"], tt.old, tt.new, 1)})
		mustRun(t, 0, dir, []string{"KPCCREAL=clang"}, "patchmake", "-i", "a1", "fix.patch")
		p := onlyPatch(t, dir)
		n := 0
		for i := range p.Sections {
			for _, r := range p.Sections[i].Relocs {
				if r.Type.Kind == arch.PC64 {
					n++
				}
			}
		}
		if n != tt.distances {
			t.Errorf("%s: %d distances of 64 bits to the program", tt.name, n)
		}
	}
}
