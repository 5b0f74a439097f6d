package ld

import (
	"path/filepath"

	"gocare/internal/fault"
)

// Partial is the map of a partial link (ld -r), which counts addresses from the start of each section of the output.
type Partial struct {
	Dir          string // absolute directory of the link, from which its map names inputs
	Path, Member string // of its output in the map of the link that took it in
	Map          *Map
}

// Expand adds to the map of a link where the inputs of a partial link went: what it says of the partial link's output, and where in that
// they are. Their paths are absolute.
func (m *Map) Expand(p Partial) error {
	if p.Map.Linker != "bfd" {
		return fault.Refuse(fault.PartialLink, p.Path, "it was put together by %s, whose map does not tell what is where in it", p.Map.Linker)
	}
	outer := map[string][]Placement{}
	for _, e := range m.Entries {
		if e.Path == p.Path && e.Member == p.Member {
			outer[e.Section] = append(outer[e.Section], e)
		}
	}
	for _, e := range p.Map.Entries {
		if !filepath.IsAbs(e.Path) {
			e.Path = filepath.Join(p.Dir, e.Path)
		}
		if e.Output == "" {
			m.Entries = append(m.Entries, e) // discarded
			continue
		}
		for _, out := range outer[e.Output] {
			m.Entries = append(m.Entries, e.within(out))
		}
	}
	return nil
}

// within returns the placement of an input section in a link that took in what it is in: e counts from the start of out.
func (e Placement) within(out Placement) Placement {
	e.Discarded, e.Output = out.Discarded, out.Output
	if out.Discarded {
		e.Addr = 0
		return e
	}
	e.Addr += out.Addr
	symbols := e.Symbols
	e.Symbols = nil
	for name, at := range symbols {
		e.addSymbol(name, at+out.Addr)
	}
	return e
}
