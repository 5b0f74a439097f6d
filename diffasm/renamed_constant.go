package diffasm

import (
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
)

// renamedConstant returns the constant of the original that a new one is by another name, or in another function: the program may know it
// by its address. It holds the same, and is gone; of several it is the one that the originals of the functions which use the new one use.
// It is nil where that leaves none or more than one, and where another new one holds the same. With -fmerge-all-constants compilers make
// one of constants and literals, under either name.
func (c *decider) renamedConstant(b *asm.Block) *asm.Block {
	if !isPlainConstant(c.d.patched.File, b) {
		return nil
	}
	if c.nameless == nil {
		c.nameless = [][]*asm.Block{onlyIn(c.d.orig.File, c.d.patched.File), onlyIn(c.d.patched.File, c.d.orig.File)}
	}
	old := holdingThat(c.d.orig.File, c.nameless[0], c.d.patched.File, b)
	old = slices.DeleteFunc(old, func(o *asm.Block) bool { return o.Align < b.Align })
	came := holdingThat(c.d.patched.File, c.nameless[1], c.d.patched.File, b)
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

// onlyIn lists the literals of a version without a name that no linker merges and that the other version lacks.
func onlyIn(f, other *asm.File) (list []*asm.Block) {
	lone := loneLiterals(other)
	for _, b := range f.Order {
		if isLoneLiteral(f, b) && b.Name[0] == '.' && lone[loneText(f, b)] == nil {
			list = append(list, b)
		}
	}
	return list
}

// holdingThat lists those of some blocks that are constants which hold what another one does.
func holdingThat(f *asm.File, blocks []*asm.Block, otherFile *asm.File, other *asm.Block) (list []*asm.Block) {
	for _, b := range blocks {
		if sameConstant(f, b, otherFile, other) {
			list = append(list, b)
		}
	}
	return list
}

// sameConstant reports whether two blocks are such constants that hold the same.
func sameConstant(af *asm.File, a *asm.Block, bf *asm.File, b *asm.Block) bool {
	return isPlainConstant(af, a) && isPlainConstant(bf, b) && constantText(af, a) == constantText(bf, b)
}

// renamedTable returns a constant of the original that a new one may be by another name, where both hold addresses and the new one's own gets
// out of the functions that use it.
func (c *decider) renamedTable(b *asm.Block) *asm.Block {
	f := c.d.patched.File
	if !holdsAddresses(b) || !isConstantData(f, b) || f.IsLiteral(b) || !getsOut(f, b) {
		return nil
	}
	isNew := false
	var old *asm.Block
	for _, v := range c.d.vars {
		switch {
		case v.o == nil && v.p == b:
			isNew = true
		case v.p == nil && isConstantData(c.d.orig.File, v.o) && holdsAddresses(v.o) && constantText(c.d.orig.File, v.o) == constantText(f, b):
			old = v.o
		}
	}
	if !isNew {
		return nil
	}
	return old
}

// constantText is what constants are compared by.
func constantText(f *asm.File, b *asm.Block) string {
	return canon.New(f, func(n string) string { return n }).Data(b)
}

// getsOut reports whether the address of a constant is passed on, returned or stored.
func getsOut(f *asm.File, b *asm.Block) bool {
	u := canon.UsersOf(f, b.Name)
	return len(u.Variables) > 0 || slices.ContainsFunc(u.Functions, func(fn *asm.Function) bool { return constantEscapes(f, fn, b.Name, true) != nil })
}

func holdsAddresses(b *asm.Block) bool {
	return slices.ContainsFunc(b.Items, func(st asm.Statement) bool { return len(asm.SymbolsOf(st.Args)) > 0 })
}

// isPlainConstant reports whether a block is a constant of the unit's own that no linker merges and that holds no addresses.
func isPlainConstant(f *asm.File, b *asm.Block) bool {
	return isConstantData(f, b) && b.Section.Class == asm.ReadOnly && !b.Section.Merge && len(b.Items) > 0 && !holdsAddresses(b)
}
