package diffasm

import "gocare/internal/srcpatch"

// fnPlaces returns the source lines of a function's instructions, each once, the entry's first.
func (f *Unit) fnPlaces(fn *fn) (list []srcpatch.Place) {
	if f.lender != nil {
		if g := f.lender.fnByName[fn.name]; g != nil {
			return f.lender.fnPlaces(g)
		}
		return nil
	}
	seen := map[srcPos]bool{}
	for _, s := range fn.streams {
		for _, st := range s.stmts {
			if name := f.files[st.src.file]; st.kind == insn && st.src.line > 0 && name != "" && !seen[st.src] {
				seen[st.src] = true
				list = append(list, srcpatch.Place{File: name, Line: int(st.src.line)})
			}
		}
	}
	return list
}

// varPlace returns where a variable is declared, nothing if that is not known.
func (f *Unit) varPlace(b *block) []srcpatch.Place {
	if ds := f.declared(); ds != nil && ds.bySym[b.name] != nil && ds.bySym[b.name].line > 0 && ds.bySym[b.name].file != "" {
		return []srcpatch.Place{{File: ds.bySym[b.name].file, Line: ds.bySym[b.name].line}}
	}
	return nil
}

// fnLine returns the source place of a function's statement, by the debug information of the other compile if the unit has
// none of its own.
func (f *Unit) fnLine(fn *fn, st stmt) (string, int) {
	if f.lender == nil || f.lender.fnByName[fn.name] == nil {
		return f.place(st.src)
	}
	g := f.lender.fnByName[fn.name]
	for i, s := range fn.streams {
		for j := range s.stmts {
			if s.stmts[j] == st && i < len(g.streams) && j < len(g.streams[i].stmts) {
				return f.lender.place(g.streams[i].stmts[j].src)
			}
		}
	}
	return f.Source, 0
}

// fnPlace returns the first source place of a function.
func (f *Unit) fnPlace(fn *fn) (string, int) {
	for _, s := range fn.streams {
		for _, st := range s.stmts {
			if st.kind == insn {
				return f.fnLine(fn, st)
			}
		}
	}
	return f.Source, 0
}

// declaredAt returns where the debug information says that a variable is declared.
func (f *Unit) declaredAt(sym string) srcPos {
	d := f.declared()
	if d == nil || d.bySym[sym] == nil {
		return srcPos{}
	}
	return d.bySym[sym].at
}
