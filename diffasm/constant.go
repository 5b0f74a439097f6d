package diffasm

import "gocare/diffasm/asm"

// Constant reports whether the unit keeps the variables that a name of the source means where nothing writes to them, in both versions:
// their bytes were compared, and that is all there is of them. match tells of a symbol whether it is meant. It is false without any.
func (d *Delta) Constant(match func(symbol string) bool) bool {
	found := false
	for _, v := range d.vars {
		for _, b := range []*asm.Block{v.o, v.p} {
			if b == nil || !match(b.Name) {
				continue
			}
			if b.Section.Class != asm.ReadOnly && b.Section.Class != asm.Relro {
				return false
			}
			found = true
		}
	}
	return found
}
