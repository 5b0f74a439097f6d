package statics

import (
	"fmt"
	"slices"
)

// edits change a unit in place, as a programmer might; false means that nothing fitted. What they leave is checked by
// unit.valid.
var edits = []struct {
	name string
	do   func(*generator, *unit) bool
}{
	{"constant", (*generator).editConstant},
	{"constant", (*generator).editConstant},
	{"constant", (*generator).editConstant},
	{"add", (*generator).editAdd},
	{"add", (*generator).editAdd},
	{"add", (*generator).editAdd},
	{"remove", (*generator).editRemove},
	{"remove", (*generator).editRemove},
	{"swap", (*generator).editSwap},
	{"swap", (*generator).editSwap},
	{"swap-functions", (*generator).editSwapFunctions},
	{"reorder", (*generator).editReorder},
	{"rename", (*generator).editRename},
	{"initialiser", (*generator).editInitialiser},
	{"type", (*generator).editType},
	{"hoist", (*generator).editHoist},
	{"move", (*generator).editMove},
	{"move-function", (*generator).editMoveFunction},
	{"new-function", (*generator).editNewFunction},
	{"new-function", (*generator).editNewFunction},
	{"rename-function", (*generator).editRenameFunction},
	{"extract", (*generator).editExtract},
	{"move-renamed", (*generator).editMoveRenamed},
	{"to-unit", (*generator).editToUnit},
	{"to-unit", (*generator).editToUnit},
	{"to-file", (*generator).editToFile},
	{"to-function", (*generator).editToFunction},
	{"wrap", (*generator).editWrap},
	{"use", (*generator).editUse},
	{"attribute", (*generator).editAttribute},
}

func (g *generator) function(u *unit) *function { return oneOf(g, u.funcs) }

func (g *generator) list(f *function) *[]*node { return oneOf(g, f.lists()) }

func insert(l *[]*node, at int, n ...*node) { *l = slices.Insert(*l, at, n...) }

func (g *generator) editConstant(u *unit) bool {
	nodes := g.function(u).nodes()
	if len(nodes) == 0 {
		return false
	}
	n := oneOf(g, nodes)
	switch n.action {
	case use, call, callPointer, recurse, fold, leave:
		n.k, n.k2 = g.number(), g.number()
		return true
	}
	return false
}

// editAdd adds a block with statics, or statics at the beginning of a block.
func (g *generator) editAdd(u *unit) bool {
	f := g.function(u)
	l := g.list(f)
	if g.chance(50) {
		insert(l, g.r.Intn(len(*l)+1), g.statics()...)
		return true
	}
	insert(l, g.r.Intn(len(*l)+1), g.scope())
	return true
}

// editRemove removes a statement, or a variable with its uses.
func (g *generator) editRemove(u *unit) bool {
	f := g.function(u)
	l := g.list(f)
	if len(*l) == 0 {
		return false
	}
	at := g.r.Intn(len(*l))
	n := (*l)[at]
	if n.action == declare {
		g.dropUses(f, n.vars)
		for i, m := range *l {
			if m == n {
				at = i
			}
		}
	}
	*l = slices.Delete(*l, at, at+1)
	return true
}

func (g *generator) dropUses(f *function, vars []*variable) {
	for _, l := range f.lists() {
		*l = slices.DeleteFunc(*l, func(n *node) bool { return n.action == use && slices.Contains(vars, n.vars[0]) })
	}
}

// editSwap swaps two statements of one list.
func (g *generator) editSwap(u *unit) bool {
	l := *g.list(g.function(u))
	if len(l) < 2 {
		return false
	}
	i, j := g.r.Intn(len(l)), g.r.Intn(len(l))
	l[i], l[j] = l[j], l[i]
	return i != j
}

// editSwapFunctions swaps two blocks of different functions.
func (g *generator) editSwapFunctions(u *unit) bool {
	a, b := g.aBlock(g.function(u)), g.aBlock(g.function(u))
	if a == nil || b == nil || *a == *b {
		return false
	}
	*a, *b = *b, *a
	return true
}

