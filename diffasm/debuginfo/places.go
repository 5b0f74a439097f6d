package debuginfo

import (
	"slices"

	"gocare/diffasm/asm"
	"gocare/internal/srcpatch"
)

// Places returns the source lines of a function's instructions, each once, the entry's first.
func (f *Unit) Places(fn *asm.Function) (list []srcpatch.Place) {
	if f.lender != nil {
		if g := f.lender.FunctionByName[fn.Name]; g != nil {
			return f.lender.Places(g)
		}
		return nil
	}
	seen := map[asm.Position]bool{}
	for _, s := range fn.Streams {
		for _, st := range s.Statements {
			if name := f.Files[st.Place.File]; st.Kind == asm.Instruction && st.Place.Line > 0 && name != "" && !seen[st.Place] {
				seen[st.Place] = true
				list = append(list, srcpatch.Place{File: name, Line: int(st.Place.Line)})
			}
		}
	}
	return list
}

// VariablePlace returns where a variable is declared, nothing if that is not known.
func (f *Unit) VariablePlace(b *asm.Block) []srcpatch.Place {
	if ds := f.Declarations(); ds != nil && ds.BySymbol[b.Name] != nil && ds.BySymbol[b.Name].Line > 0 && ds.BySymbol[b.Name].File != "" {
		return []srcpatch.Place{{File: ds.BySymbol[b.Name].File, Line: ds.BySymbol[b.Name].Line}}
	}
	return nil
}

// PlaceOf returns the source place of a function's statement, by the debug information of the other compile if the unit has
// none of its own.
func (f *Unit) PlaceOf(fn *asm.Function, st asm.Statement) (string, int) {
	if f.lender == nil || f.lender.FunctionByName[fn.Name] == nil {
		return f.Place(st.Place)
	}
	n, _ := slices.BinarySearchFunc(instructions(fn), st.Line, byLine) // of a label the one behind it
	if lent := instructions(f.lender.FunctionByName[fn.Name]); n < len(lent) {
		return f.lender.Place(lent[n].Place)
	}
	return f.Source, 0
}

// instructions lists those of a function by their lines of assembly. The other compile has the same, in the same order, but other
// directives between them.
func instructions(fn *asm.Function) (list []asm.Statement) {
	for _, s := range fn.Streams {
		for _, st := range s.Statements {
			if st.Kind == asm.Instruction {
				list = append(list, st)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b asm.Statement) int { return int(a.Line - b.Line) })
	return list
}

func byLine(st asm.Statement, line int32) int { return int(st.Line - line) }

// DeclaredPlace returns the file and line of a place that the debug information has; the unit's source and 0 without one.
func (f *Unit) DeclaredPlace(p asm.Position) (string, int) {
	if f.lender != nil {
		return f.lender.Place(p)
	}
	return f.Place(p)
}

// FirstPlace returns the first source place of a function.
func (f *Unit) FirstPlace(fn *asm.Function) (string, int) {
	for _, s := range fn.Streams {
		for _, st := range s.Statements {
			if st.Kind == asm.Instruction {
				return f.PlaceOf(fn, st)
			}
		}
	}
	return f.Source, 0
}

// DeclaredAt returns where the debug information says that a variable is declared.
func (f *Unit) DeclaredAt(sym string) asm.Position {
	d := f.Declarations()
	if d == nil || d.BySymbol[sym] == nil {
		return asm.Position{}
	}
	return d.BySymbol[sym].At
}
