package correlate

import (
	"fmt"
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/diffasm/debuginfo"
)

// This file proves by compiles on the side what a process would hold in variables that neither version keeps. Behind the source stand functions
// that anybody may call, at any time: where the compiler still keeps nothing of a variable that one of them writes, no code reads it; and
// where it keeps nothing of one that they read, it is always what it was at first.

// Unstored are such compiles, with debug information; any may be nil.
type Unstored struct {
	OrigRead, PatchedRead []*debuginfo.Unit // with ReadersOf the variables, some in each; alike in both versions
	PatchedWritten        *debuginfo.Unit   // with WritersOf them
	OrigKept              *debuginfo.Unit   // with KeeperOf those that the patched version keeps
	PatchedLocals         *debuginfo.Unit   // with a LocalKeeper behind the declarations of static locals
}

const (
	reader = "gocare_read_"
	writer = "gocare_write_"
	copied = "gocare_copy_"
)

// ReadersOf returns functions in C that read private variables, of which a source is before them.
func ReadersOf(names []string) string {
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "#undef %[1]s\nextern char %[2]s%[1]s[sizeof(%[1]s)];\n"+
			"__attribute__((__used__, __noinline__)) void %[3]s%[1]s(void) { __builtin_memcpy(%[2]s%[1]s, (const void *)&%[1]s, sizeof(%[1]s)); }\n", n, copied, reader)
	}
	return b.String()
}

// WritersOf returns functions in C that write private variables, of which a source is before them. One that is const cannot be written: what
// takes its address has it kept.
func WritersOf(names []string) string {
	var b strings.Builder
	b.WriteString("extern const __volatile__ void *__volatile__ gocare_at;\n")
	for _, n := range names {
		fmt.Fprintf(&b, "#undef %[1]s\nextern char %[2]s%[1]s[sizeof(%[1]s)];\n__attribute__((__used__, __noinline__)) void %[3]s%[1]s(void)\n{\n"+
			"\tgocare_at = __builtin_types_compatible_p(__typeof__(&%[1]s), const __typeof__(%[1]s) *) ? (const __volatile__ void *)&%[1]s : 0;\n"+
			"\t__builtin_memcpy((void *)&%[1]s, %[2]s%[1]s, sizeof(%[1]s));\n}\n", n, copied, writer)
	}
	return b.String()
}

// KeeperName begins the names of the tables of KeeperOf.
const KeeperName = "gocare_keep_"

// KeeperOf returns a table of a number, of the addresses of private variables, of which a source is before it: what knows of it has to keep them,
// and expect any value in them.
func KeeperOf(names []string, number int) string {
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "#undef %s\n", n)
	}
	fmt.Fprintf(&b, "__attribute__((__used__, __section__(\".note.gocare\"))) const __volatile__ void *%s%d[] = {", KeeperName, number)
	for _, n := range names {
		fmt.Fprintf(&b, "(const __volatile__ void *)&%s,", n)
	}
	b.WriteString("};\n")
	return b.String()
}

// LocalKeeper returns the declaration in C, behind that of a static local, of a pointer to it that must be kept: what knows of it has to expect any
// value there. There is none to one that is const, whose value is known all the same.
func LocalKeeper(name string, number int) string {
	return fmt.Sprintf(" static const __volatile__ void *const %[1]s%[2]d __attribute__((__used__)) = "+
		"__builtin_types_compatible_p(__typeof__(&%[3]s), const __typeof__(%[3]s) *) ? 0 : (const __volatile__ void *)&%[3]s;", KeeperName, number, name)
}

// AlwaysInitial reports whether compiles on the side prove that a variable at file level, of which the original keeps nothing, always has its first
// value there, and that the patched version begins with the same.
func (m *folding) AlwaysInitial(name string) bool {
	p := m.Patched.Unit.Blocks[name]
	if m.unstored == nil || p == nil {
		return false
	}
	u := m.unstored()
	read := withReader(u.OrigRead, name)
	if read == nil || u.OrigKept == nil || u.OrigKept.Blocks[name] == nil || !isConstantIn(read, name) {
		return false
	}
	content := func(unit *debuginfo.Unit) string {
		b := unit.Blocks[name]
		return unit.Size(b) + " " + canon.New(unit.File, m.tokenIn(unit, name)).Data(b)
	}
	was, is := content(u.OrigKept), content(m.Patched.Unit)
	return was == is && !strings.Contains(was, unknownName)
}

// isConstantIn reports whether a unit that has a reader of a variable keeps it nowhere, or in memory that nobody writes to.
func isConstantIn(u *debuginfo.Unit, name string) bool {
	if b := u.Blocks[name]; b != nil {
		return b.Section.Class == asm.ReadOnly || b.Section.Class == asm.Relro
	}
	return leavesOut(u, name)
}