func (g *generator) aBlock(f *function) **node {
	l := *g.list(f)
	for i, n := range l {
		if n.action == block {
			return &l[i]
		}
	}
	return nil
}

// editReorder moves a function.
func (g *generator) editReorder(u *unit) bool {
	i, j := g.r.Intn(len(u.funcs)), g.r.Intn(len(u.funcs))
	u.funcs[i], u.funcs[j] = u.funcs[j], u.funcs[i]
	return i != j
}

func (g *generator) local(u *unit) (*function, *variable) {
	f := g.function(u)
	if v := f.locals(); len(v) > 0 {
		return f, oneOf(g, v)
	}
	return nil, nil
}

func (g *generator) editRename(u *unit) bool {
	_, v := g.local(u)
	if v == nil {
		return false
	}
	old := v.name
	v.name = oneOf(g, []string{"cnt", "tab", "st", "total"})
	return v.name != old
}

func (g *generator) editInitialiser(u *unit) bool {
	_, v := g.local(u)
	if v == nil || v.kind == pointer {
		return false
	}
	if v.init == nil {
		v.init = []uint64{9}
		return v.kind != array && v.kind != pair
	}
	v.init[0] += 5
	return true
}

func (g *generator) editType(u *unit) bool {
	f, v := g.local(u)
	if v == nil || v.kind > i32 {
		return false
	}
	old := v.kind
	for _, n := range f.nodes() {
		if n.action == declare && len(n.vars) > 1 && slices.Contains(n.vars, v) {
			return false
		}
	}
	v.kind = oneOf(g, []kind{u32, i32, u64})
	return v.kind != old
}

// editHoist moves a declaration to the beginning of its function.
func (g *generator) editHoist(u *unit) bool {
	f := g.function(u)
	for _, l := range f.lists()[1:] {
		for i, n := range *l {
			if n.action == declare && g.chance(50) {
				*l = slices.Delete(*l, i, i+1)
				insert(&f.body, 0, n)
				return true
			}
		}
	}
	return false
}

// editMove moves a block to another place of its function.
func (g *generator) editMove(u *unit) bool { return g.move(g.function(u), nil) }

// editMoveFunction moves a block to another function.
func (g *generator) editMoveFunction(u *unit) bool { return g.move(g.function(u), g.function(u)) }

func (g *generator) move(f, to *function) bool {
	for _, l := range f.lists() {
		for i, n := range *l {
			if n.action == block && g.chance(50) {
				*l = slices.Delete(*l, i, i+1)
				if to == nil {
					to = f
				}
				into := g.list(to)
				insert(into, g.r.Intn(len(*into)+1), n)
				return true
			}
		}
	}
	return false
}

// editMoveRenamed moves a block to another function, or to a new one, and gives its variables other names.
func (g *generator) editMoveRenamed(u *unit) bool {
	f := g.function(u)
	p := g.aBlock(f)
	if p == nil {
		return false
	}
	vars := (&function{body: []*node{*p}}).locals()
	if g.chance(50) {
		if !g.editExtractOf(u, f, p) {
			return false
		}
	} else if !g.move(f, g.function(u)) {
		return false
	}
	for _, v := range vars {
		v.name = oneOf(g, []string{"sum", "seen", "last", v.name})
	}
	return len(vars) > 0
}

// editToUnit moves a function to the other file, where it and its variables may have other names.
func (g *generator) editToUnit(u *unit) bool {
	f := g.function(u)
	if f.name == entry {
		return false
	}
	f.side, f.global, f.attr = !f.side, true, ""
	if g.chance(50) {
		g.renameFunction(u, f)
	}
	if g.chance(50) {
		for _, v := range f.locals() {
			v.name = oneOf(g, []string{"sum", "seen", "last", v.name})
		}
	}
	return true
}

