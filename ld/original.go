package ld

import (
	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// Original is the original binary with everything known about its link.
type Original struct {
	*link
	names     *scope
	originals *originals
	literals  *literalIndex
	seekers   *seekers
}

// link is the original binary with the inputs of its link, and where these are in it.
type link struct {
	bin     *image
	objects objects
	places  [][]place // by object and section header index
	partial bool      // see Map.Partial
	sorted  sortedRelas
}

// Open puts the binary, its map and the inputs of its link together.
func Open(bin *elfobj.File, m *Map, inputs []Object) (*Original, error) {
	im, err := openImage(bin)
	if err != nil {
		return nil, err
	}
	for i := range inputs {
		if inputs[i].File == nil {
			return nil, fault.New(fault.Bug, objectName(&inputs[i]), "input without contents")
		}
	}
	l := &link{bin: im, objects: inputs, partial: m.Partial}
	l.place(m)
	names, err := openScope(l, m)
	if err != nil {
		return nil, err
	}
	return &Original{
		link: l, names: names, originals: &originals{link: l, names: names},
		literals: &literalIndex{link: l, slots: names.slots, privates: names.privates, known: make([]map[literal]*found, len(inputs))},
		seekers:  &seekers{objects: inputs, exports: names.tables.exports, sought: make([]map[string]bool, len(inputs))},
	}, nil
}
