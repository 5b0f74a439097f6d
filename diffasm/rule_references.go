package diffasm

import (
	"fmt"
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/machine"
	"gocare/internal/fault"
)

// closure is what the chosen functions need besides their code, in order of first use.
type closure struct {
	d       *Delta
	copies  map[*asm.Block]bool
	data    []*asm.Block // literals, tables and new variables
	aliases []*asm.Alias // local aliases and weak references to repeat
	externs []string     // names the unit does not define, or that the process has of another unit
	newVars []string
	statics []string // static locals bound to one of the original

	elsewhere func(name string) bool // see Options
	moves     Moves                  // likewise

	taken map[*asm.Block]asm.Statement // blocks whose address is taken, and where first

	seen     map[string]bool
	problems []referenceProblem
	refused  map[string]bool // names that are seen and cannot be had
	again    []string        // such that the function at hand uses, too
	path     []string        // the names that lead to what is looked at
	fn       *asm.Function
	at       asm.Statement
}

// referenceProblem is a reference that cannot be had, with the names that lead to it.
type referenceProblem struct {
	asm.Problem
	path []string
}

// references follows the references of the chosen functions and refuses what they cannot have.
func (c *decider) references() {
	clo := &closure{d: c.d, copies: c.s.copies, elsewhere: c.o.Elsewhere, moves: c.o.Moves, taken: map[*asm.Block]asm.Statement{}, seen: map[string]bool{}, refused: map[string]bool{}}
	about := map[string][]*fault.Error{} // refusals by the names that lead to them
	for _, pair := range c.s.chosen {
		clo.function(pair.p)
		for _, name := range clo.again {
			for _, e := range about[name] {
				e.AlsoAbout(pair.p.Name)
			}
		}
		for _, p := range clo.problems {
			// A function that is refused for itself need not be refused for what it uses, too; another one may be.
			if c.standsRefused(pair.p) {
				clo.forget(p.path)
				continue
			}
			e := c.refuse(p.Problem, c.d.patched, pair.p.Name)
			for _, name := range p.path {
				about[name] = append(about[name], e)
			}
		}
		clo.problems, clo.again = nil, nil
	}
	clo.fn = nil
	for _, b := range c.d.newGlobals() {
		if (c.o.Data == nil || !c.o.Data(b.Name)) && !c.s.hasRole(b.Name) {
			continue
		}
		clo.at = asm.Statement{Line: b.Line, Place: c.d.patched.DeclaredAt(b.Name)}
		clo.visit(b.Name)
		for _, p := range clo.problems {
			c.refuse(p.Problem, c.d.patched, "")
		}
		clo.problems = nil
	}
	c.s.clo = clo
}

// standsRefused reports whether a function is refused for itself, and the user does not override that.
func (c *decider) standsRefused(fn *asm.Function) bool {
	return slices.ContainsFunc(c.bad[fn], func(p asm.Problem) bool { return !c.allows(p.Code) })
}

// forget lets names be looked at again.
func (c *closure) forget(names []string) {
	for _, name := range names {
		delete(c.seen, name)
		delete(c.refused, name)
	}
}

// newGlobals returns the new variables that other units can see.
func (d *Delta) newGlobals() (list []*asm.Block) {
	for i, v := range d.Variables {
		if v.Status == New && d.patched.IsGlobal(v.Name) {
			list = append(list, d.vars[i].p)
		}
	}
	return list
}

// NewGlobals names the new variables that other units can see.
func (d *Delta) NewGlobals() (names []string) {
	for _, b := range d.newGlobals() {
		names = append(names, b.Name)
	}
	return names
}

func (c *closure) function(fn *asm.Function) {
	c.fn = fn
	for _, s := range fn.Streams {
		for _, st := range s.Statements {
			c.statement(st)
		}
	}
}

func (c *closure) statement(st asm.Statement) {
	t := asm.Tokens{Text: st.Args}
	for tok, ok := t.Next(); ok; tok, ok = t.Next() {
		if tok.Kind == asm.TokenSymbol {
			c.at = st
			c.take(tok.Text)
			c.visit(tok.Text)
		}
	}
}

