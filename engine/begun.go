package engine

import (
	"encoding/binary"
	"fmt"
	"slices"

	"gocare/engine/inspect"
	"gocare/engine/trace"
	"gocare/internal/kpname"
	"gocare/kpatch"
)

// This file keeps in a process that actions have begun: where carectl is killed before they are over, nobody can take back what they wrote, and whoever
// looks later is to know.

// What a region says of actions that have begun.
const (
	begunNothing = 0
	begunApply   = 1
	begunRemove  = 2
)

// mark is what a region says of actions while they run, and said before.
type mark struct {
	region         inspect.Addr
	before, during uint32
}

func (m *mark) write(s *trace.Session, begun uint32) error {
	_, err := s.WriteAt(binary.LittleEndian.AppendUint32(nil, begun), int64(m.region)+begunAt)
	return err
}

// marks returns what regions say while a plan is carried out.
func (p *Plan) marks() (list []mark) {
	if p.Replaces != nil {
		list = append(list, p.Replaces.marks...)
	}
	for _, pp := range p.Patches {
		if pp.hasActions() {
			before, _ := decodeState(pp.Image.Bytes[:kpatch.HeaderSize])
			list = append(list, mark{pp.Image.Base, before.begun, begunApply})
		}
	}
	return list
}

// markRemoval returns what the region of a patch says while the patch comes off; ok is false if nothing.
func markRemoval(l *live) (m mark, ok bool) {
	m = mark{l.Start, l.state.begun, begunNothing}
	if actions := removing(l); !actions.none() {
		m.during = begunRemove
	}
	return m, l.ours && !l.noMagic && m.before+m.during != begunNothing
}

// markBegun says in the regions that actions have begun.
func (c *change) markBegun(s *trace.Session) error {
	for i := range c.marks {
		m := &c.marks[i]
		s.Undo(func() error { return m.write(s, m.before) })
		if err := m.write(s, m.during); err != nil {
			return fmt.Errorf("state of actions: %w", err)
		}
	}
	return nil
}

// markOver says in the regions that nothing is left of actions that had begun.
func (c *change) markOver(s *trace.Session) error {
	for i := range c.marks {
		m := &c.marks[i]
		now := m.during
		if c.actions.none() {
			now = m.before
		}
		s.Undo(func() error { return m.write(s, now) })
		if err := m.write(s, begunNothing); err != nil {
			return fmt.Errorf("state of actions: %w", err)
		}
	}
	return nil
}

// applies reports whether a change, when nothing but its last write is left, is undone where carectl is killed: else it is finished.
func (c *change) applies() bool {
	return slices.ContainsFunc(c.marks, func(m mark) bool { return m.during == begunApply })
}

// Begun is a patch of which a carectl was killed while, or after, actions ran, and before the change that they belong to was made.
type Begun struct {
	ID, Target, BuildID string
	CVEs                []string // what it says it fixes
	Region              uint64
	Change              string // "apply" or "remove"
	State, Hint         string
}

// ListBegun returns the patches of a process, applied or not, of which actions had begun that did not come to their end.
func ListBegun(p *inspect.Process) []Begun {
	all, _ := liveRegions(p) // what cannot be read is told by List
	unlisted, _ := unlistedRegions(p)
	all = append(all, unlisted...)
	r := newRemover(p, all)
	var list []Begun
	for i := range all {
		l := &all[i]
		if !l.ours || l.state.begun == begunNothing {
			continue
		}
		half, _ := r.halfDone(l) // what cannot be read is no hook
		if b, ok := l.begun(p.PID, half); ok {
			if m := l.meta(p); m != nil {
				b.CVEs = m.Fixes()
			}
			list = append(list, b)
		}
	}
	return list
}

// begun says what is left of a patch whose actions had begun, and which is there in part or not. A change that was made but for the note of it is over.
func (l *live) begun(pid int, half bool) (b Begun, ok bool) {
	b = Begun{ID: l.ID, Target: l.target(), BuildID: l.BuildID, Region: uint64(l.Start), Change: "apply"}
	if l.state.begun == begunRemove {
		b.Change = "remove"
	}
	const restart = ", or restart the program"
	switch applying := l.state.begun == begunApply; {
	case half && applying == l.noMagic:
		b.State, b.Hint = "the patch is there in part; "+wroteStays, fmt.Sprintf("take it off with recover -p %d%s", pid, restart)
	case applying && l.noMagic:
		b.State, b.Hint = "the patch is not applied; "+wroteStays, "apply it again where its functions may run once more"+restart
	case !applying && !l.noMagic:
		b.State = "the patch is still applied; " + wroteStays
		b.Hint = fmt.Sprintf("remove it with unpatch -p %d -i %s where its functions may run once more%s", pid, l.ID, restart)
	case !applying && l.runs(kpname.PostRemove):
		b.State, b.Hint = "the patch is removed; its functions for after that have not run to their end", "apply it and remove it again"+restart
	default:
		return Begun{}, false
	}
	return b, true
}

// wroteStays says what nobody takes back.
const wroteStays = "what they wrote to the memory of the process stays"

// runs reports whether a patch has an action of a role.
func (l *live) runs(role kpname.Role) bool {
	return slices.ContainsFunc(l.Functions, func(f inspect.RegionFunction) bool { return f.Role == role })
}

// String says what happened.
func (b *Begun) String() string {
	verb := map[string]string{"apply": "applied", "remove": "removed"}[b.Change]
	return fmt.Sprintf("functions of patch %s of %s had begun when a carectl that %s it was killed", b.ID, b.Target, verb)
}
