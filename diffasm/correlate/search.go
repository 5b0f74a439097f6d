package correlate

import (
	"gocare/diffasm/asm"
)

// search pairs what the code shows to be the same.
type search struct {
	*pairing
	*declarations
	lookalikes *lookalikes
}

// run pairs what evidence allows, strongest first, until nothing moves; then settles the rest.
func (m *search) run() {
	levels := []func() int{
		m.declared,
		m.equalClones,
		func() int { return m.votes(true) },
		m.equalClonesInOrder,
		func() int { return m.votes(false) },
		func() int { return m.sameProperties(0) },
		func() int { return m.sameProperties(1) },
		func() int { return m.sameProperties(2) },
		m.sharedOwner,
		m.unused,
		m.movedClones,
	}
	const proofs = 5 // levels before this one prove what they pair
	m.refresh()
	// Each pair makes more texts equal, which is evidence of the strongest kind: after any, the search starts again at the top, so that
	// likeness decides only what nothing better ever will. It ends since every round settles a name.
	for i := 0; i < len(levels); {
		m.guess = i >= proofs
		if levels[i]() == 0 {
			i++
			continue
		}
		m.refresh()
		i = 0
	}
	m.settle()
	m.refresh()
	m.pairRenamed()
}

// settle decides the names that stayed open: new where the original has no candidate left, else ambiguous. A clone
// without partner is new: every caller of it is changed, or its text would have paired it. A constant is carried anew.
func (m *search) settle() {
	for _, g := range m.groups {
		for _, p := range g.p {
			m.Patched.token[p.name] = "+" + p.name // never equal to a token of the original
			switch {
			case p.fn != nil || p.b.Section.Class == asm.ReadOnly && !asm.IsNameless(p.name):
			case !g.sourced && len(g.o) > 0:
				m.doubtful(p, namesOf(g.o)...)
			case g.sourced:
				m.settleSourced(p)
			}
		}
		for _, o := range g.o {
			m.Orig.token[o.name] = "-" + o.name
		}
	}
}

// settleSourced decides about a static local of which the source is known.
func (m *search) settleSourced(p *numbered) {
	var open []string
	for _, o := range p.perhaps {
		if m.Orig.open[o.Symbol] != nil {
			open = append(open, o.Symbol)
		}
	}
	if len(open) > 0 {
		m.doubtful(p, open...)
		return
	}
	m.judged[p.name] = true
	m.lookalikes.doubtNew(p)
}
