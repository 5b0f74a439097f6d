package diffasm_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gocare/diffasm"
	"gocare/internal/arch"
	"gocare/internal/test/testkit"
)

// source has one construct of each kind that compilers turn into something the differ has to follow.
const source = `
#include <stdio.h>
#include <stdlib.h>
static int cnt;
static __thread int tl;
extern __thread int etl;
int gv = 5;
const char *names[] = {"a", "b", "c"};
static const char *const cnames[] = {"aa", "bb", "cc"};
static int helper(int x, int y, int z)
{
	static int n, m = 4;
	n += x;
	m += y;
	if (n > 5) {
		fprintf(stderr, "bad %d\n", n);
		abort();
	}
	return n + m + z;
}
double scale(double x) { return x * 3.14159 + (x > 0 ? 1.0 : -x); }
int sw(int x)
{
	switch (x) {
	case 0: return 5;
	case 1: return helper(1, 2, 3);
	case 2: puts("x"); return 8;
	case 3: return tl++;
	case 4: return etl;
	case 5: puts(names[1]); return 1;
	case 6: puts(cnames[gv]); return cnt++;
	}
	return 0;
}
int go_to(unsigned char *p)
{
	static const void *const t[] = {&&a, &&b, &&c};
	goto *t[*p];
a:	p++; gv++; goto *t[*p];
b:	gv--; p++; goto *t[*p];
c:	return gv;
}
static void __attribute__((constructor)) ini(void) { gv = 3; }
int rec(int n) { static int deep; deep++; return n < 2 ? n : rec(n - 1) + rec(n - 2) + deep; }
void vec(float *x) { for (int i = 0; i < 64; i++) x[i] = x[i] * 2.5f + i; }
int loop(int x) { __asm__ volatile("1: dec %0\n jnz 1b" : "+r"(x)); return x; }
int two(int x) { { static int n = 1; x += n++; } { static int n = 2; x *= n++; } return x + helper(x, 2, 3); }
void va(void) { printf("%s\n", __func__); }
void al(void) __attribute__((alias("va")));
`

var flagSets = []string{
	"-O0", "-O1", "-O2", "-O2 -g", "-O3", "-Os", "-O2 -fPIC", "-O2 -fno-pie", "-O0 -fno-pie", "-O2 -ffunction-sections -fdata-sections",
	"-O2 -g3 -fverbose-asm", "-O2 -mcmodel=large", "-O2 -fno-plt -fPIC", "-O2 -mtls-dialect=gnu2 -fPIC", "-O2 -fcf-protection",
	"-O2 -fno-asynchronous-unwind-tables", "-O2 -pg", "-O0 -fPIC -g",
}

func compile(t *testing.T, dir, flags string) []byte {
	c := filepath.Join(dir, "a.c")
	if err := os.WriteFile(c, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	args := append(strings.Fields(flags), "-S", "-o", filepath.Join(dir, "a.s"), c)
	if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc %s: %v\n%s", flags, err, out)
	}
	s, err := os.ReadFile(filepath.Join(dir, "a.s"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestIdentity puts every function of real compiler output into a patch: nothing is changed, nothing is skipped, and the
// assembler takes what is emitted.
func TestIdentity(t *testing.T) {
	testkit.Require(t, "gcc", "as")
	for _, flags := range flagSets {
		t.Run(flags, func(t *testing.T) {
			dir := t.TempDir()
			e := identity(t, compile(t, dir, flags))
			name := filepath.Join(dir, "out.s")
			if err := os.WriteFile(name, e.Asm, 0o644); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("as", "-o", filepath.Join(dir, "out.o"), name).CombinedOutput(); err != nil {
				t.Errorf("as: %v\n%s", err, out)
			}
		})
	}
}

func identity(t *testing.T, src []byte) *diffasm.Emitted {
	f, err := diffasm.Parse(&arch.X86_64, "a.s", src)
	if err != nil {
		t.Fatal(err)
	}
	d, err := diffasm.Match(f, f, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s := describe(d); s != "" {
		t.Fatalf("a unit differs from itself:\n%s", s)
	}
	s, err := diffasm.Decide(d, diffasm.Options{Identity: func(string) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Skipped) > 0 || len(s.Functions) < 9 {
		t.Errorf("skipped %v, took %d functions", s.Skipped, len(s.Functions))
	}
	e, err := diffasm.Emit(s)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.NewVars()) > 0 && !onlyTables(s.NewVars()) {
		t.Errorf("new variables %q in an identity patch", s.NewVars())
	}
	return e
}

// onlyTables reports whether the names are those of label tables.
func onlyTables(names []string) bool {
	for _, n := range names {
		if !strings.HasPrefix(n, "t.") {
			return false
		}
	}
	return true
}
