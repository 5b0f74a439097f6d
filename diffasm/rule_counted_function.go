package diffasm

import (
	"gocare/diffasm/asm"
	"gocare/diffasm/debuginfo"
	"gocare/internal/cxxname"
	"gocare/internal/fault"
)

// recounted lists that a changed function is known by a number alone, and may have been another one: a pointer to it would lead to the code
// of its neighbour.
func (d *Delta) recounted(pair fnPair) []asm.Problem {
	if pair.o == nil || !cxxname.IsCounted(pair.p.Name) {
		return nil
	}
	file, old := d.changedPlace(d.orig, pair.o)
	other, line := d.changedPlace(d.patched, pair.p)
	if file != "" && file == other && d.sources(file).InPlace(old, line) {
		return nil
	}
	return []asm.Problem{{
		Code: fault.FunctionRenamed, At: first(pair.p), Hint: "leave the lambdas and local classes as they are, in their order, and make the change within " +
			"one of them or behind the last; --allow function-renamed if the process keeps no pointer to any of them, nor objects",
		What: "compilers only count the lambdas and local classes of a function, and the source patch leaves open whether it is the one of that number",
	}}
}

// changedPlace returns the first place of a function in a source that the patch changes, "" if it has none there, or if that is not known.
func (d *Delta) changedPlace(u *debuginfo.Unit, fn *asm.Function) (string, int) {
	if d.sources == nil {
		return "", 0
	}
	for _, s := range fn.Streams {
		for _, st := range s.Statements {
			if st.Kind != asm.Instruction {
				continue
			}
			file, line := u.PlaceOf(fn, st)
			if how := d.sources(file); line > 0 && how != nil && !how.Unchanged {
				return file, line
			}
		}
	}
	return "", 0
}
