package diffasm

import (
	"fmt"
	"slices"
	"strings"
)

// This file is about literals that the program knows by their address, such as a string that stands for "none". They have no name to
// find the original's by, so that a patch has copies of those it uses; nothing but a comparison of addresses can tell.

// knownLiteral returns the refusal of a function of the patch that compares the address of a literal which the original has too:
// what the process holds leads to that one.
func (c *decider) knownLiteral(p *fn) *problem {
	return c.d.patched.comparesLiteral(p, func(text string) bool {
		if c.literalTexts == nil {
			c.literalTexts = c.d.orig.literals()
		}
		return c.literalTexts[text]
	})
}

// literals holds the content of every literal.
func (f *File) literals() map[string]bool {
	texts := map[string]bool{}
	for _, b := range f.order {
		if f.isLiteral(b) {
			texts[f.literalText(b.name)] = true
		}
	}
	return texts
}

// literalText returns what a literal holds, "" if name is none.
func (f *File) literalText(name string) string {
	target, off, _ := f.follow(name)
	b := f.blocks[target]
	if b == nil || !f.isLiteral(b) {
		return ""
	}
	c := newCanon(f, func(n string) string { return n })
	c.bare = true
	c.target(target, off, stmt{})
	return c.out.String()
}

// takenLiterals lists the literals whose address the code of a function takes, and reports whether it compares anything.
func (f *File) takenLiterals(fn *fn) (names []string, compares bool) {
	for _, s := range fn.streams {
		for _, st := range s.stmts {
			if st.kind != insn {
				continue
			}
			op, _, ops := operandsOf(st)
			compares = compares || isComparison(op)
			for _, o := range ops {
				takes := o.kind == opImm || strings.HasPrefix(op, "lea")
				if takes && o.sym != "" && !slices.Contains(names, o.sym) && f.literalText(o.sym) != "" {
					names = append(names, o.sym)
				}
			}
		}
	}
	return names, compares
}

// comparesLiteral returns the place where a function compares the address of a literal of some content with another address.
func (f *File) comparesLiteral(fn *fn, of func(text string) bool) *problem {
	names, compares := f.takenLiterals(fn)
	names = slices.DeleteFunc(names, func(n string) bool { return !of(f.literalText(n)) })
	if !compares || len(names) == 0 {
		return nil
	}
	p := f.escapes(fn, flowRules{compared: true, only: true}, func(n string) bool { return slices.Contains(names, n) })
	if p == nil {
		return nil
	}
	return &problem{
		code: "literal-compared", at: p.at,
		what: "it compares the address of a constant without a name, of which the patch has a copy",
		hint: "give the constant a name (static const char none[] = \"none\"), or compare what it holds; " +
			"--allow literal-compared if no such address is kept",
	}
}

// literals refuses functions that use a literal which code outside the patch compares by its address. Unchanged ones that Identity
// asked for are left out.
func (c *decider) literals() {
	compared := c.comparedOutside()
	if len(compared) == 0 {
		return
	}
	functions, chosen := c.s.Functions, c.s.chosen
	c.s.Functions, c.s.chosen = nil, nil
	for i, pair := range chosen {
		f := functions[i]
		p := c.usesCompared(pair.p, compared)
		if p != nil && f.Status == Same && len(pair.p.kin) == 0 {
			f.Reason = p.what
			c.s.Skipped = append(c.s.Skipped, f)
			delete(c.in, pair.p)
			delete(c.in, pair.o)
			continue
		}
		if p != nil {
			c.refuse(*p, c.d.patched, f.Name)
		}
		c.s.Functions = append(c.s.Functions, f)
		c.s.chosen = append(c.s.chosen, pair)
	}
}

// comparedOutside gives for the content of each literal that code outside the patch compares the name of a function that does.
func (c *decider) comparedOutside() map[string]string {
	compared := map[string]string{}
	for _, fn := range c.d.orig.funcs {
		if names, compares := c.d.orig.takenLiterals(fn); !c.in[fn] && compares {
			for _, n := range names {
				text := c.d.orig.literalText(n)
				if c.d.orig.comparesLiteral(fn, func(t string) bool { return t == text }) != nil {
					compared[text] = fn.name
				}
			}
		}
	}
	return compared
}

func (c *decider) usesCompared(p *fn, compared map[string]string) *problem {
	names, _ := c.d.patched.takenLiterals(p)
	for _, n := range names {
		if by := compared[c.d.patched.literalText(n)]; by != "" {
			return &problem{
				code: "literal-compared", at: p.first(),
				what: fmt.Sprintf("it uses a constant without a name, of which the patch has a copy, and whose address %q compares", by),
				hint: fmt.Sprintf("change %q too, or give the constant a name; --allow literal-compared if the function lets no such address out", by),
			}
		}
	}
	return nil
}
