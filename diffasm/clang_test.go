package diffasm_test

import (
	"slices"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// Two static locals of one name in blocks of one function: clang names them f.n and f.n.1.
const twoBlocks = `extern void o(int *);
int f(int x)
{
	if (x > 0) { static int n; n += x; o(&n); }
	return x;
}
`

// A variable with two values, which LLVM keeps in one byte.
const twoValues = `static int state;
void on(void) { state = 5; }
int get(int x) { return state + x; }
`

// A structure that LLVM takes apart.
const parted = `extern int o(int);
static struct { int a; long b; } s;
void set(void) { s.a = o(1); s.b = o(2); }
int geta(void) { return s.a + 1; }
long getb(void) { return s.b + 2; }
`

var clangChanges = []change{
	{
		name: "static local of a changed function", flags: "-O2", has: "f.n", orig: twoUsers,
		patched: strings.Replace(twoUsers, "n += x", "n += 2 * x", 1),
		want:    []string{"f:changed"}, contains: []string{"f.n(%rip)"}, lacks: []string{"kpnew"},
	},
	{
		name: "another static of the name before it takes its name, debug information", flags: "-O0 -g", orig: twoBlocks, has: "f.n",
		patched: strings.Replace(twoBlocks, "if (x > 0)", "if (x < 0) { static int n = 9; n -= x; o(&n); }\n\tif (x > 0)", 1),
		want:    []string{"f:changed"}, contains: []string{"addl\tf.n(%rip)", "f.n.kpnew:"}, unproved: "f.n.1",
	},
	{
		name: "another static of the name before it takes its name", flags: "-O2", orig: twoBlocks, has: "f.n",
		patched: strings.Replace(twoBlocks, "if (x > 0)", "if (x < 0) { static long n = 9; n -= x; o((int *)&n); }\n\tif (x > 0)", 1),
		want:    []string{"f:changed"}, unproved: "f.n.1",
	},
	{
		name: "two values, the same ones, debug information", flags: "-O2 -g", orig: twoValues, has: ".comm\tstate,1,",
		patched: strings.Replace(twoValues, "state + x", "state - x", 1),
		want:    []string{"get:changed"}, contains: []string{"state(%rip)"},
	},
	{
		name: "two values, the same ones", flags: "-O2", orig: twoValues, has: ".comm\tstate,1,",
		patched: strings.Replace(twoValues, "state + x", "state - x", 1),
		want:    []string{"get:changed"}, unproved: "state",
	},
	{
		name: "two values, nothing changed", flags: "-O2", orig: twoValues, has: ".comm\tstate,1,", patched: twoValues,
	},
	{
		name: "two values, another one, debug information", flags: "-O2 -g", orig: twoValues, has: ".comm\tstate,1,",
		patched: strings.Replace(twoValues, "state = 5", "state = 7", 1),
		want:    []string{"get:changed"}, code: "data-changed",
	},
	{
		name: "two values become three", flags: "-O2", orig: twoValues, has: ".comm\tstate,1,",
		patched: strings.Replace(twoValues, "state = 5", "state = 5 + state", 1),
		want:    []string{"on:changed", "get:changed"}, code: "data-size",
	},
	{
		name: "members, debug information", flags: "-O2 -g", orig: parted, has: "s.1",
		patched: strings.Replace(strings.Replace(parted, "s.b + 2", "s.b + 3", 1), "s.a + 1", "s.a - 1", 1),
		want:    []string{"geta:changed", "getb:changed"}, contains: []string{"s.0(%rip)", "s.1(%rip)"},
	},
	{
		name: "members become a whole", flags: "-O2", orig: parted, has: "s.1",
		patched: strings.Replace(parted, "s.a + 1", "s.a + o((int)(long)&s)", 1), code: "static-ambiguous",
	},
	{
		name: "a whole becomes members", flags: "-O2", patched: parted, has: "s(%rip)",
		orig: strings.Replace(parted, "s.a + 1", "s.a + o((int)(long)&s)", 1), code: "static-ambiguous",
	},
	{
		name: "memory allocated once becomes a pointer", flags: "-O2", has: "p.body", orig: onceAllocated,
		patched: strings.Replace(onceAllocated, "p = malloc(40)", "p = realloc(p, 80)", 1),
		want:    []string{"init:changed", "put:changed", "get:changed"}, code: "static-ambiguous",
	},
	{
		name: "names given behind the debug information", flags: "-O2 -g", has: ".debug_info",
		orig: `extern int w(int) __attribute__((weak));
int f(int x) { return x + 1; }
extern int g(int) __attribute__((alias("f")));
`,
		patched: `extern int w(int) __attribute__((weak));
int f(int x) { return w ? w(x) + 2 : 2; }
extern int g(int) __attribute__((alias("f")));
`,
		want: []string{"f:changed"}, contains: []string{".weak\tw"},
	},
	{
		name: "table of distances", flags: "-O2 -fPIC", has: "reltable.f",
		orig: `static const char *const t[] = {"a", "b"};
const char *f(int x) { return t[x & 1]; }
`,
		patched: `static const char *const t[] = {"a", "c"};
const char *f(int x) { return t[x & 1]; }
`,
		want: []string{"f:changed"}, contains: []string{".Lreltable.f:", "-.Lreltable.f"},
	},
	{
		name: "variable that nobody reads gets a reader", flags: "-O2 -g", has: "get", orig: writeOnly,
		patched: strings.Replace(writeOnly, "return x", "return x + last", 1),
		want:    []string{"set:changed", "get:changed"}, code: "static-lost",
	},
	{
		name: "pointer of which the one value is known", flags: "-O2 -g", has: "get", orig: oneTarget,
		patched: strings.Replace(oneTarget, "void set(void) {", "void alter(struct ops *o) { cur = o; }\nvoid set(void) {", 1),
		want:    []string{"alter:new", "set:changed", "get:changed", "fa:new"}, code: "static-lost",
	},
	{
		name: "pointer that is known gets another address", flags: "-O2", orig: onePointer, has: "p(%rip)",
		patched: strings.Replace(onePointer, "p = a", "p = b", 1), want: []string{"f:changed"}, code: "data-changed",
	},
	{
		name: "pointer that is known gets another address, in a register", flags: "-O2 -fPIC", orig: onePointer, has: "movq\t%rax, p(%rip)",
		patched: strings.Replace(onePointer, "p = a", "p = b", 1), want: []string{"f:changed"}, code: "data-changed",
	},
	{
		name: "pointer that is known keeps its address", flags: "-O2 -fPIC", orig: onePointer, has: "p(%rip)",
		patched: strings.Replace(onePointer, "p(x)", "p(x) + 1", 1), want: []string{"f:changed"}, contains: []string{"p(%rip)"},
	},
	{
		name: "pointer that is given gets another address", flags: "-O2 -fPIC", orig: onePointer + "void set(int (*q)(int)) { p = q; }\n", has: "p(%rip), %rax",
		patched: strings.Replace(onePointer, "p = a", "p = b", 1) + "void set(int (*q)(int)) { p = q; }\n", want: []string{"f:changed"}, contains: []string{"p(%rip), %rax"},
	},
	{
		name: "pointer that is known keeps its string", flags: "-O2", orig: oneString, has: "p(%rip)",
		patched: strings.Replace(oneString, "o(p)", "o(p) + 1", 1), want: []string{"f:changed"}, contains: []string{"p(%rip)"},
	},
	{
		name: "pointer that is known gets another string", flags: "-O2", orig: oneString, has: "p(%rip)",
		patched: strings.Replace(oneString, "\"a\"", "\"b\"", 1), want: []string{"set:changed"}, code: "data-changed",
	},
	{
		name: "jump table and constants", flags: "-O2", has: ".LJTI",
		orig:     clangSwitch,
		patched:  strings.Replace(clangSwitch, "return x * 3", "return x * 5", 1),
		want:     []string{"f:changed"},
		contains: []string{".LJTI0_0:", ".LCPI"},
	},
	{
		name: "constant without an address", flags: "-O2 -fPIC", has: ".rodata.cst16",
		orig:    "int f(int x) { static const int t[] = {1, 5, 2, 7}; return t[x & 3]; }\n",
		patched: "int f(int x) { static const int t[] = {1, 5, 2, 8}; return t[x & 3]; }\n",
		want:    []string{"f:changed"}, contains: []string{".kpatch.rodata", ".long\t8"},
	},
	{
		name: "thread-local static, debug information", flags: "-O2 -g", has: "f.n@TPOFF",
		orig:    strings.ReplaceAll(twoUsers, "static int", "static __thread int"),
		patched: strings.ReplaceAll(strings.Replace(twoUsers, "n += x", "n += 2 * x", 1), "static int", "static __thread int"),
		want:    []string{"f:changed"}, contains: []string{"f.n@TPOFF"},
	},
}

// A pointer of which LLVM knows the address that it may hold.
const onePointer = `extern int o(int);
static int a(int x) { return o(x) + 5; }
static int b(int x) { return o(x) + 6; }
int (*use(int x))(int) { return x ? a : b; }
static int (*p)(int);
int f(int x) { if (!p) p = a; return p(x); }
`

// Likewise, of a literal.
const oneString = `extern int o(const char *);
static const char *p;
__attribute__((noinline)) void set(void) { p = "a"; }
int f(void) { set(); return o(p); }
`

const onceAllocated = `#include <stdlib.h>
static int *p;
void init(void) { p = malloc(40); }
void put(int i, int v) { p[i] = v; }
int get(int i) { return p[i]; }
`

const sanitized = `#include <stdio.h>
static int count = 3;
int table[4];
int f(int x) { printf("%d\\n", x); return table[x & 3] += count; }
int g(int x) { puts("unchanged"); return x; }
`

// sanitizedChanges are rows for both compilers: what the sanitizers write beside the code is no change of the code.
func sanitizedChanges(cc, asanHas, ubsanHas string) []change {
	patched := strings.Replace(sanitized, `printf("%d\\n", x);`, `static int calls = 5; printf("%d of %d\\n", x, calls++);`, 1)
	return []change{
		{
			name: cc + ", address sanitizer", cc: cc, flags: "-O1 -g -fsanitize=address", orig: sanitized, patched: patched, has: asanHas,
			want: []string{"f:changed"}, contains: []string{"of %d"}, lacks: []string{"unchanged"},
		},
		{
			name: cc + ", undefined behaviour sanitizer", cc: cc, flags: "-O1 -g -fsanitize=undefined", orig: sanitized, patched: patched, has: ubsanHas,
			want: []string{"f:changed"}, contains: []string{".kpatch.data", "__ubsan_handle"},
		},
	}
}

// gcc marks the frame of a function with an array on the stack by the address of its entry.
var framed = change{
	name: "gcc, address sanitizer, frame", flags: "-O2 -fno-pie -fsanitize=address", has: "movq\t$.LASANPC",
	orig: strings.ReplaceAll(onStack, "%x", "%d"), patched: onStack, want: []string{"f:changed"}, contains: []string{"movq\t$.LASANPC"},
}

const onStack = `#include <stdio.h>
#include <stdlib.h>
void f(int n) { char text[32]; snprintf(text, sizeof text, "%x", n); printf("%s %ld\n", text, strtol(text, NULL, 7)); }
`

// TestSanitized follows changes of instrumented code.
func TestSanitized(t *testing.T) {
	testkit.Require(t, "gcc", "clang")
	for _, c := range slices.Concat([]change{framed}, sanitizedChanges("gcc", ".LASAN0", ".Lubsan_data"), sanitizedChanges("clang", "__unnamed_1", ".L__unnamed_1")) {
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

const oneTarget = `struct ops { int (*f)(int); };
static int fa(int x) { return x + 1; }
static struct ops a = {fa};
static struct ops *cur;
void set(void) { cur = &a; }
int get(int i) { return cur->f(i); }
`

const clangSwitch = `extern int o(int, double);
int f(int x)
{
	switch (x) {
	case 1: return o(x, 1.5);
	case 2: return x * 3;
	case 3: return o(x + 4, 2.5);
	case 4: return o(3, x);
	case 5: return o(8, x);
	case 6: return o(9, x / 3.25);
	}
	return 0;
}
`

// TestClangChanges is TestChanges for clang.
func TestClangChanges(t *testing.T) {
	testkit.Require(t, "clang")
	for _, c := range clangChanges {
		c.cc = "clang"
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}
