package diffasm

// walk calls yield for every symbol that the code of fn stands on.
func (f *File) walk(fn *fn, yield func(string)) {
	c := newCanon(f, func(n string) string {
		yield(n)
		return n
	})
	c.function(fn)
}

// walkData calls yield for every symbol in the initialiser of b.
func (f *File) walkData(b *block, yield func(string)) {
	c := newCanon(f, func(n string) string {
		yield(n)
		return n
	})
	c.data(b)
}

// users are the functions and variables that mention a symbol, also through literals and aliases.
type users struct {
	fns  []*fn
	data []*block
}

func (f *File) users(name string) (u users) {
	for _, fn := range f.funcs {
		found := false
		f.walk(fn, func(n string) { found = found || n == name })
		if found {
			u.fns = append(u.fns, fn)
		}
	}
	for _, b := range f.vars {
		if b.owner == nil && !f.isLiteral(b) && b.name != name && f.itemsMention(b, name) {
			u.data = append(u.data, b)
		}
	}
	return u
}

func (f *File) itemsMention(b *block, name string) (found bool) {
	f.walkData(b, func(n string) { found = found || n == name })
	return found
}

// uses reports whether the code of a function stands on a symbol.
func (f *File) uses(fn *fn, name string) (found bool) {
	f.walk(fn, func(n string) { found = found || n == name })
	return found
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
