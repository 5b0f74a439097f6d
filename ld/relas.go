package ld

import (
	"cmp"
	"slices"
	"sync"

	"gocare/internal/elfobj"
)

// sortedRelas are the relocations of sections that were asked for, in the order of their offsets: who compares function by function would else go
// through those of all functions for each.
type sortedRelas struct {
	mu        sync.Mutex
	bySection map[inputSection][]elfobj.Rela
}

// relas returns the relocations of a section of an input at offsets in [from, to), in that order. Nobody may change them.
func (l *link) relas(s inputSection, from, to uint64) ([]elfobj.Rela, error) {
	all, err := l.sorted.of(l.objects, s)
	if err != nil {
		return nil, err
	}
	before := func(offset uint64) int {
		n, _ := slices.BinarySearchFunc(all, offset, func(r elfobj.Rela, offset uint64) int { return cmp.Compare(r.Offset, offset) })
		return n
	}
	return all[before(from):max(before(from), before(to))], nil
}

func (r *sortedRelas) of(inputs objects, s inputSection) ([]elfobj.Rela, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if all, known := r.bySection[s]; known {
		return all, nil
	}
	all, err := inputs[s.object].File.Relas(s.section)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b elfobj.Rela) int { return cmp.Compare(a.Offset, b.Offset) })
	if r.bySection == nil {
		r.bySection = map[inputSection][]elfobj.Rela{}
	}
	r.bySection[s] = all
	return all, nil
}
