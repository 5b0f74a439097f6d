package engine

import (
	"encoding/binary"
	"slices"

	"gocare/engine/inspect"
	"gocare/engine/link"
	"gocare/engine/trace"
	"gocare/internal/kpname"
	"gocare/kpatch"
)

// This file lets patches of an object share their shadow variables. Each has an anchor: the address of a word, and a word of its own, to which
// the former leads at first. A patch that comes while others are live, or in their place, is given the word that these use.

// anchor is where a patch that is planned has its anchor, and what is written there.
type anchor struct {
	at    inspect.Addr
	bytes []byte // of a region that is used again; the rest of the anchor stays
}

// shareShadow lets the anchor of a patch that is planned lead where those of the others do.
func (b *planner) shareShadow(pp *PatchPlan) error {
	i := slices.IndexFunc(pp.Image.Functions, func(f link.Function) bool { return f.Role == kpname.Shadow })
	if i < 0 {
		return nil
	}
	at := pp.Image.Functions[i].New
	word := pp.Image.Bytes[at-pp.Image.Base:][:kpatch.ShadowSize]
	root, err := b.shadowRoot(pp.Object)
	if err != nil {
		return err
	}
	pp.anchor = &anchor{at, word} // as a new one has it, with nothing in its word
	if root != 0 {
		binary.LittleEndian.PutUint64(word, uint64(root))
		pp.anchor.bytes = word[:8]
	}
	return nil
}

// shadowRoot returns the word that patches of an object use, 0 if none does.
func (b *planner) shadowRoot(o *inspect.Object) (inspect.Addr, error) {
	for _, other := range slices.Backward(b.planned) {
		if other.Object == o && other.anchor != nil {
			return inspect.Addr(binary.LittleEndian.Uint64(other.anchor.bytes)), nil
		}
	}
	root, seq := inspect.Addr(0), uint32(0)
	for i := range b.before {
		l := &b.before[i]
		at := l.shadow()
		if at == 0 || l.BuildID != o.BuildID || l.state.seq < seq {
			continue
		}
		word, err := b.mem.read(at, 8)
		if err != nil {
			return 0, err
		}
		root, seq = inspect.Addr(binary.LittleEndian.Uint64(word)), l.state.seq
	}
	return root, nil
}

// shadow returns where a live patch of ours has its anchor, 0 if it has none.
func (l *live) shadow() inspect.Addr {
	for i := range l.Functions {
		if f := &l.Functions[i]; l.ours && f.Role == kpname.Shadow {
			return f.New
		}
	}
	return 0
}

// write writes the anchor of a region that is used again.
func (a *anchor) write(s *trace.Session) error {
	_, err := s.WriteAt(a.bytes, int64(a.at))
	return err
}

// sharesShadow reports whether another live patch uses the word in the region of a patch.
func (r *remover) sharesShadow(l *live) bool {
	return slices.ContainsFunc(r.live, func(other live) bool {
		at := other.shadow()
		if at == 0 || other.Start == l.Start {
			return false
		}
		word, err := r.mem.read(at, 8)
		return err == nil && l.Contains(inspect.Addr(binary.LittleEndian.Uint64(word)))
	})
}