// take notes that the statement at hand takes the address of a block, if it does.
func (c *closure) take(name string) {
	if c.taken == nil || c.at.Kind == asm.Instruction && !c.at.Asm && !machine.Of(c.d.patched.File).NamesAddress(c.at) {
		return
	}
	target, _, _ := c.d.patched.Follow(name)
	if b := c.d.patched.Blocks[target]; b != nil {
		if _, known := c.taken[b]; !known {
			c.taken[b] = c.at
		}
	}
}

func (c *closure) refuse(code fault.Code, hint, format string, args ...any) {
	c.note(asm.Problem{Code: code, What: fmt.Sprintf(format, args...), Hint: hint, At: c.at})
}

// note notes a problem of what is looked at.
func (c *closure) note(p asm.Problem) {
	c.problems = append(c.problems, referenceProblem{p, slices.Clone(c.path)})
	for _, name := range c.path {
		if c.refused != nil {
			c.refused[name] = true
		}
	}
}

func (c *closure) visit(name string) {
	f := c.d.patched
	if name == "." || c.fn != nil && (name == c.fn.Name || asm.IsPart(c.fn.Name, name) || f.Labels[name] == c.fn) {
		return
	}
	if b := f.Inside[name]; b != nil && b.Owner == c.fn {
		return
	}
	if owner := f.Labels[name]; owner != nil {
		if c.fn != nil && slices.Contains(c.fn.Kin, owner) { // in the patch too, see sharedLabels
			return
		}
		c.refuse(fault.ForeignLabel, "", "it uses the label %s inside function %q", name, owner.Name)
		return
	}
	if b := f.Blocks[name]; b != nil && b.Owner != nil && b.Owner != c.fn {
		c.refuse(fault.LabelTable, "", "it uses the label table %q of function %q", name, b.Owner.Name)
		return
	}
	if c.seen[name] {
		if c.refused[name] && !slices.Contains(c.again, name) {
			c.again = append(c.again, name)
		}
		return
	}
	c.seen[name] = true
	c.path = append(c.path, name)
	defer func() { c.path = c.path[:len(c.path)-1] }()
	switch {
	case f.Alias[name] != nil:
		c.alias(f.Alias[name])
	case f.Blocks[name] != nil:
		c.block(f.Blocks[name])
	case f.FunctionByName[name] != nil:
	case asm.IsLocal(name):
		c.refuse(fault.UnknownLabel, "", "it uses the label %s, which the unit does not define", name)
	default:
		c.extern(name)
	}
}

func (c *closure) alias(a *asm.Alias) {
	switch {
	case a.Target == "" && asm.IsLocal(a.Name):
		c.refuse(fault.AliasExpression, "", "it uses %s, defined as %q", a.Name, a.Expression)
	case asm.IsLocal(a.Name) || a.Weak:
		c.visit(a.Target)
		c.aliases = append(c.aliases, a)
	default:
		target, off, _ := c.d.patched.Follow(a.Name)
		if off != 0 && c.d.orig.Alias[a.Name] == nil {
			c.refuse(fault.AliasExpression, "", "it uses the new name %q for a place inside %q", a.Name, target)
		}
		if c.fn == nil || target != c.fn.Name {
			c.visit(target)
		}
	}
}

