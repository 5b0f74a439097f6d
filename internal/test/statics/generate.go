package statics

import (
	"fmt"
	"math/rand"
)

// generator makes units. All choices come from r.
type generator struct {
	r   *rand.Rand
	ids int
}

const alwaysInline = "inline __attribute__((always_inline))"

var (
	names = []string{"cnt", "cnt", "tab", "st"}
	kinds = []kind{u32, u32, u32, u32, u8, u16, u64, i32, array, array, pair, table, pointer}
	attrs = []string{
		"", "", "inline", "__attribute__((noinline))", "__attribute__((noinline))", alwaysInline,
		"__attribute__((noinline, noclone))",
	}
)

func (g *generator) chance(percent int) bool { return g.r.Intn(100) < percent }

func (g *generator) number() uint32 { return uint32(g.r.Intn(1<<24) + 3) }

func oneOf[T any](g *generator, list []T) T { return list[g.r.Intn(len(list))] }

func (g *generator) variable(name string, k kind) *variable {
	g.ids++
	v := &variable{id: g.ids, name: name, kind: k}
	words := map[kind]int{array: 4, pair: 2, table: 6}[k]
	switch {
	case k == table || words > 0 && g.chance(30):
		for range words {
			v.init = append(v.init, uint64(g.r.Intn(3)+1)) // equal initialisers are common
		}
	case words == 0 && k != pointer && k != saved && g.chance(40):
		v.init = []uint64{oneOf(g, []uint64{7, 7, 100})}
	}
	return v
}

// unit makes the first version.
func (g *generator) unit() *unit {
	u := &unit{}
	if g.chance(40) {
		u.vars = append(u.vars, g.variable(oneOf(g, names), u32))
	}
	if g.chance(30) {
		u.vars = append(u.vars, g.variable("kept", saved))
	}
	count := 2 + g.r.Intn(4)
	for i := range count {
		f := &function{name: fmt.Sprintf("f%d", i), level: i, attr: oneOf(g, attrs), global: g.chance(20)}
		if f.global {
			f.attr = ""
		}
		u.funcs = append(u.funcs, f)
		g.fill(u, f)
	}
	run := &function{name: entry, level: 100, global: true, attr: "__attribute__((noinline))"}
	u.funcs = append(u.funcs, run)
	g.fill(u, run)
	if f := u.funcs[0]; f.global && g.chance(50) {
		f.side = true
	}
	for _, f := range u.funcs[:count] { // everything is called
		run.body = append(run.body, g.callTo(f))
		if g.chance(30) {
			run.body = append(run.body, g.callTo(f))
		}
	}
	return u
}

// fill writes the body of a function.
func (g *generator) fill(u *unit, f *function) {
	if f.name != entry && g.chance(20) {
		f.result = g.variable(oneOf(g, names), array)
		f.body = append(f.body, &node{action: declare, vars: []*variable{f.result}}, g.use(f.result))
	} else if f.name != entry && g.chance(20) {
		f.body = append(f.body, &node{action: leave, k: g.number(), k2: g.number()})
	}
	for range 1 + g.r.Intn(4) {
		f.body = append(f.body, g.statement(u, f, 0))
	}
	if f.result == nil && f.name != entry && g.chance(15) {
		f.body = append(f.body, &node{action: recurse, k: g.number()})
	}
}

func (g *generator) use(v *variable) *node {
	n := &node{action: use, vars: []*variable{v}, k: g.number(), k2: g.number()}
	if g.chance(15) {
		n.form = 1 + g.r.Intn(2)
	}
	return n
}

// scope is a block with statics of its own.
func (g *generator) scope() *node {
	b := &node{action: block, oneLine: g.chance(40), bodies: [][]*node{g.statics()}}
	return b
}

// statics declares one or two statics and uses them.
func (g *generator) statics() (list []*node) {
	v := g.variable(oneOf(g, names), oneOf(g, kinds))
	if v.kind == pointer {
		v.target = g.variable(oneOf(g, names), oneOf(g, []kind{u32, array}))
		if v.name = "ptr"; v.target.name == v.name {
			v.target.name = "cnt"
		}
		list = append(list, &node{action: declare, vars: []*variable{v.target}}, g.use(v.target))
	}
	d := &node{action: declare, vars: []*variable{v}}
	list = append(list, d, g.use(v))
	if v.kind == u32 && g.chance(15) {
		w := g.variable("tab", u32)
		if v.name != w.name {
			d.vars = append(d.vars, w)
			list = append(list, g.use(w))
		}
	}
	if g.chance(20) {
		list = append(list, g.use(v))
	}
	return list
}

func (g *generator) statement(u *unit, f *function, depth int) *node {
	n := &node{k: g.number(), k2: g.number()}
	switch x := g.r.Intn(100); {
	case x < 45 || depth > 2:
		return g.scope()
	case x < 55:
		n.action, n.n, n.bodies = loop, 2+g.r.Intn(2), [][]*node{g.some(u, f, depth)}
	case x < 65:
		n.action, n.k, n.bodies = branch, 1<<g.r.Intn(8), [][]*node{g.some(u, f, depth), g.some(u, f, depth)}
	case x < 72:
		n.action, n.bodies = choose, [][]*node{g.some(u, f, depth), g.some(u, f, depth), g.some(u, f, depth)}
	case x < 90 && f.level > 0:
		return g.call(u, f)
	default:
		n.action = fold
	}
	return n
}

// some is the body of a compound statement.
func (g *generator) some(u *unit, f *function, depth int) (list []*node) {
	if g.chance(50) {
		list = g.statics()
	}
	for range g.r.Intn(2) + 1 - min(len(list), 1) {
		list = append(list, g.statement(u, f, depth+1))
	}
	return list
}

// call calls a function of a lower level.
func (g *generator) call(u *unit, f *function) *node {
	var lower []*function
	for _, h := range u.funcs {
		if h.level < f.level {
			lower = append(lower, h)
		}
	}
	if len(lower) == 0 {
		return &node{action: fold, k: g.number()}
	}
	h := oneOf(g, lower)
	if h.result != nil && g.chance(40) {
		for _, v := range u.vars {
			if v.kind == saved {
				n := g.callTo(h)
				n.action, n.vars = save, []*variable{v}
				return n
			}
		}
	}
	return g.callTo(h)
}

func (g *generator) callTo(h *function) *node {
	n := &node{action: call, callee: h.name, k: g.number(), k2: g.number(), n: oneOf(g, []int{0, 1, 2, 2, 3, 5})}
	if h.result != nil {
		n.action = callPointer
	}
	return n
}
