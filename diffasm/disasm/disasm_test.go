package disasm

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/elfobj"
	"gocare/internal/test/testkit"
)

// source has what an object can have of a unit in C.
const source = `
#include <stdio.h>
#include <string.h>
static int calls, sizes[8];
static __thread long mine = 3;
extern int elsewhere;
int limit = 7;
static const char *const names[] = { "zero", "one" };
__attribute__((cold, noinline)) static void die(int code) { printf("%d %s", code, __func__); }
int pick(int x)
{
	switch (x) {
	case 0: return calls;
	case 1: return 17;
	case 2: return elsewhere;
	case 3: return -9;
	case 4: puts("four"); return 3;
	case 5: return 99;
	}
	return 0;
}
double scale(double x) { return x * 3.25 + 1; }
int work(int x)
{
	int *p, sum = 0;

	mine += x;
	if (__builtin_expect(x > limit, 0))
		die(x);
	for (p = sizes; p < sizes + 8; p++)
		sum += *p;
	calls++;
	return sum + pick(x) + strlen(names[x & 1]);
}
`

// object compiles the source, or an edit of it.
func object(t *testing.T, text string, flags ...string) Object {
	t.Helper()
	testkit.Require(t, "gcc", "objdump")
	dir := t.TempDir()
	src, obj := filepath.Join(dir, "a.c"), filepath.Join(dir, "a.o")
	if err := os.WriteFile(src, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", append(flags, "-g", "-c", src, "-o", obj)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := elfobj.Load(obj)
	if err != nil {
		t.Fatal(err)
	}
	listing, err := exec.Command("objdump", ListingArgs(obj)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return Object{Name: obj, File: f, Listing: listing}
}

func assemble(t *testing.T, text []byte) *elfobj.File {
	t.Helper()
	src, obj := filepath.Join(t.TempDir(), "a.s"), filepath.Join(t.TempDir(), "a.o")
	if err := os.WriteFile(src, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("as", "--keep-locals", src, "-o", obj).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := elfobj.Load(obj)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestProve: every function comes back from an assembler, and one that does not is found out.
func TestProve(t *testing.T) {
	for _, flags := range []string{"-O0", "-O2", "-O2 -fno-pie", "-O2 -fPIC", "-O2 -ffunction-sections -fdata-sections", "-O3 -mavx2"} {
		t.Run(flags, func(t *testing.T) {
			text, err := Write(object(t, source, strings.Fields(flags)...), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if wrong, err := text.Prove(assemble(t, text.Check)); err != nil || len(wrong) > 0 {
				t.Errorf("did not come back: %v, %v", wrong, err)
			}
			for _, edit := range [][3]string{{"pick", "$0x11", "$0x12"}, {"scale", "mulsd", "divsd"}, {"work", "calls(", "other("}} {
				name := edit[0]
				at := strings.Index(string(text.Check), "\n"+name+":")
				other := string(text.Check[:at]) + strings.Replace(string(text.Check[at:]), edit[1], edit[2], 1)
				wrong, err := text.Prove(assemble(t, []byte(other)))
				if err != nil || len(wrong) != 1 || wrong[name] == "" {
					t.Errorf("%s with %s in the place of %s: %v, %v", name, edit[2], edit[1], wrong, err)
				}
			}
		})
	}
}

// TestUnclear: where sections are laid out otherwise, an address in one may mean the end of the variable before.
func TestUnclear(t *testing.T) {
	moved := strings.Replace(source, "static int calls, sizes[8];", "static int calls, sizes[8], more[3];", 1)
	moved = strings.Replace(moved, "calls++;", "calls++; more[x & 1]++;", 1)
	edited := strings.Replace(source, "calls++;", "calls += 2;", 1)
	for _, tt := range []struct {
		name, patched, flags string
		want                 bool
	}{
		{"the same variables", edited, "-O2", false},
		{"one more", moved, "-O2", true},
		{"one more, each in its section", moved, "-O2 -fdata-sections", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			flags := strings.Fields(tt.flags)
			text, err := Write(object(t, tt.patched, flags...), object(t, source, flags...).File, nil)
			if err != nil {
				t.Fatal(err)
			}
			if why := text.unit.refused["work"]; (why != "") != tt.want {
				t.Errorf("refused: %q", why)
			}
		})
	}
}

// TestUnclearData: an address in data that may be the end of a variable is none that a patch can have.
func TestUnclearData(t *testing.T) {
	const orig = `
static int first[4], second[4];
static int *ends[] = { first, first + 4 };
int f(int x) { return ends[x] - first + second[x] + (second[x & 3] = x); }
`
	moved := strings.Replace(orig, "second[4];", "second[4], third[4]; int *g(void) { return third; }", 1)
	for _, flags := range []string{"-O0", "-O0 -fdata-sections"} {
		text, err := Write(object(t, moved, strings.Fields(flags)...), object(t, orig, strings.Fields(flags)...).File, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := strings.Contains(string(text.Asm), ".Lunclear_"), flags == "-O0"; got != want {
			t.Errorf("%s: an unclear address: %v, want %v", flags, got, want)
		}
	}
}

// TestAlignment: an instruction that asks for alignment is told from one that does not.
func TestAlignment(t *testing.T) {
	for text, want := range map[string]bool{
		"movaps 0x0(%rip),%xmm0        # 8 <f+0x8>": true, "movdqa (%rax),%xmm1": true, "paddd  (%rax),%xmm1": true, "vmovdqa (%rax),%ymm1": true,
		"movups (%rax),%xmm1": false, "movdqu (%rax),%xmm1": false, "addsd  (%rax),%xmm1": false, "movq   (%rax),%xmm1": false,
		"vpaddd (%rax),%ymm1,%ymm2": false, "movl   (%rax),%eax": false, "cvtsi2sdl (%rax),%xmm0": false, "pxor   %xmm1,%xmm1": false,
	} {
		if got := asksForAlignment(instruction{text: text}); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// FuzzFrames: an unwind table of any bytes is read or refused.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x14\x00\x00\x00\x00\x00\x00\x00\x01zR\x00\x01\x78\x10\x01\x1b\x0c\x07\x08\x90\x01\x00\x00"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		object := &elfobj.File{Symbols: []elfobj.Symbol{{}, {Section: 1}}}
		var relas []elfobj.Rela
		for at := range data {
			relas = append(relas, elfobj.Rela{Offset: uint64(at), Symbol: 1})
		}
		_ = readFrames(object, data, relas, map[place]*frame{})
	})
}
