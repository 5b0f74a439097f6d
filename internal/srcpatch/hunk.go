package srcpatch

import (
	"strings"

	"github.com/sourcegraph/go-diff/diff"
)

// hunks reads all hunks that follow.
func (p *parser) hunks(f *FilePatch) error {
	for strings.HasPrefix(p.line(0), "@@ ") {
		h, err := p.hunk()
		if err != nil {
			return err
		}
		f.Hunks = append(f.Hunks, *h)
	}
	if strings.HasPrefix(p.line(0), "@@@") {
		return p.syntax("combined diff of a merge")
	}
	return p.overrun(len(f.Hunks))
}

// overrun refuses body lines that the counts of the last hunk leave over: a patch edited by hand, or damaged.
func (p *parser) overrun(hunks int) error {
	line := p.line(0)
	if hunks == 0 || line == "" || line == "-- " || line == "--" || p.atHeader() {
		return nil
	}
	if strings.ContainsRune("+- \\", rune(line[0])) {
		return p.syntax("more lines than the @@ line of hunk %d announces", hunks)
	}
	return nil
}

// hunk cuts one hunk out by the counts of its @@ line and lets go-diff read it. go-diff alone reads on to the next
// line that cannot belong to a hunk, and so takes the "-- " in front of git format-patch's version for a deleted line.
func (p *parser) hunk() (*Hunk, error) {
	start := p.at
	if !hunkHeader.MatchString(p.line(0)) {
		return nil, p.syntax("malformed @@ line")
	}
	head, err := readHunk(p.line(0) + "\n")
	if err != nil {
		return nil, p.syntax("malformed @@ line: %v", err)
	}
	p.at++
	body, err := p.body(int(head.OrigLines), int(head.NewLines))
	if err != nil {
		return nil, err
	}
	end := p.at
	p.at = start
	full, err := readHunk(p.line(0) + "\n" + body)
	if err != nil {
		return nil, p.syntax("malformed hunk: %v", err)
	}
	lines, ok := hunkLines(full)
	if !ok {
		return nil, p.syntax("line without a line end inside the hunk")
	}
	p.at = end
	return &Hunk{
		OldStart: int(full.OrigStartLine), OldLines: int(full.OrigLines),
		NewStart: int(full.NewStartLine), NewLines: int(full.NewLines),
		Section: full.Section, Line: start + 1, lines: lines,
	}, nil
}

// body takes the lines that count old and fresh lines cover, with the notes about missing line ends spelled alike.
func (p *parser) body(old, fresh int) (string, error) {
	var b strings.Builder
	for old > 0 || fresh > 0 {
		if p.at >= len(p.lines) {
			return "", p.syntax("the patch ends inside a hunk")
		}
		raw := p.lines[p.at]
		switch {
		case p.line(0) == "" || raw[0] == '\t': // mail programs and editors strip the blank of a context line; GNU patch reads it so, too
			old, fresh, raw = old-1, fresh-1, " "+raw
		case raw[0] == ' ':
			old, fresh = old-1, fresh-1
		case raw[0] == '-':
			old--
		case raw[0] == '+':
			fresh--
		case raw[0] == '\\' && b.Len() > 0:
			raw = noNewline
		default:
			return "", p.syntax("line of a hunk expected, %d old and %d new ones are missing", old, fresh)
		}
		if old < 0 || fresh < 0 {
			return "", p.syntax("the hunk does not have the lines its @@ line announces")
		}
		b.WriteString(strings.TrimSuffix(raw, "\n") + "\n")
		p.at++
	}
	if strings.HasPrefix(p.line(0), "\\") && b.Len() > 0 {
		b.WriteString(noNewline)
		p.at++
	}
	return b.String(), nil
}

const noNewline = "\\ No newline at end of file\n"

func readHunk(text string) (*diff.Hunk, error) {
	hunks, err := diff.ParseHunksOptions([]byte(text), diff.ParseOptions{KeepCR: true})
	if err != nil {
		return nil, err
	}
	if len(hunks) != 1 || hunks[0].OrigLines < 0 || hunks[0].NewLines < 0 {
		return nil, diff.ErrNoHunkHeader
	}
	return hunks[0], nil
}

// hunkLines turns go-diff's body into lines. A missing line end stands in OrigNoNewlineAt for a "-" line and as a
// missing newline in the body for the others; it can only be on the last line of a side.
func hunkLines(h *diff.Hunk) ([]hunkLine, bool) {
	var lines []hunkLine
	pos, lastOld, lastNew := 0, -1, -1
	for _, raw := range splitLines(string(h.Body)) {
		pos += len(raw)
		text := raw[1:]
		if h.OrigNoNewlineAt > 0 && pos == int(h.OrigNoNewlineAt) {
			text = strings.TrimSuffix(text, "\n")
		}
		if raw[0] != '+' {
			lastOld = len(lines)
		}
		if raw[0] != '-' {
			lastNew = len(lines)
		}
		lines = append(lines, hunkLine{op: raw[0], text: text})
	}
	if old, fresh := sides(lines); len(old) != int(h.OrigLines) || len(fresh) != int(h.NewLines) {
		return nil, false // go-diff joined a line without a line end to the next
	}
	for i, l := range lines {
		inside := l.op != '+' && i < lastOld || l.op != '-' && i < lastNew
		if inside && !strings.HasSuffix(l.text, "\n") {
			return nil, false
		}
	}
	return lines, true
}

// sides returns the old and the new text a hunk stands for, line by line.
func sides(lines []hunkLine) (old, fresh []string) {
	for _, l := range lines {
		if l.op != '+' {
			old = append(old, l.text)
		}
		if l.op != '-' {
			fresh = append(fresh, l.text)
		}
	}
	return old, fresh
}
