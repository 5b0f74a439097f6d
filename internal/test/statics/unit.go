package statics

import "slices"

// kind is the type of a static variable.
type kind int

const (
	u8 kind = iota
	u16
	u32
	u64
	i32     // as u32, but for its type
	array   // u32[4]
	pair    // struct { u32 x, y; }
	table   // const u32[6]
	pointer // u32 *, to another static of the same block
	saved   // u32 *, at file level, set on first use to what a function returns
)

// variable is a static variable, in a function or at file level.
type variable struct {
	id     int // says which one it is, in both versions
	name   string
	kind   kind
	init   []uint64  // nil for zeroes
	target *variable // of a pointer
}

// what a node does.
type action int

const (
	declare action = iota // statics
	use                   // a static
	block
	loop
	branch
	choose // switch
	call
	callPointer // a function that returns the address of a static
	save        // keep such an address
	recurse
	leave // early return
	fold  // a constant
)

// node is a statement.
type node struct {
	action  action
	vars    []*variable // declared, or the one used
	form    int         // of a use: 0 change and read, 1 read, 2 write
	k, k2   uint32
	n       int    // rounds of a loop; how the second argument of a call is given
	callee  string // function called
	bodies  [][]*node
	oneLine bool // a block is written on one line
}

// function is u32 f(u32 a, u32 m), or u32 *f(u32 a, u32 m) when it returns the address of a static.
type function struct {
	name   string
	was    string // its name in the original, if it was renamed
	level  int    // it calls functions of lower levels only
	attr   string // before the type
	global bool
	side   bool      // it is in the second file, where only what is global can be used
	result *variable // whose address it returns; nil
	body   []*node
}

// unit is one version of a program's source: of one file, or two.
type unit struct {
	vars  []*variable // at file level
	funcs []*function // the last by level is the entry
}

const entry = "run"

func (u *unit) find(name string) *function {
	for _, f := range u.funcs {
		if f.name == name {
			return f
		}
	}
	return nil
}

// hasSide reports whether there is anything in the second file.
func (u *unit) hasSide() bool {
	return slices.ContainsFunc(u.funcs, func(f *function) bool { return f.side })
}

// clone copies everything; variables keep their ids.
func (u *unit) clone() *unit {
	c := cloner{}
	out := &unit{}
	for _, v := range u.vars {
		out.vars = append(out.vars, c.variable(v))
	}
	for _, f := range u.funcs {
		g := *f
		g.result = c.variable(f.result)
		g.body = c.nodes(f.body)
		out.funcs = append(out.funcs, &g)
	}
	return out
}

type cloner map[*variable]*variable

func (c cloner) variable(v *variable) *variable {
	if v == nil {
		return nil
	}
	if c[v] == nil {
		w := *v
		c[v] = &w
		w.target = c.variable(v.target)
	}
	return c[v]
}

func (c cloner) nodes(list []*node) (out []*node) {
	for _, n := range list {
		m := *n
		m.vars = nil
		for _, v := range n.vars {
			m.vars = append(m.vars, c.variable(v))
		}
		m.bodies = nil
		for _, b := range n.bodies {
			m.bodies = append(m.bodies, c.nodes(b))
		}
		out = append(out, &m)
	}
	return out
}

// lists returns every list of statements of a function, outermost first.
func (f *function) lists() (out []*[]*node) {
	var walk func(l *[]*node)
	walk = func(l *[]*node) {
		out = append(out, l)
		for _, n := range *l {
			for i := range n.bodies {
				walk(&n.bodies[i])
			}
		}
	}
	walk(&f.body)
	return out
}

// nodes returns every statement of a function.
func (f *function) nodes() (out []*node) {
	for _, l := range f.lists() {
		out = append(out, *l...)
	}
	return out
}

// valid reports whether the unit is C in which every use means the variable it is meant to.
func (u *unit) valid() bool {
	seen := map[string]bool{}
	for _, f := range u.funcs {
		if seen[f.name] {
			return false
		}
		seen[f.name] = true
	}
	for _, v := range u.vars {
		if seen[v.name] {
			return false
		}
		seen[v.name] = true
	}
	for _, f := range u.funcs {
		if !u.validFunction(f) {
			return false
		}
	}
	return seen[entry]
}

func (u *unit) validFunction(f *function) bool {
	if f.attr == alwaysInline && slices.ContainsFunc(f.nodes(), func(n *node) bool { return n.action == recurse }) {
		return false
	}
	s := &scopes{u: u, f: f}
	if f.side && !f.global {
		return false
	}
	if !f.side {
		s.stack = append(s.stack, u.vars)
	}
	return s.list(f.body, f.result)
}

// scopes resolves names as C does.
type scopes struct {
	u     *unit
	f     *function
	stack [][]*variable
}

func (s *scopes) lookup(name string) *variable {
	for i := len(s.stack) - 1; i >= 0; i-- {
		for _, v := range s.stack[i] {
			if v.name == name {
				return v
			}
		}
	}
	return nil
}

func (s *scopes) list(body []*node, result *variable) bool {
	s.stack = append(s.stack, nil)
	defer func() { s.stack = s.stack[:len(s.stack)-1] }()
	for _, n := range body {
		if !s.node(n) {
			return false
		}
	}
	return result == nil || s.lookup(result.name) == result
}

func (s *scopes) node(n *node) bool {
	top := &s.stack[len(s.stack)-1]
	switch n.action {
	case declare:
		for _, v := range n.vars {
			if slices.ContainsFunc(*top, func(w *variable) bool { return w.name == v.name }) {
				return false
			}
			if v.target != nil && s.lookup(v.target.name) != v.target {
				return false
			}
			*top = append(*top, v)
		}
	case use, save:
		if s.lookup(n.vars[0].name) != n.vars[0] {
			return false
		}
	}
	if n.callee != "" {
		g := s.u.find(n.callee)
		if g == nil || g.level >= s.f.level || g.side != s.f.side && !g.global || (g.result != nil) != (n.action != call) {
			return false
		}
	}
	for _, b := range n.bodies {
		if !s.list(b, nil) {
			return false
		}
	}
	return true
}

// locals returns the variables that f declares.
func (f *function) locals() (out []*variable) {
	for _, n := range f.nodes() {
		if n.action == declare {
			out = append(out, n.vars...)
		}
	}
	return out
}

// onlyUser returns the function that alone uses a variable, nil if none does, or several.
func (u *unit) onlyUser(v *variable) (only *function) {
	for _, f := range u.funcs {
		if !slices.ContainsFunc(f.nodes(), func(n *node) bool { return n.action != declare && slices.Contains(n.vars, v) }) {
			continue
		}
		if only != nil {
			return nil
		}
		only = f
	}
	return only
}

// writes reports whether anything in the unit may write v.
func (u *unit) writes(v *variable) bool {
	for _, f := range u.funcs {
		if f.result == v {
			return true
		}
		for _, w := range f.locals() {
			if w.target == v {
				return true
			}
		}
		for _, n := range f.nodes() {
			if n.action == use && n.vars[0] == v && n.form != 1 {
				return true
			}
		}
	}
	return false
}
