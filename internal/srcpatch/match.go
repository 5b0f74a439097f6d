package srcpatch

import "strings"

// reject says which hunk does not fit and near which line of the file.
type reject struct {
	hunk    int // index into FilePatch.Hunks
	line    int // where it was expected, from 1
	applied bool
}

// patched returns old with the hunks of fp and its mode applied. old stays as it is.
func patched(old *file, fp *FilePatch) (*file, *reject) {
	f, rej := applyHunks(old, fp.Hunks)
	if rej != nil && fp.crlf {
		if g, again := applyHunks(old, withoutCR(fp.Hunks)); again == nil {
			f, rej = g, nil
		}
	}
	if rej != nil {
		return nil, rej
	}
	f.mode = resultMode(old, fp)
	return f, nil
}

// withoutCR undoes what a mail program or a check-out with CR LF line ends did to a whole patch.
func withoutCR(hunks []Hunk) []Hunk {
	out := make([]Hunk, len(hunks))
	for i, h := range hunks {
		out[i] = h
		out[i].lines = make([]hunkLine, len(h.lines))
		for j, l := range h.lines {
			text := strings.TrimSuffix(l.text, "\n")
			text = strings.TrimSuffix(text, "\r") + l.text[len(text):]
			out[i].lines[j] = hunkLine{op: l.op, text: text}
		}
	}
	return out
}

// applyHunks copies the file, replacing what the hunks say. Each hunk is sought from where the one before ended,
// nearest to its expected line first.
func applyHunks(old *file, hunks []Hunk) (*file, *reject) {
	f := &file{mode: old.mode, exists: old.exists, source: old.source}
	done, offset := 0, 0 // lines of old copied or replaced; what earlier hunks were off by
	for i, h := range hunks {
		before, after := sides(h.lines)
		want := h.start() + offset
		at := find(old.lines, before, want, done)
		if at < 0 {
			return nil, &reject{hunk: i, line: want + 1, applied: find(old.lines, after, want, done) >= 0 && len(after) > 0}
		}
		offset = at - h.start()
		f.copyLines(old, done, at)
		f.addHunk(old, at, h.lines)
		done = at + len(before)
	}
	f.copyLines(old, done, len(old.lines))
	if n := f.openLine(); n > 0 {
		return nil, &reject{hunk: len(hunks) - 1, line: n}
	}
	return f, nil
}

// start is the index of the first line a hunk covers. A hunk without old lines names the line it comes after.
func (h *Hunk) start() int {
	if h.OldLines == 0 {
		return h.OldStart
	}
	return max(h.OldStart-1, 0)
}

// copyLines appends lines [from, to) of old.
func (f *file) copyLines(old *file, from, to int) {
	f.lines = append(f.lines, old.lines[from:to]...)
	f.origin = append(f.origin, old.origin[from:to]...)
}

// addHunk appends what a hunk leaves of the lines from index at on.
func (f *file) addHunk(old *file, at int, lines []hunkLine) {
	for _, l := range lines {
		switch l.op {
		case ' ':
			f.copyLines(old, at, at+1)
			at++
		case '-':
			at++
		default:
			f.lines = append(f.lines, l.text)
			f.origin = append(f.origin, 0)
		}
	}
}

// openLine returns the number of a line other than the last that lacks a line end, 0 when there is none.
func (f *file) openLine() int {
	for i, l := range f.lines {
		if i+1 < len(f.lines) && !strings.HasSuffix(l, "\n") {
			return i + 1
		}
	}
	return 0
}

// find returns the index nearest to want, not below low, at which the lines of part stand in lines, or -1. An empty
// part fits only where it is wanted.
func find(lines, part []string, want, low int) int {
	last := len(lines) - len(part)
	if len(part) == 0 {
		if want < low || want > last {
			return -1
		}
		return want
	}
	if want < 0 || want > len(lines) {
		want = min(max(want, 0), len(lines))
	}
	for d := 0; d <= len(lines); d++ {
		if at := want + d; at >= low && at <= last && matches(lines[at:], part) {
			return at
		}
		if at := want - d; d > 0 && at >= low && at <= last && matches(lines[at:], part) {
			return at
		}
	}
	return -1
}

func matches(lines, part []string) bool {
	for i, l := range part {
		if lines[i] != l {
			return false
		}
	}
	return true
}
