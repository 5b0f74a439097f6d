package correlate

import (
	"slices"

	"gocare/diffasm/debuginfo"
)

// This file looks for what is done with a variable in other sources than the one that declares it: a private variable may stand in a header,
// and a source may include another one.

// values tells what variables are assigned.
type values struct {
	*declarations
	patched     *debuginfo.Unit
	text        func(file string) []string // see Known
	sourcesRead map[*string]*readSource    // first line of a source -> what is read of it
}

func newValues(orig, patched *debuginfo.Unit, k Known) *values {
	s := &sources{changed: k.Sources, forStatic: map[*string][]string{}}
	return &values{declarations: newDeclarations(orig, patched, s), patched: patched, text: k.Text, sourcesRead: map[*string]*readSource{}}
}

// writes tells what the sources of the versions do with a variable; beside says that a source does which the patch changes and in which it is
// not declared.
func (m *values) writes(o, p *debuginfo.Declaration) (before, after assignments, beside bool) {
	text, _ := m.sourceTexts(o)
	before, was := m.everyWrite(m.od, o, text, func(s *SourceFile) []string { return s.Before })
	after, is := m.patchedWrites(p)
	return before, after, was || is
}

// patchedWrites tells what the sources of the patched version do with a variable.
func (m *values) patchedWrites(p *debuginfo.Declaration) (a assignments, beside bool) {
	_, now := m.sourceTexts(p)
	return m.everyWrite(m.pd, p, now, func(s *SourceFile) []string { return s.After })
}

// everyWrite tells what the text that declares a variable does with it, and what the sources do that the patch changes.
func (m *values) everyWrite(ds *debuginfo.Declarations, d *debuginfo.Declaration, text []string, version func(*SourceFile) []string) (a assignments, beside bool) {
	if len(text) > 0 {
		a = m.read(text).writesOf(ds, d)
	}
	if d.Function != "" || m.changed == nil {
		return a, false
	}
	for _, file := range m.pd.Files {
		s := m.changed(file)
		if file == d.File || s == nil || s.Unchanged || len(version(s)) == 0 {
			continue
		}
		there := m.read(version(s)).writesBeside(ds, d, file, &a)
		beside = beside || there.isAny()
		a.add(there)
	}
	return a, beside
}

// namedBeside reports whether a source that the patch leaves alone names a variable at file level that is declared in another one.
func (m *values) namedBeside(p *debuginfo.Declaration) bool {
	return p.Function == "" && m.text != nil && slices.ContainsFunc(m.pd.Files, func(file string) bool {
		return file != p.File && slices.ContainsFunc(m.text(file), func(line string) bool { return mentions(line, p.Name) > 0 })
	})
}

// writesBeside is writesOf for a variable that another source declares, which is like that. Places are those of the declaration.
func (s *readSource) writesBeside(ds *debuginfo.Declarations, d *debuginfo.Declaration, file string, like *assignments) assignments {
	there := *d
	there.File, there.Line = file, 0
	r := s.reader(d.Name)
	r.array, r.pointer = like.array, like.pointer
	for _, name := range like.through {
		r.mentioned(s.t, name)
	}
	found := r.all(s, ds, &there)
	for i := range found.writes {
		found.writes[i].line = d.Line
	}
	for i := range found.values {
		found.values[i].line = d.Line
	}
	return found
}

func (a *assignments) isAny() bool { return a.read || len(a.writes) > 0 }

// add adds what another source does.
func (a *assignments) add(b assignments) {
	a.writes, a.values, a.conditions = append(a.writes, b.writes...), append(a.values, b.values...), append(a.conditions, b.conditions...)
	a.read = a.read || b.read
}
