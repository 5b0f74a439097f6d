package diffasm

import (
	"fmt"
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/debuginfo"
	"gocare/internal/fault"
)

// withoutSource refuses variables without storage, where no source says what each version assigns to them: one that the original keeps and
// the patched version only declares, and one at file level that neither keeps, since the code of each version stands on the values that
// version gives it. Where all code is the same, so are those values.
func (d *Delta) withoutSource() (list []asm.Problem) {
	od, pd := d.orig.Declarations(), d.patched.Declarations()
	if od == nil || pd == nil {
		return []asm.Problem{{Code: fault.StaticUnproved, What: "there is no debug information that tells its variables apart, and no source"}}
	}
	alike := !slices.ContainsFunc(d.Functions, func(f Function) bool { return f.Status != Same && f.Status != LineOnly })
	for _, p := range pd.All {
		if p.Symbol != "" || p.Elsewhere || p.Whole != nil || p.Name == "" {
			continue
		}
		i := slices.IndexFunc(od.All, func(o *debuginfo.Declaration) bool {
			return o.Name == p.Name && o.Function == p.Function && !o.Elsewhere && o.Whole == nil
		})
		switch {
		case i < 0:
		case d.lostStorage(od.All[i]):
			list = append(list, asm.Problem{
				Code: fault.StaticLost, At: asm.Statement{Place: p.At},
				What: fmt.Sprintf("the compiler left the variable %q out of the patched version: nothing there would see what it holds", p.Name),
				Hint: "keep something that writes the variable; --allow static-lost goes on with its initial value",
			})
		case od.All[i].Symbol == "" && p.Function == "" && !alike:
			list = append(list, asm.Problem{
				Code: fault.StaticLost, At: asm.Statement{Place: p.At},
				What: fmt.Sprintf("the compiler left the variable %q out of both versions, and no source tells what each of them assigns to it", p.Name),
				Hint: "make it const, or make the patch from its source; --allow static-lost if nothing ever assigns to it but its initial value",
			})
		}
	}
	return list
}

// lostStorage reports whether the original keeps a variable that can be written, and the patched version does not.
func (d *Delta) lostStorage(o *debuginfo.Declaration) bool {
	b := d.orig.Blocks[o.Symbol]
	return b != nil && b.Section.Class == asm.Writable &&
		!slices.ContainsFunc(d.vars, func(v varPair) bool { return v.o == b && v.p != nil })
}
