package asm

import (
	"strconv"
	"strings"
)

// Class says what a section means for the blocks in it.
type Class uint8

const (
	ReadOnly    Class = iota // read-only data
	Executable               // code
	Relro                    // read-only after relocation
	Writable                 // data and bss
	ThreadLocal              // .tdata and .tbss
	Dropped                  // debug data, notes, comments: never looked at
)

// String is a class in words, for messages.
func (c Class) String() string {
	return [...]string{"read-only", "code", "read-only after relocation", "writable", "thread-local", "dropped"}[c]
}

// Section is a section of the unit with the attributes of its first mention.
type Section struct {
	Name    string
	flags   string
	Class   Class
	Merge   bool   // SHF_MERGE: constants and strings the linker may share
	Strings bool   // SHF_STRINGS
	Entry   uint64 // bytes of each constant if Merge, of each character if Strings too; else 0
	comdat  bool   // member of a group
}

// newSection makes a section from a name and the operands behind it.
func newSection(name, attrs string) *Section {
	s := &Section{Name: name, flags: sectionFlags(name, attrs)}
	s.Merge = strings.ContainsRune(s.flags, 'M')
	s.Strings = strings.ContainsRune(s.flags, 'S')
	s.comdat = strings.ContainsRune(s.flags, 'G')
	s.Class = classOf(name, s.flags)
	if fields := strings.Split(attrs, ","); s.Merge && len(fields) > 2 { // "aMS",@progbits,1
		s.Entry, _ = strconv.ParseUint(Trim(fields[2]), 0, 16)
	}
	return s
}

func sectionFlags(name, attrs string) string {
	t := Tokens{Text: attrs}
	for tok, ok := t.Next(); ok; tok, ok = t.Next() {
		if tok.Kind == TokenString {
			return strings.Trim(tok.Text, `"`)
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

func classOf(name, flags string) Class {
	switch {
	case strings.HasPrefix(name, ".debug") || strings.HasPrefix(name, ".note") || strings.HasPrefix(name, ".stab") ||
		strings.HasPrefix(name, ".gnu.debuglto_") || isLTO(name) || name == ".comment" || name == PatchableEntries:
		return Dropped
	case strings.ContainsRune(flags, 'x'):
		return Executable
	case strings.ContainsRune(flags, 'T'):
		return ThreadLocal
	case hasPart(name, ".data.rel.ro"):
		return Relro
	case strings.ContainsRune(flags, 'w'):
		return Writable
	}
	return ReadOnly
}

// PatchableEntries lists the functions with room for a patch at their entry, so that a program can fill it. What replaces such a
// function keeps the room and is not listed.
const PatchableEntries = "__patchable_function_entries"

// isLTO reports whether the section holds a compiler's intermediate language.
func isLTO(name string) bool { return strings.HasPrefix(name, ".gnu.lto_") }

// TextKind is what the name of a code section says about the code in it, without the function's own name.
func (s *Section) TextKind() string {
	for _, k := range []string{".text.unlikely", ".text.startup", ".text.hot", ".text.exit", ".text"} {
		if hasPart(s.Name, k) {
			return k
		}
	}
	return s.Name
}

// IsSet reports whether the linker gathers the section between __start_ and __stop_ symbols.
func (s *Section) IsSet() bool {
	return s.Name != "" && (s.Name[0] == '_' || s.Name[0] >= 'a' && s.Name[0] <= 'z' || s.Name[0] >= 'A' && s.Name[0] <= 'Z')
}

// IsCtor and IsDtor report whether the section lists functions to run at start or exit.
func (s *Section) IsCtor() bool {
	return hasPart(s.Name, ".init_array") || hasPart(s.Name, ".preinit_array") || hasPart(s.Name, ".ctors")
}

func (s *Section) IsDtor() bool { return hasPart(s.Name, ".fini_array") || hasPart(s.Name, ".dtors") }

// IsUnwind reports whether the section says how to leave functions.
func (s *Section) IsUnwind() bool {
	return hasPart(s.Name, ".eh_frame") || hasPart(s.Name, ".gcc_except_table")
}