func (c *closure) block(b *asm.Block) {
	f := c.d.patched
	switch {
	case b.Owner != nil || f.IsLiteral(b):
		if len(b.Items) == 0 && b.Next != nil {
			c.visit(b.Next.Name)
		} else if len(b.Items) == 0 {
			c.refuse(fault.EmptyData, "", "it uses %s, which has no content", b.Name)
		}
		c.carry(b)
	case asm.IsCounter(b.Name):
		if c.copies != nil {
			c.copies[b] = true
		}
		c.carry(b)
	case asm.IsLocal(b.Name):
		c.refuse(fault.PrivateData, "", "it uses the %s data %s, which has no name to find it by", b.Section.Class, b.Name)
	case len(c.d.m.Candidates(b.Name)) > 0:
		what := "the static variable "
		if asm.IsNameless(b.Name) {
			what = ""
		}
		c.refuse(fault.StaticAmbiguous, c.d.hintLikes(b.Name), "it uses %s%s, which may be %s", what, stateOf(f, b), c.d.mayBe(b.Name))
	case max(len(f.CountedAlike(b.Name)), len(c.d.orig.CountedAlike(b.Name))) > 1:
		c.refuse(fault.StaticAmbiguous, "make the change in a function that uses none of them",
			"it uses the static variable %q, one of several of that name, which compilers only count", b.Name)
	case c.doubtful(b.Name):
		p, _ := c.d.m.Doubt(b.Name)
		p.At = c.at
		c.note(p)
		c.newVar(b)
	case c.d.m.OrigVariable(b) != nil && !c.copies[b]:
		if asm.IsNumbered(b.Name) {
			c.statics = append(c.statics, b.Name)
		}
	case c.isElsewhere(b.Name):
		c.externs = append(c.externs, b.Name)
	case c.moves.Variables[b.Name].Symbol != "":
	default:
		c.newVar(b)
	}
}

// isElsewhere reports whether a name is that of a variable that another unit of the original has.
func (c *closure) isElsewhere(name string) bool { return c.elsewhere != nil && c.elsewhere(name) }

// elsewhereAs returns what the patch calls something of the patched unit that is another unit's of the original: its name, or one for what is
// private there.
func (c *closure) elsewhereAs(name string) (as string, elsewhere bool) {
	if m, moved := c.moves.Variables[name]; moved {
		return m.As(name), true
	}
	_, moved := c.moves.Functions[name]
	return name, moved || c.isElsewhere(name)
}

// doubtful reports whether a variable looks new and may not be.
func (c *closure) doubtful(name string) bool {
	_, doubt := c.d.m.Doubt(name)
	return doubt
}

// carry adds a block and what it refers to.
func (c *closure) carry(b *asm.Block) {
	at := c.at
	c.data = append(c.data, b)
	for _, st := range b.Items {
		c.statement(st)
	}
	c.at = at
}

// newVar adds a variable the original does not have.
func (c *closure) newVar(b *asm.Block) {
	if c.d.lost(b) {
		c.refuse(fault.StaticLost, "use a variable of another name; --allow static-lost if nothing is ever assigned to this one in the original",
			"it uses the static variable %q, which the original declares and keeps nowhere: its value is not known", b.Name)
	}
	if p, doubt := c.d.doubtLate(b); doubt {
		c.refuse(p.Code, p.Hint, "%s", p.What)
	}
	switch kept := c.d.keptAs(b); {
	case kept != "":
		c.refuse(fault.StaticAmbiguous, "the running program does not keep the variable as its source has it: make the change without it",
			"it uses the static variable %q, which the compiler keeps as %q in the original", b.Name, kept)
	case b.Section.Class == asm.ThreadLocal:
		c.refuse(fault.NewTLS, "", "it uses the new thread-local variable %q", b.Name)
	case b.Section.IsSet() && c.d.setsMoved:
		c.refuse(fault.SectionSet, "make the change without it",
			"it uses %q in section %s, which the program collects when it is linked, and which has another name in the original", b.Name, b.Section.Name)
	case b.Common && c.d.patched.IsGlobal(b.Name):
		c.refuse(fault.NewCommon, "",
			"it uses the new common variable %q, which another unit may define", b.Name)
	case len(b.Items) == 0 && b.Next != nil:
		c.refuse(fault.EmptyData, "", "it uses %q, which has no content of its own", b.Name)
	default:
		c.newVars = append(c.newVars, b.Name)
		c.carry(b)
	}
}

// extern checks a name that the unit leaves undefined: the original must not have a private one of that name.
func (c *closure) extern(name string) {
	if o := c.d.orig; o.Defines(name) && !o.IsGlobal(name) {
		c.refuse(fault.NameClash, "", "it uses %q of another unit, while the original unit has a private %q", name, name)
		return
	}
	c.externs = append(c.externs, name)
}
