package srcpatch

import "bytes"

// Range is the lines [Start, End), counted from 1. An empty one stands for the place before line Start.
type Range struct{ Start, End int }

// touches tells whether r has a line of first to last (both included) or is a place between two of them.
func (r Range) touches(first, last int) bool {
	if r.Start == r.End {
		return first < r.Start && r.Start <= last
	}
	return r.Start <= last && first < r.End
}

// LineMap leads from the lines of the changed file back to those of the original.
type LineMap struct {
	origin []int
}

// Old returns the old line that newLine is, ok only for a line the patches left as it was. Lines count from 1.
func (m LineMap) Old(newLine int) (int, bool) {
	if newLine < 1 || newLine > len(m.origin) {
		return 0, false
	}
	old := m.origin[newLine-1]
	return old, old > 0
}

// LineMap returns where the lines of After stood in Before, by the positions at which the hunks applied. A FileChange
// not made by Apply is compared from both ends instead.
func (c FileChange) LineMap() LineMap {
	if c.origin != nil {
		return LineMap{c.origin}
	}
	return LineMap{ends(splitLines(string(c.Before)), splitLines(string(c.After)))}
}

// ends maps the lines two files have in common at their beginning and at their end.
func ends(before, after []string) []int {
	origin := make([]int, len(after))
	i := 0
	for ; i < len(before) && i < len(after) && before[i] == after[i]; i++ {
		origin[i] = i + 1
	}
	for j := 1; j <= min(len(before), len(after))-i && before[len(before)-j] == after[len(after)-j]; j++ {
		origin[len(after)-j] = len(before) - j + 1
	}
	return origin
}

// TouchedOld returns what the patches removed from Before, and as empty ranges the places where they only added.
func (c FileChange) TouchedOld() []Range {
	old, _ := c.touched()
	return old
}

// TouchedNew returns what the patches wrote into After, and as empty ranges the places where they only removed.
func (c FileChange) TouchedNew() []Range {
	_, fresh := c.touched()
	return fresh
}

// touched pairs the stretches between lines that both sides share.
func (c FileChange) touched() (old, fresh []Range) {
	origin := c.LineMap().origin
	nextOld, nextNew := 1, 1
	add := func(endOld, endNew int) {
		if endOld > nextOld || endNew > nextNew {
			old = append(old, Range{nextOld, endOld})
			fresh = append(fresh, Range{nextNew, endNew})
		}
	}
	for i, o := range origin {
		if o > 0 {
			add(o, i+1)
			nextOld, nextNew = o+1, i+2
		}
	}
	add(lineCount(c.Before)+1, len(origin)+1)
	return old, fresh
}

func lineCount(data []byte) int {
	n := bytes.Count(data, []byte("\n"))
	if len(data) > 0 && data[len(data)-1] != '\n' {
		n++
	}
	return n
}

// Run is a stretch of lines that the patches left as they were: Len lines from New on in After stood from Old on in Before.
type Run struct{ Old, New, Len int }

// Runs returns the line map in short.
func (c FileChange) Runs() (runs []Run) {
	for i, old := range c.LineMap().origin {
		last := len(runs) - 1
		switch {
		case old == 0:
		case last >= 0 && runs[last].New+runs[last].Len == i+1 && runs[last].Old+runs[last].Len == old:
			runs[last].Len++
		default:
			runs = append(runs, Run{old, i + 1, 1})
		}
	}
	return runs
}

// WithRuns returns the change with the line map that the runs stand for.
func (c FileChange) WithRuns(runs []Run) FileChange {
	c.origin = make([]int, lineCount(c.After))
	for _, r := range runs {
		for i := range r.Len {
			if at := r.New - 1 + i; at >= 0 && at < len(c.origin) {
				c.origin[at] = r.Old + i
			}
		}
	}
	return c
}
