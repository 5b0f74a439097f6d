package patcher

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/elfobj"
	"gocare/ld"
	"gocare/planner"
)

// late returns the unit of a target that was made when it was linked, nil if it has none.
func late(t *planner.Target) *planner.Late {
	for i := range t.Units {
		if t.Units[i].Late != nil {
			return t.Units[i].Late
		}
	}
	return nil
}

// lateParts collects the partitions of a link.
type lateParts struct {
	unit  *planner.Late
	files []*elfobj.File
	paths []string
}

// takes reports whether an input of the link is a partition, or a source of one: what its object holds is not in the program.
func (p *lateParts) takes(i int, in buildtree.Input, f *elfobj.File) bool {
	if p.unit == nil {
		return false
	}
	if slices.Contains(p.unit.Partitions, i) {
		p.files, p.paths = append(p.files, f), append(p.paths, in.Path)
		return true
	}
	return planner.IsLTOSource(f)
}

// object is the whole as one input.
func (p *lateParts) object(t *planner.Target) ld.Object {
	f, from := elfobj.Merge(p.files, p.unit.Names)
	out := ld.Object{Path: filepath.Base(t.Path) + " (-flto)", File: f, Parts: make([]string, len(from)), Linked: map[string]string{}}
	for i, k := range from {
		out.Parts[i] = p.paths[k]
	}
	for _, names := range p.unit.Names {
		for symbol, whole := range names {
			out.Linked[whole] = symbol
		}
	}
	return out
}

// labelledParts assembles the partitions of a unit, with symbols for labels of the whole.
func (m *maker) labelledParts(ctx context.Context, u *planner.Unit, labels []string) (*elfobj.File, error) {
	var files []*elfobj.File
	for k, id := range u.Late.Texts {
		text, err := m.store.Blob(id)
		if err != nil {
			return nil, fmt.Errorf("%s: assembly in the record: %w", u.Source, err)
		}
		f, err := m.assemble(ctx, u.Source, &u.Record, diffasm.WithPartitionLabels(text, k, labels))
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	f, _ := elfobj.Merge(files, u.Late.Names)
	return f, nil
}

// matching is what telling names apart needs to know of it.
func matching(l *planner.Late) *diffasm.Late {
	if l == nil {
		return nil
	}
	return &diffasm.Late{
		Namesake: func(name string) bool { return slices.Contains(l.Doubtful, name) },
		Declared: func(name string) bool { return slices.Contains(l.Declared, name) },
		Left:     func(name string) bool { return slices.Contains(l.Left, name) },
	}
}
