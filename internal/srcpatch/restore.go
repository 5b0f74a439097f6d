package srcpatch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gocare/internal/lazyregexp"
)

// RestoreLines returns After with #line directives that give unchanged code the line numbers it had in Before: after
// each change, at the first unchanged line on which a top-level declaration may start. The file must be C or something
// that takes #line at the same places. New and deleted files come back as they are. Behind a #line directive of the file
// whose effect is not known, nothing is restored any more: what holds a number there keeps its new one, or has its own.
func (c FileChange) RestoreLines() []byte {
	if c.Old == "" || c.New == "" {
		return c.After
	}
	before, after := splitLines(string(c.Before)), splitLines(string(c.After))
	return restore(after, c.LineMap().withReordered(before, after), presumed(before), presumed(after))
}

// withReordered adds to a line map the items that the patches took out in one place and put back, line by line, in another.
func (m LineMap) withReordered(before, after []string) LineMap {
	gone := map[string][]Item{}
	kept := map[int]bool{}
	for _, o := range m.origin {
		kept[o] = true
	}
	for _, it := range Outline([]byte(strings.Join(before, ""))) {
		if !kept[it.First] {
			text := strings.Join(before[it.First-1:it.Last], "")
			gone[text] = append(gone[text], it)
		}
	}
	out := LineMap{slices.Clone(m.origin)}
	for _, it := range Outline([]byte(strings.Join(after, ""))) {
		text := strings.Join(after[it.First-1:it.Last], "")
		if m.origin[it.First-1] != 0 || len(gone[text]) == 0 {
			continue
		}
		from := gone[text][0]
		gone[text] = gone[text][1:]
		for i := range it.Last - it.First + 1 {
			out.origin[it.First-1+i] = from.First + i
		}
	}
	return out
}

// place is the position the compiler presumes for a line.
type place struct {
	line int
	file string // as quoted in a #line directive, "" for the file itself
}

// position is the place of a line by the #line directives of its own file.
type position struct {
	place
	own bool // the line before is such a directive
}

// restore writes after with directives. A #line with a file name that the patch adds cannot be undone, so it ends there:
// how the compiler was given the name of the file itself is not known here.
func restore(after []string, m LineMap, old, fresh []position) []byte {
	var b strings.Builder
	t := tracker{}
	free := boundaries(after)
	known := true
	for i, line := range after {
		known = known && i < len(fresh)
		if known {
			now := t.place(fresh[i])
			o, ok := m.Old(i + 1)
			if ok = ok && o <= len(old); ok && free[i] && (old[o-1].place != now || t.uncertain) {
				if known = old[o-1].file != "" || now.file == ""; known {
					b.WriteString(directive(old[o-1].place, now.file, lineEnd(line)))
					t.wrote(old[o-1].line - fresh[i].line)
				}
			}
		}
		b.WriteString(line)
		t.line(line)
	}
	return []byte(b.String())
}

// tracker knows what the directives written so far do to the line numbers. One written under an #if may take effect or
// not, so behind the end of that branch the numbers are uncertain until the next one.
type tracker struct {
	shift     int // added to the numbers the file itself gives
	uncertain bool
	written   []bool // per open #if: a directive was written under it
	scan      scanner
}

// place returns where the compiler takes the next line to be.
func (t *tracker) place(p position) place {
	if p.own {
		t.shift, t.uncertain = 0, false
	}
	return place{p.line + t.shift, p.file}
}

func (t *tracker) wrote(shift int) {
	t.shift, t.uncertain = shift, false
	for i := range t.written {
		t.written[i] = true
	}
}

// line follows one line of the file.
func (t *tracker) line(line string) {
	m := condition.FindStringSubmatch(line)
	inside := t.scan.inside()
	t.scan.line(line)
	top := len(t.written) - 1
	switch {
	case m == nil || inside:
	case strings.HasPrefix(m[1], "if"):
		t.written = append(t.written, false)
	case top >= 0:
		t.uncertain = t.uncertain || t.written[top]
		if m[1] == "endif" {
			t.written = t.written[:top]
		}
	}
}

func directive(p place, file, end string) string {
	if p.file == file {
		return fmt.Sprintf("#line %d%s", p.line, end)
	}
	return fmt.Sprintf("#line %d %s%s", p.line, p.file, end)
}

func lineEnd(line string) string {
	if strings.HasSuffix(line, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

var (
	lineDirective = lazyregexp.New(`^\s*#\s*(?:line\b\s*(.*)|(\d.*))$`)
	lineNumber    = lazyregexp.New(`^(\d+)\s*("(?:[^"\\]|\\.)*")?`)
)

// presumed returns the position of each line as the file's own #line directives have it, up to one whose effect it
// cannot tell: made by a macro, or under an #if.
func presumed(lines []string) []position {
	var s scanner
	out := make([]position, 0, len(lines))
	next := position{place: place{line: 1}}
	for _, line := range lines {
		out = append(out, next)
		next.line, next.own = next.line+1, false
		text := strings.TrimRight(line, "\r\n")
		if m := lineDirective.FindStringSubmatch(text); m != nil && !s.inside() {
			to, ok := readDirective(m[1] + m[2])
			if !ok || len(s.branches) > 0 || strings.HasSuffix(text, "\\") {
				return out
			}
			next = position{place: place{line: to.line, file: pick(to.file, next.file)}, own: true}
		}
		s.line(line)
	}
	return out
}

// readDirective reads the number and the file name of a #line directive.
func readDirective(args string) (place, bool) {
	m := lineNumber.FindStringSubmatch(args)
	if m == nil {
		return place{}, false
	}
	n, err := strconv.ParseInt(m[1], 10, 32)
	return place{line: int(n), file: m[2]}, err == nil && n > 0
}
