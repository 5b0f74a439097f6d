package statics

import "errors"

// Machine holds the values of the static variables of a running program.
type Machine struct {
	state map[int][]uint64 // by variable
	steps int
}

// NewMachine returns a machine before the program ran.
func NewMachine() *Machine { return &Machine{state: map[int][]uint64{}} }

var errSteps = errors.New("the program runs too long")

const maxSteps = 20000

// run calls the entry of a version and returns its result.
func (m *Machine) run(u *unit, a, arg uint32) (res uint32, err error) {
	m.steps = 0
	defer func() {
		if e := recover(); e != nil {
			if e != errSteps {
				panic(e)
			}
			err = errSteps
		}
	}()
	return m.call(u, u.find(entry), a, arg), nil
}

// words returns the storage of a variable.
func (m *Machine) words(v *variable) []uint64 {
	if m.state[v.id] == nil {
		w := make([]uint64, 6)
		copy(w, v.init)
		m.state[v.id] = w
	}
	return m.state[v.id]
}

// frame is a call that is under way.
type frame struct {
	m    *Machine
	u    *unit
	f    *function
	a, p uint32 // the parameters a and m
	done bool
}

func (m *Machine) call(u *unit, f *function, a, p uint32) uint32 {
	fr := &frame{m: m, u: u, f: f, a: a ^ p, p: p}
	fr.list(f.body)
	return fr.a
}

func (fr *frame) fold(x uint32) { fr.a = fr.a*31 + x }

func (fr *frame) list(body []*node) {
	for _, n := range body {
		if fr.done {
			return
		}
		fr.node(n)
	}
}

func (fr *frame) node(n *node) {
	if fr.m.steps++; fr.m.steps > maxSteps {
		panic(errSteps)
	}
	switch n.action {
	case use:
		fr.use(n)
	case block:
		fr.list(n.bodies[0])
	case loop:
		for i := range n.n {
			if fr.done {
				return
			}
			fr.a += uint32(i)
			fr.list(n.bodies[0])
		}
	case branch:
		if fr.a&n.k != 0 {
			fr.list(n.bodies[0])
		} else {
			fr.list(n.bodies[1])
		}
	case choose:
		fr.list(n.bodies[fr.a%3])
	case call:
		fr.fold(fr.m.call(fr.u, fr.u.find(n.callee), fr.a^n.k, fr.argument(n)))
	case callPointer:
		w := fr.pointed(n)
		w[1] = uint64(uint32(w[1]) + n.k2)
		fr.fold(uint32(w[fr.a&1]))
	case save:
		fr.save(n)
	case recurse:
		if fr.p&3 != 0 {
			fr.fold(fr.m.call(fr.u, fr.f, fr.a^n.k, fr.p&3-1))
		}
	case leave:
		if fr.a%7 == n.k%7 {
			fr.a ^= n.k2
			fr.done = true
		}
	case fold:
		fr.fold(n.k)
	}
}

// argument is the second argument of a call.
func (fr *frame) argument(n *node) uint32 {
	switch n.n {
	case 0:
		return fr.p
	case 1:
		return fr.a
	}
	return uint32(n.n)
}

// pointed calls a function that returns an address and returns what is there.
func (fr *frame) pointed(n *node) []uint64 {
	g := fr.u.find(n.callee)
	fr.m.call(fr.u, g, fr.a^n.k, fr.argument(n))
	return fr.m.words(g.result)
}

// save keeps the address of the first time: its own words hold one more than the variable's id.
func (fr *frame) save(n *node) {
	own := fr.m.words(n.vars[0])
	if own[0] == 0 {
		fr.pointed(n)
		own[0] = uint64(fr.u.find(n.callee).result.id) + 1
	}
	w := fr.m.state[int(own[0])-1]
	w[0] = uint64(uint32(w[0]) + n.k2)
	fr.fold(uint32(w[0]))
}

var mask = map[kind]uint64{u8: 0xff, u16: 0xffff, u32: 0xffffffff, i32: 0xffffffff, u64: ^uint64(0)}

func (fr *frame) use(n *node) {
	v := n.vars[0]
	w := fr.m.words(v)
	a := fr.a
	switch v.kind {
	case array:
		fr.array(n, w)
	case pair:
		if n.form != 1 {
			w[0], w[1] = uint64(uint32(w[0])+a), w[1]^uint64(n.k)
		}
		if n.form != 2 {
			fr.fold(uint32(w[0]) + uint32(w[1])*3)
		}
	case table:
		fr.fold(uint32(w[a%6]) ^ n.k)
	case pointer:
		t := fr.m.words(v.target)
		t[0] = uint64(uint32(t[0]) + n.k)
		fr.fold(uint32(t[0]))
	default:
		switch n.form {
		case 0:
			w[0] = (w[0] + uint64(n.k)) & mask[v.kind]
		case 2:
			w[0] = uint64(a+n.k) & mask[v.kind]
			return
		}
		fr.fold(uint32(w[0]) ^ n.k2)
	}
}

func (fr *frame) array(n *node, w []uint64) {
	a := fr.a
	if n.form != 1 {
		w[a&3] = uint64(uint32(w[a&3]) + n.k)
	}
	if n.form != 2 {
		fr.fold(uint32(w[a>>3&3]) + n.k2)
	}
}
