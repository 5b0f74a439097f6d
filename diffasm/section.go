package diffasm

import (
	"strconv"
	"strings"
)

// class says what a section means for the blocks in it.
type class uint8

const (
	classRO    class = iota // read-only data
	classExec               // code
	classRelro              // read-only after relocation
	classRW                 // data and bss
	classTLS                // .tdata and .tbss
	classDrop               // debug data, notes, comments: never looked at
)

func (c class) String() string {
	return [...]string{"read-only", "code", "read-only after relocation", "writable", "thread-local", "dropped"}[c]
}

// section is a section of the unit with the attributes of its first mention.
type section struct {
	name  string
	flags string
	class class
	entry uint64 // bytes of each constant if merge and not str, else 0
	merge bool   // SHF_MERGE: constants and strings the linker may share
	str   bool   // SHF_STRINGS
	comdt bool   // member of a group
}

// newSection makes a section from a name and the operands behind it.
func newSection(name, attrs string) *section {
	s := &section{name: name, flags: sectionFlags(name, attrs)}
	s.merge = strings.ContainsRune(s.flags, 'M')
	s.str = strings.ContainsRune(s.flags, 'S')
	s.comdt = strings.ContainsRune(s.flags, 'G')
	s.class = classOf(name, s.flags)
	if i := strings.LastIndexByte(attrs, ','); s.merge && !s.str && i >= 0 {
		s.entry, _ = strconv.ParseUint(trim(attrs[i+1:]), 0, 16)
	}
	return s
}

func sectionFlags(name, attrs string) string {
	t := tokens{s: attrs}
	for tok, ok := t.next(); ok; tok, ok = t.next() {
		if tok.kind == tokStr {
			return strings.Trim(tok.text, `"`)
		}
	}
	for _, d := range defaultFlags {
		if hasPart(name, d.name) {
			return d.flags
		}
	}
	return ""
}

// defaultFlags are the flags the assembler gives to sections named without any.
var defaultFlags = []struct{ name, flags string }{
	{".text", "ax"},
	{".init", "ax"},
	{".fini", "ax"},
	{".data", "aw"},
	{".bss", "aw"},
	{".tdata", "awT"},
	{".tbss", "awT"},
	{".rodata", "a"},
	{".init_array", "aw"},
	{".fini_array", "aw"},
	{".preinit_array", "aw"},
	{".ctors", "aw"},
	{".dtors", "aw"},
	{".eh_frame", "a"},
	{".gcc_except_table", "a"},
}

// hasPart reports whether name is prefix or goes on with a dot behind it.
func hasPart(name, prefix string) bool {
	return strings.HasPrefix(name, prefix) && (len(name) == len(prefix) || name[len(prefix)] == '.')
}

func classOf(name, flags string) class {
	switch {
	case strings.HasPrefix(name, ".debug") || strings.HasPrefix(name, ".note") || strings.HasPrefix(name, ".stab") ||
		strings.HasPrefix(name, ".gnu.debuglto_") || isLTO(name) || name == ".comment" || name == patchableEntries:
		return classDrop
	case strings.ContainsRune(flags, 'x'):
		return classExec
	case strings.ContainsRune(flags, 'T'):
		return classTLS
	case hasPart(name, ".data.rel.ro"):
		return classRelro
	case strings.ContainsRune(flags, 'w'):
		return classRW
	}
	return classRO
}

// patchableEntries lists the functions with room for a patch at their entry, so that a program can fill it. What replaces such a
// function keeps the room and is not listed.
const patchableEntries = "__patchable_function_entries"

// isLTO reports whether the section holds a compiler's intermediate language.
func isLTO(name string) bool { return strings.HasPrefix(name, ".gnu.lto_") }

// textKind is what the name of a code section says about the code in it, without the function's own name.
func (s *section) textKind() string {
	for _, k := range []string{".text.unlikely", ".text.startup", ".text.hot", ".text.exit", ".text"} {
		if hasPart(s.name, k) {
			return k
		}
	}
	return s.name
}

// isSet reports whether the linker gathers the section between __start_ and __stop_ symbols.
func (s *section) isSet() bool {
	return s.name != "" && (s.name[0] == '_' || s.name[0] >= 'a' && s.name[0] <= 'z' || s.name[0] >= 'A' && s.name[0] <= 'Z')
}

// isCtor and isDtor report whether the section lists functions to run at start or exit.
func (s *section) isCtor() bool {
	return hasPart(s.name, ".init_array") || hasPart(s.name, ".preinit_array") || hasPart(s.name, ".ctors")
}

func (s *section) isDtor() bool { return hasPart(s.name, ".fini_array") || hasPart(s.name, ".dtors") }

// isUnwind reports whether the section says how to leave functions.
func (s *section) isUnwind() bool {
	return hasPart(s.name, ".eh_frame") || hasPart(s.name, ".gcc_except_table")
}
