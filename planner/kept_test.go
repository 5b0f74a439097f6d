package planner

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// keptText keeps variables in all the ways of gcc and clang.
const keptText = `	.text
f:
	movl	count(%rip), %eax
	.local	count
	.comm	count,4,4
	.section	.data.rel.ro.local,"aw"
	.size	fixed, 8
fixed:
	.quad	f
	.section	.data.rel.local,"aw"
	.size	call, 8
call:
	.quad	f
	.section	.rodata
limit:
	.long	3
	.size	limit, 4
	.section	.bss.mode,"aw",@nobits
mode:
	.byte	0
	.size	mode, 1
	.data
list:
	.long	1
	.size	list, 12
	.section	.debug_str
	.string	"gone"
`

func TestMemoryOf(t *testing.T) {
	names := []string{"count", "fixed", "call", "limit", "mode", "list", "gone"}
	want := map[string]memory{
		"count": {"4", true}, "fixed": {"8", false}, "call": {"8", true}, "limit": {"4", false}, "mode": {"1", true}, "list": {"12", true},
	}
	if diff := cmp.Diff(want, memoryOf(keptText, names), cmp.AllowUnexported(memory{})); diff != "" {
		t.Error(diff)
	}
}

func TestByStars(t *testing.T) {
	const source = `static int a, b;
static int *to = &b;
static int **far = &to;
static int a;
static int *other[2] = { &b, 0 };
static const int fixed = 3;
`
	want := [][]string{{"a"}, {"to", "other"}, {"far"}}
	if diff := cmp.Diff(want, byStars([]byte(source), []string{"a", "far", "other", "to"})); diff != "" {
		t.Error(diff)
	}
}
