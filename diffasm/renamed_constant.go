package diffasm

import (
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
)

// renamedConstant returns the constant of the original that a new one is by another name, or in another function: the program may know it
// by its address. It holds the same, and is gone; of several it is the one that the originals of the functions which use the new one use.
// It is nil where that leaves none or more than one, and where another new one holds the same.
func (c *decider) renamedConstant(b *asm.Block) *asm.Block {
	var old, came []*asm.Block
	for _, v := range c.d.vars {
		switch {
		case v.p == nil && sameConstant(c.d.orig.File, v.o, c.d.patched.File, b) && v.o.Align >= b.Align:
			old = append(old, v.o)
		case v.o == nil && sameConstant(c.d.patched.File, v.p, c.d.patched.File, b):
			came = append(came, v.p)
		}
	}
	if len(came) != 1 || came[0] != b {
		return nil
	}
	if len(old) > 1 {
		old, _ = c.usedBefore(b, old)
	}
	if len(old) != 1 {
		return nil
	}
	return old[0]
}

// sameConstant reports whether two blocks are such constants that hold the same.
func sameConstant(af *asm.File, a *asm.Block, bf *asm.File, b *asm.Block) bool {
	content := func(f *asm.File, b *asm.Block) string {
		return canon.New(f, func(n string) string { return n }).Data(b)
	}
	return isPlainConstant(af, a) && isPlainConstant(bf, b) && content(af, a) == content(bf, b)
}

// isPlainConstant reports whether a block is a constant of the unit's own that no linker merges and that holds no addresses.
func isPlainConstant(f *asm.File, b *asm.Block) bool {
	return isConstantData(f, b) && b.Section.Class == asm.ReadOnly && !b.Section.Merge && len(b.Items) > 0 &&
		!slices.ContainsFunc(b.Items, func(st asm.Statement) bool { return len(asm.SymbolsOf(st.Args)) > 0 })
}
