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
			if got := NewEdits([]FileChange{change}).ValueChanges(tt.expression, unchanged); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
