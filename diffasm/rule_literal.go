package diffasm

import (
	"fmt"
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/diffasm/flow"
	"gocare/diffasm/machine"
	"gocare/internal/fault"
)

// This file is about literals that the program knows by their address, such as a string that stands for "none". They have no name to
// find the original's by, so that a patch has copies of those it uses; nothing but a comparison of addresses can tell.

// knownLiteral returns the refusal of a function of the patch that compares the address of a literal which the original has too:
// what the process holds leads to that one.
func (c *decider) knownLiteral(p *asm.Function) *asm.Problem {
	return comparesLiteral(c.d.patched.File, p, func(text string) bool {
		if c.literalTexts == nil {
			c.literalTexts = canon.Literals(c.d.orig.File)
		}
		return c.literalTexts[text]
	})
}

// takenLiterals lists the literals whose address the code of a function takes, and reports whether it compares what may be addresses.
func takenLiterals(f *asm.File, fn *asm.Function) (names []string, compares bool) {
	for _, s := range fn.Streams {
		for _, st := range s.Statements {
			if st.Kind != asm.Instruction {
				continue
			}
			if !compares && machine.Of(f).Kind(st) == machine.Compare {
				in := machine.Of(f).Decode(st)
				compares = in.ComparesAddresses
			}
			if !machine.Of(f).NamesAddress(st) {
				continue
			}
			in := machine.Of(f).Decode(st)
			for _, o := range in.Operands {
				takes := o.Kind == machine.Immediate || in.Kind == machine.Address
				if takes && o.Symbol != "" && !slices.Contains(names, o.Symbol) && canon.LiteralText(f, o.Symbol) != "" {
					names = append(names, o.Symbol)
				}
			}
		}
	}
	return names, compares
}

// comparesLiteral returns the place where a function compares the address of a literal of some content with another address.
func comparesLiteral(f *asm.File, fn *asm.Function, of func(text string) bool) *asm.Problem {
	names, compares := takenLiterals(f, fn)
	names = slices.DeleteFunc(names, func(n string) bool { return !of(canon.LiteralText(f, n)) })
	if !compares || len(names) == 0 {
		return nil
	}
	p := flow.Escapes(f, fn, flow.Rules{Compared: true, Only: true}, func(n string) bool { return slices.Contains(names, n) })
	if p == nil {
		return nil
	}
	return &asm.Problem{
		Code: fault.LiteralCompared, At: p.At,
		What: "it compares the address of a constant without a name, of which the patch has a copy",
		Hint: "give the constant a name (static const char none[] = \"none\"), or compare what it holds; " +
			"--allow literal-compared if no such address is kept",
	}
}

// literals refuses functions that let out the address of a literal which code outside the patch compares. Unchanged ones that
// Identity asked for are left out.
func (c *decider) literals() {
	compared := c.comparedOutside(c.shownLiterals())
	if len(compared) == 0 {
		return
	}
	functions, chosen := c.s.Functions, c.s.chosen
	c.s.Functions, c.s.chosen = nil, nil
	for i, pair := range chosen {
		f := functions[i]
		p := c.usesCompared(pair.p, compared)
		if p != nil && f.Status == Same && len(pair.p.Kin) == 0 {
			f.Reason = p.What
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

// shownLiterals holds the content of the literals of which a function of the patch lets the address out.
func (c *decider) shownLiterals() map[string]bool {
	shown := map[string]bool{}
	for _, pair := range c.s.chosen {
		names, _ := takenLiterals(c.d.patched.File, pair.p)
		for _, n := range names {
			shown[canon.LiteralText(c.d.patched.File, n)] = shown[canon.LiteralText(c.d.patched.File, n)] || letsOut(c.d.patched.File, pair.p, n)
		}
	}
	return shown
}

// letsOut reports whether code outside a function may see the address of a literal that it takes.
func letsOut(f *asm.File, fn *asm.Function, literal string) bool {
	return flow.Escapes(f, fn, flow.Rules{Calls: true, Stale: true}, func(n string) bool { return n == literal }) != nil
}

// comparedOutside gives for the content of each of these literals that code outside the patch compares the name of a function that does.
func (c *decider) comparedOutside(shown map[string]bool) map[string]string {
	compared := map[string]string{}
	f := c.d.orig
	for _, fn := range f.Functions {
		if c.in[fn] {
			continue
		}
		names, compares := takenLiterals(f.File, fn)
		for _, n := range names {
			text := canon.LiteralText(f.File, n)
			if compares && shown[text] && comparesLiteral(f.File, fn, func(t string) bool { return t == text }) != nil {
				compared[text] = fn.Name
			}
		}
	}
	return compared
}

func (c *decider) usesCompared(p *asm.Function, compared map[string]string) *asm.Problem {
	names, _ := takenLiterals(c.d.patched.File, p)
	for _, n := range names {
		if by := compared[canon.LiteralText(c.d.patched.File, n)]; by != "" && letsOut(c.d.patched.File, p, n) {
			return &asm.Problem{
				Code: fault.LiteralCompared, At: first(p),
				What: fmt.Sprintf("it lets out the address of a constant without a name, of which the patch has a copy, and %q compares that of the original", by),
				Hint: fmt.Sprintf("change %q too, or give the constant a name; --allow literal-compared if the two never meet", by),
			}
		}
	}
	return nil
}
