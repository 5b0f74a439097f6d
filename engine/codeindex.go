package engine

import (
	"cmp"
	"slices"
	"sort"

	"gocare/engine/unwind"
)

// codeIndex finds code by address.
type codeIndex struct {
	ranges  []unwind.Range
	returns []unwind.Range // the same, but empty where no call returns to
	order   []int          // of ranges, by their start
	reach   []uint64       // the greatest end among ranges up to there, in that order
}

func newCodeIndex(code []Code) (x codeIndex) {
	for i, c := range code {
		r := unwind.Range{Start: uint64(c.Start), End: uint64(c.End)}
		x.ranges = append(x.ranges, r)
		if c.entrance == passed {
			r.End = r.Start
		}
		x.returns = append(x.returns, r)
		x.order = append(x.order, i)
	}
	slices.SortFunc(x.order, func(a, b int) int { return cmp.Compare(x.ranges[a].Start, x.ranges[b].Start) })
	var reach uint64
	for _, i := range x.order {
		reach = max(reach, x.ranges[i].End)
		x.reach = append(x.reach, reach)
	}
	return x
}

// find returns which range holds an address, the first of several; -1 if none does.
func (x *codeIndex) find(addr uint64) int {
	found := -1
	for n := sort.Search(len(x.order), func(n int) bool { return x.ranges[x.order[n]].Start > addr }); n > 0 && x.reach[n-1] > addr; n-- {
		if i := x.order[n-1]; addr < x.ranges[i].End && (found < 0 || i < found) {
			found = i
		}
	}
	return found
}
