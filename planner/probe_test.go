package planner

import (
	"slices"
	"testing"
)

// A probe repeats what functions declare, goes by the names of the source, and leaves out what is the compiler's.
func TestProbeDeclare(t *testing.T) {
	const source = `extern int other, ab;
int f(void) { extern unsigned a [ 2 ] ; return a[0]; }
void g(void) { int called(int); hand(called); return called(1); }
extern int named __asm__("" "label"); extern int scan(const char *) __asm__ ("isoc_scan");
int h(void) { extern struct { int x; } body; return body.x; }
char *s = "own";
void i(void) { extern int word; extern __typeof__(word) array[2]; array[1] = word; }
`
	const complaint = "probe.c:1:12: error: use of undeclared identifier 'a'; did you mean 'b'?\n"
	p := probe{names: []string{"a", "b", "called", "label", "isoc_scan", "body", "own", "return", "array", "word"}, text: []byte(source), spelt: map[string]string{}}
	unknown := complaints(complaint)
	for _, name := range []string{"called", "label", "isoc_scan", "body", "own", "array", "word"} {
		unknown[name] = true
	}
	p.declare(unknown)
	if !slices.Equal(p.names, []string{"a", "b", "called", "label", "return", "array", "word"}) || p.spelt["label"] != "named" {
		t.Errorf("got %q, %q", p.names, p.spelt)
	}
	if !slices.Equal(p.inside, []string{"extern unsigned a [ 2 ] ;", "int called(int);", "extern int word;", "extern __typeof__(word) array[2];"}) || !slices.Equal(p.lost, []string{"body"}) {
		t.Errorf("got %q, lost %q", p.inside, p.lost)
	}
}
