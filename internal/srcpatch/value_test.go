package srcpatch

import (
	"strings"
	"testing"
)

func TestValueChanges(t *testing.T) {
	header := `
#define LEVEL 1
#define PICK pick
static inline int pick(void) { return 1; }
struct s { int a; };
static const int table[] = { 1, 2 };
typedef int number; static inline int second(void) { return 1; }
int handler(int x);
`
	unchanged := NamesOf([]byte(`
#define OTHER 5
#define DEEP (LEVEL + 1)
int outer(void) { return pick(); }
int takes(void) { return use(pick); }
`))
	level, pick := []string{"LEVEL 1", "LEVEL 2"}, []string{"return 1; }\nstruct", "return 2; }\nstruct"}
	for _, tt := range []struct {
		name, expression string
		patch            []string
		want             bool
	}{
		{"a macro", "LEVEL", level, true},
		{"another macro", "OTHER", level, false},
		{"a macro that stands for one", "DEEP * 2", level, true},
		{"the address of a function", "pick", pick, false},
		{"what a function returns", "pick ( )", pick, true},
		{"what a function returns that calls one", "outer()", pick, true},
		{"what a function returns that takes the address of one", "takes()", pick, false},
		{"what is called by a macro", "PICK()", pick, true},
		{"the address by a macro", "PICK", pick, false},
		{"a constant", "table[0]", []string{"1, 2", "2, 1"}, true},
		{"the size of a type", "sizeof(struct s)", []string{"int a;", "int a, b;"}, true},
		{"the second function of a line", "second()", []string{"second(void) { return 1", "second(void) { return 2"}, true},
		{"a prototype", "handler(1)", []string{"handler(int x)", "handler(int y)"}, false},
		{"a comment", "LEVEL", []string{"LEVEL 1", "LEVEL 1 /* one */"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			change := FileChange{Old: "k.h", New: "k.h", Before: []byte(header), After: []byte(strings.NewReplacer(tt.patch...).Replace(header))}
			if string(change.Before) == string(change.After) {
				t.Fatal("the patch changes nothing")
			}
			if got := NewEdits([]FileChange{change}).Values(nil, unchanged).Change(tt.expression); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestCalls(t *testing.T) {
	source := `
#define LEVEL 1
struct s { int a; };
int begin(int x) { return x; }
int other(int x) { return begin(x); }
s::s(int x) { a = x; }
`
	unchanged := NamesOf([]byte("#define DEEP (LEVEL + 1)\n#define CALL(x) begin(x)\n"))
	level, begin := []string{"LEVEL 1", "LEVEL 2"}, []string{"return x;", "return x + 1;"}
	for _, tt := range []struct {
		name, expression string
		patch            []string
		want             bool
	}{
		{"a macro", "= LEVEL", level, true},
		{"a macro that stands for one", "= DEEP", level, true},
		{"a macro that stands for another", "= CALL(2)", level, false},
		{"a function", "= begin(1)", begin, true},
		{"a function by a macro", "= CALL(1)", begin, true},
		{"a function of which the address is taken", "= &begin", begin, false},
		{"a function that calls one", "= other(1)", begin, false},
		{"a type", "= sizeof(s)", []string{"int a;", "int a, b;"}, false},
		{"a constructor", "= new s(1)", []string{"a = x", "a = x + 1"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			change := FileChange{Old: "k.cc", New: "k.cc", Before: []byte(source), After: []byte(strings.NewReplacer(tt.patch...).Replace(source))}
			if string(change.Before) == string(change.After) {
				t.Fatal("the patch changes nothing")
			}
			if got := NewEdits([]FileChange{change}).Values(nil, unchanged).Calls(tt.expression); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestValuesOfOtherSources: where an edit decides what is read, all that sources define may be something else; edits of a file that
// is not read do not count.
func TestValuesOfOtherSources(t *testing.T) {
	source := `
#include "a.h"
#define MODE 1
static int own;
int f(int x) { return x + LEVEL; }
`
	header := `
#if MODE > 1
#define LEVEL 5
#else
#define LEVEL 1
#endif
int level(void);
`
	for _, tt := range []struct {
		name, expression string
		patch            []string
		other            bool // what is edited is not read
		want             bool
	}{
		{"another header", "LEVEL", []string{"a.h", "b.h"}, false, true},
		{"another header, and a local variable", "x + 1", []string{"a.h", "b.h"}, false, false},
		{"another header, and the address of a function", "level", []string{"a.h", "b.h"}, false, false},
		{"a macro that a header's condition names", "LEVEL", []string{"MODE 1", "MODE 2"}, false, true},
		{"a macro that no condition names", "LEVEL", []string{"#define MODE 1", "#define MODE 1\n#define SPEED 1"}, false, false},
		{"a condition", "own", []string{"static", "#ifdef DEBUG\n#endif\nstatic"}, false, true},
		{"a function", "LEVEL", []string{"x + LEVEL", "x - LEVEL"}, false, false},
		{"a source that is not read", "LEVEL", []string{"MODE 1", "MODE 2"}, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			change := FileChange{Old: "s.c", New: "s.c", Before: []byte(source), After: []byte(strings.NewReplacer(tt.patch...).Replace(source))}
			if string(change.Before) == string(change.After) {
				t.Fatal("the patch changes nothing")
			}
			read := func(file string) bool { return file == "s.c" && !tt.other }
			if got := NewEdits([]FileChange{change}).Values(read, NamesOf([]byte(header))).Change(tt.expression); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
