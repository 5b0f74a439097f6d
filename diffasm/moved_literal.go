package diffasm

import (
	"slices"

	"gocare/diffasm/asm"
)

// LoneLiteral is a literal, or a private constant, that no linker merges: a program may know it by its address, and a function that moves
// to another unit takes it along.
type LoneLiteral struct {
	Text    string   // by what it is told from others: its kind, or its name, and what it holds
	Label   string   // its label in the original's assembly
	Users   []string // functions that name it, by source name
	Excerpt string   // its content, for messages
	At      string   // a place in the source that names it
}

// MovedLiteral is the literal of another unit's original that a new one is.
type MovedLiteral struct {
	Unit  int // as callers number them
	Label string
}

// movedText tells a literal, or a private constant, from others in whatever unit.
func movedText(f *asm.File, b *asm.Block) string {
	if f.IsLiteral(b) {
		return loneText(f, b)
	}
	return "constant " + asm.SourceName(b.Name) + ":" + constantText(f, b)
}

func newLoneLiteral(f *asm.File, b *asm.Block) LoneLiteral {
	l := LoneLiteral{Text: movedText(f, b), Label: b.Name, Excerpt: excerpt(b)}
	for _, fn := range f.Functions {
		if namesBlock(f, fn, b) {
			l.Users = append(l.Users, SourceName(fn.Name))
		}
	}
	return l
}

// newLiteral notes a literal of the selection that the unit's original lacks, whose address is taken at a statement. Where another unit had
// it, it is that one.
func (c *decider) newLiteral(b *asm.Block, at asm.Statement) {
	if f := c.d.patched.File; !isLoneLiteral(f, b) && !c.isNewConstant(b) {
		return
	}
	l := newLoneLiteral(c.d.patched.File, b)
	l.At = place(c.d.patched, "", at)
	if o, moved := c.o.Moved[l.Text]; moved {
		c.s.movedLiterals[b] = o
	}
	c.s.newLiterals = append(c.s.newLiterals, l)
}

// isNewConstant reports whether a block is a private constant of which the original has none by that name.
func (c *decider) isNewConstant(b *asm.Block) bool {
	return isPlainConstant(c.d.patched.File, b) && slices.ContainsFunc(c.d.vars, func(v varPair) bool { return v.p == b && v.o == nil })
}

// TakenLiterals lists the literals of a file that no linker merges, and its private constants, whose address code or data have.
func TakenLiterals(f *File) (list []LoneLiteral) {
	a := newAddresses(f.File)
	for _, b := range f.Order {
		if len(a.code[b.Name])+len(a.data[b.Name]) > 0 && (isLoneLiteral(f.File, b) || isPlainConstant(f.File, b)) {
			list = append(list, newLoneLiteral(f.File, b))
		}
	}
	return list
}

// NewLiterals lists the literals of the patch that no linker merges, whose addresses the program may come to know, and that the unit's
// original lacks.
func (s *Selection) NewLiterals() []LoneLiteral { return s.newLiterals }

// GoneLiterals lists the literals of the original that no linker merges, and that the patched unit lacks.
func (d *Delta) GoneLiterals() (list []LoneLiteral) {
	if d.late() {
		return nil
	}
	now := loneLiterals(d.patched.File)
	for _, b := range d.orig.Order {
		if isLoneLiteral(d.orig.File, b) && now[loneText(d.orig.File, b)] == nil {
			list = append(list, newLoneLiteral(d.orig.File, b))
		}
	}
	for _, v := range d.vars {
		if v.p == nil && !d.orig.IsLiteral(v.o) && isPlainConstant(d.orig.File, v.o) {
			list = append(list, newLoneLiteral(d.orig.File, v.o))
		}
	}
	return list
}
