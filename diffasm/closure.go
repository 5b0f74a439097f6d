package diffasm

import (
	"fmt"
	"slices"
	"strings"
)

// closure is what the chosen functions need besides their code, in order of first use.
type closure struct {
	d       *Delta
	copies  map[*block]bool
	data    []*block // literals, tables and new variables
	aliases []*alias // local aliases and weak references to repeat
	externs []string // names the unit does not define
	newVars []string
	statics []string // static locals bound to one of the original

	seen     map[string]bool
	problems []problem
	fn       *fn
	at       stmt
}

// references follows the references of the chosen functions and refuses what they cannot have.
func (c *decider) references() {
	clo := &closure{d: c.d, copies: c.s.copies, seen: map[string]bool{}}
	for _, pair := range c.s.chosen {
		clo.function(pair.p)
		for _, p := range clo.problems {
			// A function that is refused for itself need not be refused for what it uses, too.
			if len(c.bad[pair.p]) > 0 {
				break
			}
			c.refuse(p, c.d.patched, pair.p.name)
		}
		clo.problems = nil
	}
	clo.fn = nil
	for _, b := range c.d.newGlobals() {
		if c.o.Data == nil || !c.o.Data(b.name) {
			continue
		}
		clo.at = stmt{line: b.line, src: c.d.patched.declaredAt(b.name)}
		clo.visit(b.name)
		for _, p := range clo.problems {
			c.refuse(p, c.d.patched, "")
		}
		clo.problems = nil
	}
	c.s.clo = clo
}

// newGlobals returns the new variables that other units can see.
func (d *Delta) newGlobals() (list []*block) {
	for i, v := range d.Variables {
		if v.Status == New && d.patched.isGlobal(v.Name) {
			list = append(list, d.vars[i].p)
		}
	}
	return list
}

// NewGlobals names the new variables that other units can see.
func (d *Delta) NewGlobals() (names []string) {
	for _, b := range d.newGlobals() {
		names = append(names, b.name)
	}
	return names
}

func (c *closure) function(fn *fn) {
	c.fn = fn
	for _, s := range fn.streams {
		for _, st := range s.stmts {
			c.statement(st)
		}
	}
}

func (c *closure) statement(st stmt) {
	t := tokens{s: st.args}
	for tok, ok := t.next(); ok; tok, ok = t.next() {
		if tok.kind == tokSym {
			c.at = st
			c.visit(tok.text)
		}
	}
}

func (c *closure) refuse(code, hint, format string, args ...any) {
	c.problems = append(c.problems, problem{code: code, what: fmt.Sprintf(format, args...), hint: hint, at: c.at})
}

func (c *closure) visit(name string) {
	f := c.d.patched
	if name == "." || c.fn != nil && (name == c.fn.name || isPart(c.fn.name, name) || f.labels[name] == c.fn) {
		return
	}
	if owner := f.labels[name]; owner != nil {
		if c.fn != nil && slices.Contains(c.fn.kin, owner) { // in the patch too, see decider.kin
			return
		}
		c.refuse("foreign-label", "", "it uses the label %s inside function %q", name, owner.name)
		return
	}
	if b := f.blocks[name]; b != nil && b.owner != nil && b.owner != c.fn {
		c.refuse("label-table", "", "it uses the label table %q of function %q", name, b.owner.name)
		return
	}
	if c.seen[name] {
		return
	}
	c.seen[name] = true
	switch {
	case f.alias[name] != nil:
		c.alias(f.alias[name])
	case f.blocks[name] != nil:
		c.block(f.blocks[name])
	case f.fnByName[name] != nil:
	case isLocal(name):
		c.refuse("unknown-label", "", "it uses the label %s, which the unit does not define", name)
	default:
		c.extern(name)
	}
}

