package diffasm

import (
	"fmt"
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/debuginfo"
	"gocare/internal/fault"
	"gocare/internal/lazyregexp"
)

// lateCode reports whether the unit holds a compiler's intermediate language and no code beside it.
func lateCode(f *asm.File) bool {
	marker := func(b *asm.Block) bool { return strings.HasPrefix(b.Name, "__gnu_lto_") }
	return len(f.LTO) > 0 && len(f.Functions) == 0 && !slices.ContainsFunc(f.Variables, func(b *asm.Block) bool { return !marker(b) })
}

// ltoTail is the part of an LTO section name that differs from run to run.
var ltoTail = lazyregexp.New(`(\.gnu\.lto_[\w.]*?)\.[0-9a-f]{8,}`)

// matchLTO refuses a unit whose code is still to be generated, unless nothing changed: what functions the program has is known
// after the link only, and the intermediate language of one compiler version says nothing to another.
func matchLTO(orig, patched *debuginfo.Unit) error {
	if ltoTail.ReplaceAllString(orig.Text, "$1") == ltoTail.ReplaceAllString(patched.Text, "$1") {
		return nil
	}
	return fault.Refuse(fault.LTO, patched.UnitName(), "the unit changed and is compiled with -flto: its code is made at link time").
		WithHint("build both versions with -fno-lto, or make the patch from the link's own assembly")
}

// doubtLate says why a variable that seems new in code which was made when the program was linked may not be: sources of the original
// declare one of its name, of which the program kept nothing, as nobody read it; or the program had one like it, under another name.
func (d *Delta) doubtLate(b *asm.Block) (p asm.Problem, doubt bool) {
	if d.made == nil || b.Section.Class == asm.ReadOnly || b.Section.Class == asm.Relro {
		return p, false
	}
	name := asm.SourceName(b.Name)
	if d.made.Declared(b.Name) {
		return asm.Problem{
			Code: fault.StaticLost, What: fmt.Sprintf("it uses the variable %q, which is new in the program, while sources of the original have that name, too: what it would hold is not known", name),
			Hint: "use a variable of another name; --allow static-lost lets it begin with its initial value",
		}, true
	}
	for i, v := range d.Variables {
		if o := d.vars[i].o; v.Status == Gone && o.Section.Class == b.Section.Class && d.orig.Size(o) == d.patched.Size(b) {
			return asm.Problem{
				Code: fault.StaticRenamed, What: fmt.Sprintf("it uses the new variable %q, while the program no longer has %q: it may be that variable, renamed", name, asm.SourceName(o.Name)),
			}, true
		}
	}
	return p, false
}

// leftOut refuses variables that code which was made when the program was linked no longer keeps, though their sources declare them:
// all that is done with one was known, and what the process holds there would count for nothing.
func (d *Delta) leftOut() (list []asm.Problem) {
	if d.made == nil {
		return nil
	}
	for i, v := range d.Variables {
		o := d.vars[i].o
		if v.Status != Gone || o.Section.Class == asm.ReadOnly || o.Section.Class == asm.Relro || !d.made.Left(o.Name) || len(d.m.Namesakes(o.Name)) > 0 {
			continue
		}
		list = append(list, asm.Problem{
			Code: fault.StaticLost, What: fmt.Sprintf("the compiler left the variable %q out of the patched version: nothing there would see what it holds", asm.SourceName(o.Name)),
			Hint: "keep something that writes and reads the variable; --allow static-lost goes on without it",
		})
	}
	return list
}

// unknownIn names a function of several sources that a variable holds the address of, in code that was made when the program was linked;
// "" if there is none. Which one it is was not told.
func (d *Delta) unknownIn(b *asm.Block) string {
	for _, st := range b.Items {
		t := asm.Tokens{Text: st.Args}
		for tok, ok := t.Next(); ok && d.made != nil; tok, ok = t.Next() {
			if name := asm.SourceName(tok.Text); tok.Kind == asm.TokenSymbol && name != tok.Text && d.patched.FunctionByName[tok.Text] != nil && d.made.Namesake(name) {
				return name
			}
		}
	}
	return ""
}

// hintLikes says what to do about variables that are not told apart.
func (d *Delta) hintLikes(name string) string {
	switch {
	case d.made != nil:
		return "make the change in functions that use none of them; in a program that was built with -g they are told apart"
	case asm.IsNameless(name):
		return "make the change in functions that use none of them"
	}
	return "leave a line alone, in its place, that uses this variable and no other of its name"
}
