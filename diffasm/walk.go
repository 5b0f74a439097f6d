package diffasm

// Walk calls yield for every symbol that the code of fn stands on.
func (f *File) Walk(fn *fn, yield func(string)) {
	c := newCanon(f, func(n string) string {
		yield(n)
		return n
	})
	c.Function(fn)
}

// WalkData calls yield for every symbol in the initialiser of b.
func (f *File) WalkData(b *Block, yield func(string)) {
	c := newCanon(f, func(n string) string {
		yield(n)
		return n
	})
	c.Data(b)
}

// Users are the functions and variables that mention a symbol, also through literals and aliases.
type Users struct {
	Functions []*fn
	Variables []*Block
}

func (f *File) UsersOf(name string) (u Users) {
	for _, fn := range f.Functions {
		found := false
		f.Walk(fn, func(n string) { found = found || n == name })
		if found {
			u.Functions = append(u.Functions, fn)
		}
	}
	for _, b := range f.Variables {
		if b.Owner == nil && !f.IsLiteral(b) && b.Name != name && f.ItemsMention(b, name) {
			u.Variables = append(u.Variables, b)
		}
	}
	return u
}

func (f *File) ItemsMention(b *Block, name string) (found bool) {
	f.WalkData(b, func(n string) { found = found || n == name })
	return found
}

// Uses reports whether the code of a function stands on a symbol.
func (f *File) Uses(fn *fn, name string) (found bool) {
	f.Walk(fn, func(n string) { found = found || n == name })
	return found
}

// Literals holds the content of every literal.
func (f *File) Literals() map[string]bool {
	texts := map[string]bool{}
	for _, b := range f.Order {
		if f.IsLiteral(b) {
			texts[f.LiteralText(b.Name)] = true
		}
	}
	return texts
}

// LiteralText returns what a literal holds, "" if name is none.
func (f *File) LiteralText(name string) string {
	target, off, _ := f.Follow(name)
	b := f.Blocks[target]
	if b == nil || !f.IsLiteral(b) {
		return ""
	}
	c := newCanon(f, func(n string) string { return n })
	c.Bare = true
	c.target(target, off, Statement{})
	return c.out.String()
}