func (c *closure) alias(a *alias) {
	switch {
	case a.target == "" && isLocal(a.name):
		c.refuse("alias-expression", "", "it uses %s, defined as %q", a.name, a.expr)
	case isLocal(a.name) || a.weak:
		c.visit(a.target)
		c.aliases = append(c.aliases, a)
	default:
		target, off, _ := c.d.patched.follow(a.name)
		if off != 0 && c.d.orig.alias[a.name] == nil {
			c.refuse("alias-expression", "", "it uses the new name %q for a place inside %q", a.name, target)
		}
		if c.fn == nil || target != c.fn.name {
			c.visit(target)
		}
	}
}

func (c *closure) block(b *block) {
	f := c.d.patched
	switch {
	case b.owner != nil || f.isLiteral(b):
		if len(b.items) == 0 && b.next != nil {
			c.visit(b.next.name)
		} else if len(b.items) == 0 {
			c.refuse("empty-data", "", "it uses %s, which has no content", b.name)
		}
		c.carry(b)
	case isLocal(b.name):
		c.refuse("private-data", "", "it uses the %s data %s, which has no name to find it by", b.sec.class, b.name)
	case len(c.d.m.candidates(b.name)) > 0:
		c.refuse("static-ambiguous", "give the variables names of their own in the source patch",
			"it uses the static variable %q, which may be any of %s of the original", b.name,
			strings.Join(c.d.m.candidates(b.name), ", "))
	case c.doubtful(b.name):
		p, _ := c.d.m.doubt(b.name)
		p.at = c.at
		c.problems = append(c.problems, p)
		c.newVar(b)
	case c.d.m.origVar(b) != nil && !c.copies[b]:
		if isNumbered(b.name) {
			c.statics = append(c.statics, b.name)
		}
	default:
		c.newVar(b)
	}
}

// doubtful reports whether a variable looks new and may not be.
func (c *closure) doubtful(name string) bool {
	_, doubt := c.d.m.doubt(name)
	return doubt
}

// carry adds a block and what it refers to.
func (c *closure) carry(b *block) {
	at := c.at
	c.data = append(c.data, b)
	for _, st := range b.items {
		c.statement(st)
	}
	c.at = at
}

// newVar adds a variable the original does not have.
func (c *closure) newVar(b *block) {
	if c.d.lost(b) {
		c.refuse("static-lost", "use a variable of another name; --allow static-lost if nothing is ever assigned to this one in the original",
			"it uses the static variable %q, which the original declares and keeps nowhere: its value is not known", b.name)
	}
	switch kept := c.d.keptAs(b); {
	case kept != "":
		c.refuse("static-ambiguous", "the running program does not keep the variable as its source has it: make the change without it",
			"it uses the static variable %q, which the compiler keeps as %q in the original", b.name, kept)
	case b.sec.class == classTLS:
		c.refuse("new-tls", "use a variable that is not thread-local, or a library of thread keys", "it uses the new thread-local variable %q", b.name)
	case b.sec.isSet() && c.d.setsMoved:
		c.refuse("section-set", "make the change without it",
			"it uses %q in section %s, which the program collects when it is linked, and which has another name in the original", b.name, b.sec.name)
	case b.common && c.d.patched.isGlobal(b.name):
		c.refuse("new-common", "give the variable an initialiser, or build with -fno-common",
			"it uses the new common variable %q, which another unit may define", b.name)
	case len(b.items) == 0 && b.next != nil:
		c.refuse("empty-data", "", "it uses %q, which has no content of its own", b.name)
	default:
		c.newVars = append(c.newVars, b.name)
		c.carry(b)
	}
}

// extern checks a name that the unit leaves undefined: the original must not have a private one of that name.
func (c *closure) extern(name string) {
	if o := c.d.orig; o.defines(name) && !o.isGlobal(name) {
		c.refuse("name-clash", "give one of the two another name", "it uses %q of another unit, while the original unit has a private %q", name, name)
		return
	}
	c.externs = append(c.externs, name)
}
