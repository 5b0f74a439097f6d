package asm

import (
	"slices"
	"strings"
	"testing"
)

// TestParseProblems: what the text alone shows to keep a function out of a patch is noted with the function.
func TestParseProblems(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string // codes of the problems of f
	}{
		{name: "a function", text: `
	.text
	.type	f, @function
f:
	ret
	.size	f, .-f
`},
		{name: "without a size", want: []string{"asm-function"}, text: `
	.text
	.type	f, @function
f:
	ret
`},
		{name: "in a group", text: `
	.section	.text.f,"axG",@progbits,f,comdat
	.type	f, @function
f:
	ret
	.size	f, .-f
`},
		{name: "inline assembly that leaves its section", want: []string{"asm-section", "asm-section"}, text: `
	.text
	.type	f, @function
f:
#APP
	.section	.data
#NO_APP
	ret
	.size	f, .-f
`},
		{name: "inline assembly that defines a symbol", want: []string{"asm-label"}, text: `
	.text
	.type	f, @function
f:
#APP
g:
#NO_APP
	ret
	.size	f, .-f
`},
		{name: "a table of labels of two functions", want: []string{"label-table"}, text: `
	.text
	.type	f, @function
f:
.L1:
	ret
	.size	f, .-f
	.type	g, @function
g:
.L2:
	ret
	.size	g, .-g
	.section	.rodata
.L3:
	.quad	.L1
	.quad	.L2
`},
		{name: "listed by its address", want: []string{"entry-table"}, text: `
	.text
	.type	f, @function
f:
.L1:
	ret
	.size	f, .-f
	.section	__mcount_loc,"a",@progbits
	.quad	.L1
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file, err := Parse(ATT, "a.s", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range file.FunctionByName["f"].Problems {
				got = append(got, string(p.Code))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFollow(t *testing.T) {
	f, err := Parse(ATT, "a.s", []byte(`
	.set	a,b
	.set	b,c+8
	.weakref	w,d
	.set	x,y
	.set	y,x
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, symbol, target string
		offset               int64
		ok                   bool
	}{
		{"through two aliases", "a", "c", 8, true},
		{"no alias", "c", "c", 0, true},
		{"a weak reference is a name of its own", "w", "w", 0, true},
		{"a circle", "x", "x", 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if target, off, ok := f.Follow(tt.symbol); target != tt.target || off != tt.offset || ok != tt.ok {
				t.Errorf("%s: %s%+d, %v", tt.symbol, target, off, ok)
			}
		})
	}
}

// A zero byte in a comment is clang's way to show a constant; anywhere else the text is no assembly.
func TestParseZero(t *testing.T) {
	const start, end = "\t.text\n\t.type\tf, @function\nf:\n\tret\n\t.size\tf, .-f\n", "\t.byte\t0"
	for _, tt := range []struct {
		name, text string
		refused    bool
	}{
		{"none", start, false},
		{"in a comment", start + end + "\t# \x00\n", false},
		{"in a comment of a line of its own", start + "# \x00\n", false},
		{"in a comment over lines", start + "/* \n\x00 */\n", false},
		{"behind a comment over lines", start + "/* \n */ \x00\n", true},
		{"in a string", start + "\t.ascii\t\"a#\x00\"\n", true},
		{"in a statement", start + end + "\x00\n", true},
		{"far behind", strings.Repeat(start, 5000) + "\x00\n", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Parse(ATT, "a.s", []byte(tt.text)); (err != nil) != tt.refused {
				t.Errorf("got %v", err)
			}
		})
	}
}