// editToFile makes a static local a variable at file level, by its name or another.
func (g *generator) editToFile(u *unit) bool {
	f := g.function(u)
	for _, l := range f.lists() {
		for i, n := range *l {
			if n.action != declare || len(n.vars) != 1 || n.vars[0].kind >= table {
				continue
			}
			v := n.vars[0]
			v.name = oneOf(g, []string{v.name, "state", "all"})
			*l = slices.Delete(*l, i, i+1)
			u.vars = append(u.vars, v)
			return true
		}
	}
	return false
}

// editToFunction makes a variable at file level a static local of the only function that uses it.
func (g *generator) editToFunction(u *unit) bool {
	for i, v := range u.vars {
		f := u.onlyUser(v)
		if v.kind != u32 || f == nil {
			continue
		}
		v.name = oneOf(g, []string{v.name, "state", "all"})
		u.vars = slices.Delete(u.vars, i, i+1)
		insert(&f.body, 0, &node{action: declare, vars: []*variable{v}})
		return true
	}
	return false
}

// editNewFunction adds a function with statics and a call of it.
func (g *generator) editNewFunction(u *unit) bool {
	caller := g.function(u)
	f := &function{name: fmt.Sprintf("g%d", g.ids), level: caller.level - 1, attr: oneOf(g, attrs)}
	if f.level < 0 {
		return false
	}
	g.fill(u, f)
	u.funcs = slices.Insert(u.funcs, g.r.Intn(len(u.funcs)+1), f)
	l := g.list(caller)
	insert(l, g.r.Intn(len(*l)+1), g.callTo(f))
	return true
}

func (g *generator) editRenameFunction(u *unit) bool {
	f := g.function(u)
	if f.name == entry || f.global {
		return false
	}
	g.renameFunction(u, f)
	return true
}

func (g *generator) renameFunction(u *unit, f *function) {
	old := f.name
	if f.was == "" {
		f.was = old
	}
	f.name = fmt.Sprintf("h%d", g.ids)
	g.ids++
	for _, h := range u.funcs {
		for _, n := range h.nodes() {
			if n.callee == old {
				n.callee = f.name
			}
		}
	}
}

// editExtract makes a function of a block.
func (g *generator) editExtract(u *unit) bool {
	f := g.function(u)
	p := g.aBlock(f)
	return p != nil && g.editExtractOf(u, f, p)
}

// editExtractOf makes a function of block p of f.
func (g *generator) editExtractOf(u *unit, f *function, p **node) bool {
	if f.level == 0 || len((*p).bodies[0]) == 0 {
		return false
	}
	g.ids++
	h := &function{name: fmt.Sprintf("x%d", g.ids), level: f.level - 1, attr: oneOf(g, attrs), body: (*p).bodies[0]}
	at := slices.Index(u.funcs, f)
	u.funcs = slices.Insert(u.funcs, at, h)
	*p = g.callTo(h)
	return true
}

// editWrap puts a statement into a condition, which indents it.
func (g *generator) editWrap(u *unit) bool {
	l := *g.list(g.function(u))
	if len(l) == 0 {
		return false
	}
	i := g.r.Intn(len(l))
	if l[i].action == declare {
		return false
	}
	l[i] = &node{action: branch, k: 1 << g.r.Intn(8), bodies: [][]*node{{l[i]}, {{action: fold, k: g.number()}}}}
	return true
}

// editUse uses a static once more.
func (g *generator) editUse(u *unit) bool {
	f := g.function(u)
	for _, l := range f.lists() {
		for i, n := range *l {
			if n.action == declare && g.chance(50) {
				insert(l, i+1+g.r.Intn(len(*l)-i), g.use(oneOf(g, n.vars)))
				return true
			}
		}
	}
	return false
}

func (g *generator) editAttribute(u *unit) bool {
	f := g.function(u)
	old := f.attr
	if f.name == entry || f.global {
		return false
	}
	f.attr = oneOf(g, attrs)
	return f.attr != old
}
