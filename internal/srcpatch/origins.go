package srcpatch

import (
	"maps"
	"slices"
	"strings"
)

// Origins returns the line of Before that each line of After is, 0 for one that the patches wrote. A tool that makes patches knows
// nothing of functions: of one that moved it may leave the lines to its neighbour, or none at all. Where a function has more lines in
// common with the one of its name in the original than the patches leave it, these count.
func (c FileChange) Origins() []int {
	origin := slices.Clone(c.LineMap().origin)
	before, after := splitLines(string(c.Before)), splitLines(string(c.After))
	old, fresh := functions(before), functions(after)
	for _, name := range slices.Sorted(maps.Keys(fresh)) {
		if f, was := fresh[name], old[name]; f != nil && was != nil {
			claim(origin, before, after, was, f)
		}
	}
	return origin
}

// functions lists those of a source by name; nil for a name that several have.
func functions(lines []string) map[string]*Item {
	by := map[string]*Item{}
	for _, it := range Outline([]byte(strings.Join(lines, ""))) {
		if it.Kind != FunctionItem {
			continue
		}
		if _, twice := by[it.Name]; twice {
			by[it.Name] = nil
			continue
		}
		by[it.Name] = &it
	}
	return by
}

// claim gives a function the lines that it has in common with the original one of its name, unless the patches already leave it as
// many, or lead more of them elsewhere, or more lines from elsewhere to the original one: then its name may have changed hands.
func claim(origin []int, before, after []string, was, f *Item) {
	own, away, lost := 0, 0, 0
	for i, o := range origin {
		switch inside, from := f.holds(i+1), was.holds(o); {
		case o == 0:
		case inside && from:
			own++
		case inside:
			away++
		case from:
			lost++
		}
	}
	common := inCommon(before[was.First-1:was.Last], after[f.First-1:f.Last])
	if n := len(common); n <= own || n < away || n < lost {
		return
	}
	for i, o := range origin {
		if was.holds(o) || f.holds(i+1) {
			origin[i] = 0
		}
	}
	for _, pair := range common {
		origin[f.First-1+pair.New] = was.First + pair.Old
	}
}

func (it *Item) holds(line int) bool { return it.First <= line && line <= it.Last }

// maxTable bounds the work for two functions, in pairs of lines.
const maxTable = 4 << 20

// inCommon returns a longest common subsequence of two lists of lines, as indexes; nil if they are too long to look for one.
func inCommon(a, b []string) (pairs []Run) {
	if len(a)*len(b) > maxTable {
		return nil
	}
	length := make([][]int32, len(a)+1) // of a longest one of a[i:] and b[j:]
	for i := range length {
		length[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			length[i][j] = max(length[i+1][j], length[i][j+1])
			if a[i] == b[j] {
				length[i][j] = max(length[i][j], length[i+1][j+1]+1)
			}
		}
	}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			pairs = append(pairs, Run{i, j, 1})
			i, j = i+1, j+1
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}
