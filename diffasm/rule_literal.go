package diffasm

import (
	"fmt"
	"slices"

	"gocare/diffasm/asm"
	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// This file is about literals that no linker merges, such as all strings of gcc at -O0, strings with a zero in them, and __func__.
// The program may know one by its address, so it is the original's where that has it: told by what it holds, in its unit. Which of the
// others the original has is seen when references are resolved (package ld).

// literals pairs the literals of the selection whose address is taken with those of the original.
func (c *decider) literals() {
	var old map[string][]*asm.Block
	for _, b := range c.s.clo.data {
		at, taken := c.s.clo.taken[b]
		if !taken {
			continue
		}
		if o := c.renamedConstant(b); o != nil {
			c.s.oldLiterals[b] = o
		} else if o := c.renamedTable(b); o != nil {
			c.refuse(asm.Problem{
				Code: fault.LiteralUnplaced, At: at, Hint: "keep the name of the constant, and where it is declared; --allow literal-unplaced if its address is neither kept, compared nor freed",
				What: fmt.Sprintf("the constant %q holds what %q of the original holds, whose address the program may know", b.Name, o.Name),
			}, c.d.patched, "")
		}
		if !isLoneLiteral(c.d.patched.File, b) {
			if c.s.oldLiterals[b] == nil {
				c.newLiteral(b, at)
			}
			continue
		}
		if old == nil {
			old = loneLiterals(c.d.orig.File)
		}
		o, sure := c.oldLiteral(b, old[loneText(c.d.patched.File, b)])
		switch {
		case !sure:
			c.refuse(asm.Problem{
				Code: fault.LiteralUnplaced, At: at,
				What: "the original has a constant without a name like " + excerpt(b) + " more than once, and it cannot be told which one this is",
			}, c.d.patched, "")
		case o != nil:
			c.s.oldLiterals[b] = o
		case c.s.oldLiterals[b] == nil:
			c.newLiteral(b, at)
		}
	}
}

// isLoneLiteral reports whether a block is a literal that no linker merges, that holds no addresses, and whose own address a program
// can know.
func isLoneLiteral(f *asm.File, b *asm.Block) bool {
	if !f.IsLiteral(b) || b.Section.Merge || b.Section.Class != asm.ReadOnly || len(b.Items) == 0 || b.Name[0] != '.' && !asm.IsFunctionName(b.Name) {
		return false
	}
	return !slices.ContainsFunc(b.Items, func(st asm.Statement) bool { return len(asm.SymbolsOf(st.Args)) > 0 })
}

// loneText is what such literals are compared by.
func loneText(f *asm.File, b *asm.Block) string {
	kind := ""
	if b.Name[0] != '.' { // .LC0, and .str of clang's address sanitizer
		kind = asm.SourceName(b.Name)
	}
	return kind + ":" + constantText(f, b)
}

// loneLiterals lists them by content.
func loneLiterals(f *asm.File) map[string][]*asm.Block {
	list := map[string][]*asm.Block{}
	for _, b := range f.Order {
		if isLoneLiteral(f, b) {
			text := loneText(f, b)
			list[text] = append(list[text], b)
		}
	}
	return list
}

// oldLiteral returns the one of these literals of the original that a literal of the patched unit is, nil if it is new; sure is false if
// that cannot be told. Of several it is the one that the original of a function which uses it uses: those of two functions of one name
// hold the same.
func (c *decider) oldLiteral(b *asm.Block, old []*asm.Block) (o *asm.Block, sure bool) {
	if len(old) > 1 || len(old) == 1 && len(loneLiterals(c.d.patched.File)[loneText(c.d.patched.File, b)]) > 1 {
		users := 0
		old, users = c.usedBefore(b, old)
		if len(old) == 0 && users > 0 || len(old) > 1 {
			return nil, false
		}
	}
	if len(old) == 0 {
		return nil, true
	}
	return old[0], old[0].Align >= b.Align
}

// usedBefore returns those of some literals that the originals of the functions which use a literal use, and how many such originals
// there are.
func (c *decider) usedBefore(b *asm.Block, old []*asm.Block) (used []*asm.Block, originals int) {
	for _, pair := range c.s.chosen {
		if pair.o == nil || !namesBlock(c.d.patched.File, pair.p, b) {
			continue
		}
		originals++
		for _, o := range old {
			if namesBlock(c.d.orig.File, pair.o, o) && !slices.Contains(used, o) {
				used = append(used, o)
			}
		}
	}
	return used, originals
}

// namesBlock reports whether the code of a function names a block.
func namesBlock(f *asm.File, fn *asm.Function, b *asm.Block) bool {
	for _, s := range fn.Streams {
		for _, st := range s.Statements {
			for _, n := range asm.SymbolsOf(st.Args) {
				if to, _, _ := f.Follow(n); to == b.Name {
					return true
				}
			}
		}
	}
	return false
}

// excerpt is the content of a literal, for messages.
func excerpt(b *asm.Block) string {
	if len(b.Items[0].Args) > 40 {
		return b.Items[0].Args[:40] + "…"
	}
	return b.Items[0].Args
}

// Labels lists the labels of the original's assembly that Literals names and that its object has no symbols for.
func (e *Emitted) Labels() (labels []string) {
	for _, l := range e.Literals {
		if l.Moved == nil && asm.IsLocal(l.Orig) && !slices.Contains(labels, l.Orig) {
			labels = append(labels, l.Orig)
		}
	}
	return labels
}

// LiteralLabels lists the labels of the literals of a unit that no linker merges and that its object has no symbols for.
func LiteralLabels(f *File) (labels []string) {
	for _, b := range f.Order {
		if isLoneLiteral(f.File, b) && asm.IsLocal(b.Name) {
			labels = append(labels, b.Name)
		}
	}
	return labels
}

// WithLabels returns assembly of which the symbol table has places of labels that assemblers keep out of it (see kpname.Label).
func WithLabels(text []byte, labels []string) []byte {
	out := slices.Clone(text)
	for _, l := range labels {
		out = append(out, setLabel(l, l)...)
	}
	return out
}

// WithPartitionLabels does that for one of several texts that are joined, of which the labels are those of the whole (see JoinPartitions).
func WithPartitionLabels(text []byte, partition int, labels []string) []byte {
	out := slices.Clone(text)
	for _, l := range labels {
		if k, own := asm.PartitionOf(l); k == partition {
			out = append(out, setLabel(l, own)...)
		}
	}
	return out
}

func setLabel(label, at string) string { return "\n\t.set\t" + kpname.Label(label) + ", " + at + "\n" }