// shownAlike reports whether compiles on the side prove that the patched code takes a variable which neither version keeps for what the process
// would hold: no patched code reads it, or it is one value in both versions, always.
func (m *folding) shownAlike(o, p *debuginfo.Declaration) bool {
	if m.unstored == nil {
		return false
	}
	u := m.unstored()
	if p.Function != "" {
		return isUnusedLocal(u.PatchedLocals, p)
	}
	if o.Function != "" {
		return false
	}
	if has(u.PatchedWritten, writer+p.Name) && leavesOut(u.PatchedWritten, p.Name) {
		return true
	}
	before, after := withReader(u.OrigRead, o.Name), withReader(u.PatchedRead, p.Name)
	return o.Name == p.Name && before != nil && after != nil && m.sameConstant(before, after, p.Name)
}

// isUnusedLocal reports whether a unit keeps a static local, whatever it may hold, and has no code that as much as names it.
func isUnusedLocal(u *debuginfo.Unit, p *debuginfo.Declaration) bool {
	if u == nil || u.Declarations() == nil {
		return false
	}
	alike := func(d *debuginfo.Declaration) bool {
		return d.Name == p.Name && d.Line == p.Line && (d.Function == p.Function || p.Function == debuginfo.UnknownFunction)
	}
	list := u.Declarations().All
	i := slices.IndexFunc(list, alike)
	if i < 0 || list[i].Symbol == "" || slices.ContainsFunc(list[i+1:], alike) {
		return false
	}
	users := canon.UsersOf(u.File, list[i].Symbol)
	isKeeper := func(b *asm.Block) bool { return strings.Contains(b.Name, KeeperName) }
	return len(users.Functions) == 0 && len(users.Variables) > 0 && !slices.ContainsFunc(users.Variables, func(b *asm.Block) bool { return !isKeeper(b) })
}

// withReader returns the compile that has the reader of a variable, nil if none has.
func withReader(list []*debuginfo.Unit, name string) *debuginfo.Unit {
	if i := slices.IndexFunc(list, func(u *debuginfo.Unit) bool { return has(u, reader+name) }); i >= 0 {
		return list[i]
	}
	return nil
}

func has(u *debuginfo.Unit, function string) bool {
	return u != nil && u.FunctionByName[function] != nil
}

// leavesOut reports whether a unit declares a variable at file level, once, and keeps nothing of it, in whatever way.
func leavesOut(u *debuginfo.Unit, name string) bool {
	ds := u.Declarations()
	if ds == nil || slices.ContainsFunc(u.Variables, func(b *asm.Block) bool { return b.Name == name || strings.HasPrefix(b.Name, name+".") }) {
		return false
	}
	found := 0
	for _, d := range ds.All {
		switch {
		case d.Name == name && d.Function == "" && d.Symbol == "" && !d.Elsewhere && d.Whole == nil:
			found++
		case d.Name == name && (d.Function == "" || d.Whole != nil && d.Whole.Function == ""):
			return false
		}
	}
	return found == 1
}

// sameConstant reports whether a variable always has its first value, in both versions, and these are the same.
func (m *folding) sameConstant(before, after *debuginfo.Unit, name string) bool {
	var said [2]string
	for i, unit := range []*debuginfo.Unit{before, after} {
		if !isConstantIn(unit, name) {
			return false
		}
		c := canon.New(unit.File, m.tokenIn(unit, name))
		c.Code = true
		said[i] = string(c.Function(unit.FunctionByName[reader+name]))
		if b := unit.Blocks[name]; b != nil {
			said[i] += c.Data(b)
		}
	}
	return said[0] == said[1] && !strings.Contains(said[0], unknownName)
}

const unknownName = "<unknown>"

// tokenIn gives names in what tells a constant: those of variables that both versions have by that name, and no others. What a name of a function
// means is asked elsewhere.
func (m *folding) tokenIn(u *debuginfo.Unit, variable string) func(name string) string {
	return func(name string) string {
		p := m.Patched.Unit.Blocks[name]
		switch {
		case name == variable, name == copied+variable:
			return name
		case u.FunctionByName[name] != nil || u.Blocks[name] == nil || asm.IsLocal(name):
		case p == nil && m.foldedByName(name):
			return name
		case p != nil:
			if o := m.OrigVariable(p); o != nil && o.Name == name {
				return name
			}
		}
		return unknownName
	}
}

// foldedByName reports whether a name is that of one variable at file level, in both versions, of which neither keeps anything: what it holds is
// asked of it alone.
func (m *folding) foldedByName(name string) bool {
	i := slices.IndexFunc(m.pd.All, func(d *debuginfo.Declaration) bool { return d.Name == name && d.Function == "" })
	if i < 0 || m.Orig.Unit.Blocks[name] != nil {
		return false
	}
	o := m.foldedAlike(m.pd.All[i])
	return o != nil && o.Name == name && o.Function == ""
}
