package main

import (
	"bytes"
	"fmt"
	"hash/fnv"

	"gocare/internal/srcpatch"
)

// The kinds of patches.
const (
	identity = "identity" // every function as it is
	edited   = "edit"     // one function, differently
)

// statements are what edits put at the start of a function: an instruction; a static local, which renumbers those that follow; a
// string, which renumbers literals.
var statements = []string{
	`__asm__ volatile ("nop");`,
	`static volatile int torture_calls; torture_calls++;`,
	`__asm__ volatile ("" :: "r" ("tortured"));`,
}

// edit is a change of a source which keeps what the program does.
type edit struct {
	function string
	patch    []byte // unified diff of prog.c
	source   []byte // with the edit
}

// newEdit puts a statement at the start of one function of a source, on a line of its own. Which ones depends on the salt. It
// reports whether there is a function.
func newEdit(source []byte, salt string) (edit, bool) {
	bodies := findBodies(source)
	if len(bodies) == 0 {
		return edit{}, false
	}
	h := fnv.New64a()
	h.Write([]byte(salt))
	pick := h.Sum64()
	statement := statements[pick%uint64(len(statements))]
	b := bodies[pick/uint64(len(statements))%uint64(len(bodies))]
	start, end := bytes.LastIndexByte(source[:b.at], '\n')+1, len(source)
	if n := bytes.IndexByte(source[b.at:], '\n'); n >= 0 {
		end = b.at + n
	}
	line := bytes.Count(source[:start], []byte("\n")) + 1
	head, tail := source[start:b.at], source[b.at:end]
	e := edit{function: b.function}
	e.source = fmt.Appendf(nil, "%s%s\n%s\n%s", source[:start], head, statement, source[b.at:])
	e.patch = fmt.Appendf(nil, "--- a/prog.c\n+++ b/prog.c\n@@ -%d,1 +%d,3 @@\n-%s%s\n+%s\n+%s\n+%s\n", line, line, head, tail, head, statement, tail)
	return e, true
}

// body is where the body of a function begins: the offset behind its brace.
type body struct {
	function string
	at       int
}

// findBodies lists the functions at the top level of a C source.
func findBodies(source []byte) (list []body) {
	lines := []int{0} // offset of each
	for i, c := range source {
		if c == '\n' {
			lines = append(lines, i+1)
		}
	}
	for _, item := range srcpatch.Outline(source) {
		if item.Kind != srcpatch.FunctionItem {
			continue
		}
		from := lines[item.First-1]
		if n := opening(source[from:]); n >= 0 {
			list = append(list, body{item.Name, from + n})
		}
	}
	return list
}

// opening returns the offset behind the first brace that stands in no parentheses, comment, literal or directive, -1 if
// there is none.
func opening(text []byte) int {
	parens := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '(':
			parens++
		case c == ')':
			parens--
		case c == '{' && parens == 0:
			return i + 1
		case bytes.HasPrefix(text[i:], []byte("/*")):
			i = skip(text, i+2, "*/")
		case bytes.HasPrefix(text[i:], []byte("//")), c == '#':
			i = skip(text, i+1, "\n")
		case c == '"' || c == '\'':
			i = skip(text, i+1, string(c))
		}
	}
	return -1
}

// skip returns the offset of the last character of the next end.
func skip(text []byte, from int, end string) int {
	n := bytes.Index(text[from:], []byte(end))
	if n < 0 {
		return len(text)
	}
	return from + n + len(end) - 1
}
