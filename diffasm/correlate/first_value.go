package correlate

import (
	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/diffasm/debuginfo"
	"gocare/internal/fault"
)

// This file is about variables of C++ that code gives their first value, when it is first needed: a process that ran that code does not run
// the new one.

// FirstValue returns the refusal code for a variable that code gives another first value, or may, and how; "" if it is as it was, or if code
// gives it none.
func (m *folding) FirstValue(p, o *asm.Block) (code fault.Code, why string) {
	if m.Exact {
		return "", ""
	}
	is, was := isGiven(m.Patched.Unit, p), isGiven(m.Orig.Unit, o)
	switch {
	case is && !was:
		return fault.DataChanged, "code gives it its first value now, and would do so once more"
	case was && !is:
		return fault.DataChanged, "code gave it its first value, and now its data do"
	case !is:
		return "", ""
	}
	before, ok := m.firstValue(m.OrigDeclaration(o.Name), func(d *debuginfo.Declaration) []string { text, _ := m.sourceTexts(d); return text })
	after, found := m.firstValue(m.PatchedDeclaration(p.Name), func(d *debuginfo.Declaration) []string { _, text := m.sourceTexts(d); return text })
	switch {
	case ok && found:
		if before != after || m.calls != nil && m.calls(after) {
			return fault.DataChanged, "what gives it its first value changed, and does not run again"
		}
	case !m.sameUsers(p):
		return fault.StaticUnproved, "code gives it its first value, and no source shows whether that is as it was"
	}
	return "", ""
}

// isGiven reports whether code gives a variable its first value: there is a guard for it, or one for the thread-local ones of the unit.
func isGiven(u *debuginfo.Unit, b *asm.Block) bool {
	return u.Blocks[asm.GuardOf(b.Name)] != nil || !asm.IsGuard(b.Name) && b.Section.Class == asm.ThreadLocal && u.Blocks[asm.ThreadGuard] != nil
}

// firstValue returns what a source has behind the name of a variable that it declares.
func (m *values) firstValue(d *debuginfo.Declaration, textOf func(*debuginfo.Declaration) []string) (value string, ok bool) {
	if d == nil {
		return "", false
	}
	text := textOf(d)
	if d.Line < 1 || d.Line > len(text) {
		return "", false
	}
	s := m.read(text)
	at, _ := s.t.nameEnd(d)
	rest := s.text[at:]
	return s.reader(d.Name).expanded(spaced(rest[:ends(rest, ";")])), true
}

// sameUsers reports whether the functions that use a variable are as they were.
func (m *pairing) sameUsers(p *asm.Block) bool {
	for _, fn := range canon.UsersOf(m.Patched.Unit.File, p.Name).Functions {
		if o := m.OrigFunction(fn); o == nil || !m.Equal(fn, o) {
			return false
		}
	}
	return true
}
