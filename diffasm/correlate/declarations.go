package correlate

import "gocare/diffasm/debuginfo"

// declarations are those of the variables and functions of both units, with what the sources tell of their names.
type declarations struct {
	*sources
	od, pd  *debuginfo.Declarations           // nil unless both units have debug information
	renamed map[string]string                 // function of the patched unit -> its name in the original, if it has another
	stems   map[*debuginfo.Declaration]string // variables with names that macros made -> what of the name says which one it is
	settled map[*debuginfo.Declaration]bool   // variables that were paired under two names
}

func newDeclarations(orig, patched *debuginfo.Unit, s *sources) *declarations {
	m := &declarations{sources: s, stems: map[*debuginfo.Declaration]string{}, settled: map[*debuginfo.Declaration]bool{}}
	if m.od, m.pd = orig.Declarations(), patched.Declarations(); m.od == nil || m.pd == nil {
		m.od, m.pd = nil, nil
	}
	return m
}
