package canon

import "gocare/diffasm/asm"

// Walk calls yield for every symbol that the code of a function stands on.
func Walk(f *asm.File, fn *asm.Function, yield func(string)) {
	c := New(f, func(n string) string {
		yield(n)
		return n
	})
	c.Function(fn)
}

// WalkData calls yield for every symbol in the initialiser of b.
func WalkData(f *asm.File, b *asm.Block, yield func(string)) {
	c := New(f, func(n string) string {
		yield(n)
		return n
	})
	c.Data(b)
}

// Users are the functions and variables that mention a symbol, also through literals and aliases.
type Users struct {
	Functions []*asm.Function
	Variables []*asm.Block
}

// UsersOf lists what mentions a symbol.
func UsersOf(f *asm.File, name string) (u Users) {
	for _, fn := range f.Functions {
		found := false
		Walk(f, fn, func(n string) { found = found || n == name })
		if found {
			u.Functions = append(u.Functions, fn)
		}
	}
	for _, b := range f.Variables {
		if b.Owner == nil && !f.IsLiteral(b) && b.Name != name && ItemsMention(f, b, name) {
			u.Variables = append(u.Variables, b)
		}
	}
	return u
}

// ItemsMention reports whether the initialiser of b mentions a symbol, also through literals and aliases.
func ItemsMention(f *asm.File, b *asm.Block, name string) (found bool) {
	WalkData(f, b, func(n string) { found = found || n == name })
	return found
}

// Uses reports whether the code of a function stands on a symbol.
func Uses(f *asm.File, fn *asm.Function, name string) (found bool) {
	Walk(f, fn, func(n string) { found = found || n == name })
	return found
}

// LiteralText returns what a literal holds, "" if name is none.
func LiteralText(f *asm.File, name string) string {
	target, off, _ := f.Follow(name)
	b := f.Blocks[target]
	if b == nil || !f.IsLiteral(b) {
		return ""
	}
	c := New(f, func(n string) string { return n })
	c.Bare = true
	c.target(target, off, asm.Statement{})
	return c.out.String()
}
