package csource

import (
	"slices"
	"testing"
)

func TestItems(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"declarations", "extern int  x;\ntypedef struct {\n int a; } t;", []string{"extern int x;", "typedef struct{int a;}t;"}},
		{"a line of a directive", "#pragma GCC x\nint x;", []string{"int x;"}},
		{"a function ends with its body", "int f(int a)\n{ if (a) { return 1; } return 2; }\nint x;", []string{"int f(int a){if(a){return 1;}return 2;}", "int x;"}},
		{"a structure with an attribute", "struct __attribute__((packed)) s { int a; } x;", []string{"struct __attribute__((packed))s{int a;}x;"}},
		{"braces of values", "int x[] = { 1, 2 }, y;", []string{"int x[]={1,2},y;"}},
		{"semicolons of literals", `char *s = ";}", c = ';';` + "\nint x;", []string{`char*s=";}",c=';';`, "int x;"}},
		{"words stay apart over lines", "static\nint\nx;", []string{"static int x;"}},
		{"blanks of literals", `char *s = "a  b";`, []string{`char*s="a  b";`}},
		{"an end that is missing", "int x; int y", []string{"int x;", "int y"}},
		{"closed too often", "} int x;", []string{"}int x;"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Items([]byte(tt.text)); !slices.Equal(got, tt.want) {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestHasAll(t *testing.T) {
	for _, tt := range []struct {
		name         string
		list, wanted []string
		want         bool
	}{
		{"more", []string{"a", "b", "a"}, []string{"a", "a"}, true},
		{"one less", []string{"a", "b"}, []string{"a", "a"}, false},
		{"another one", []string{"a"}, []string{"b"}, false},
		{"nothing", nil, nil, true},
	} {
		if got := HasAll(tt.list, tt.wanted); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
