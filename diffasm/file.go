package diffasm

import (
	"debug/elf"
	"fmt"
	"path"
)

// File is a unit's assembly, taken apart into functions and data.
type File struct {
	Name   string // as given to Parse, for messages
	Source string // what .file names, "" without

	arch     elf.Machine // of the target: all assembly is for one machine, and says nothing of it itself
	src      string
	sections map[string]*section
	symbols  map[string]*symbol
	funcs    []*fn
	fnByName map[string]*fn
	blocks   map[string]*block // literals and variables by label
	order    []*block          // all blocks in file order
	vars     []*block          // variables in file order
	alias    map[string]*alias
	aliases  []*alias // in file order
	loose    []loose  // statements outside functions and labelled data
	labels   map[string]*fn
	files    map[int32]string // by .file number
	lto      []string         // names of sections with intermediate language
	clang    bool             // written by clang
	intel    bool             // Intel syntax was switched on outside a function
	problems []problem        // concern every function
	macros   map[string]bool
	debug    map[string][][2]int // text of debug sections, as ranges of src
}

// symbol is what the directives say about a name.
type symbol struct {
	bind   string // "local", "globl", "weak" or ""
	vis    string // "hidden", "protected", "internal" or ""
	typ    string // "function", "object", ... or ""
	size   string // operand of .size
	symver string // operand of .symver behind the name
}

// fn is a function with everything that lies in code sections between its label and its .size.
type fn struct {
	name     string
	index    int // in File.funcs
	streams  []*stream
	parts    []string // labels of its cold parts
	align    []stmt   // alignment at entry
	tables   []*block // data that mentions labels of its code
	kin      []*fn    // functions whose labels it uses, or that use its labels: nested ones with a goto out of them
	problems []problem
	line     int32
	closed   bool
	asm      bool // written in top-level assembly
}

// stream is a function's part in one section.
type stream struct {
	sec   *section
	stmts []stmt
}

// block is labelled data: a literal, a variable or a table of code labels.
type block struct {
	name   string
	sec    *section
	align  uint64 // bytes
	items  []stmt
	owner  *fn    // the function whose labels it mentions
	next   *block // the block at the same address, if this one is empty
	common bool   // from .comm
	line   int32
}

// alias is a name that .set, .weakref or = gives to another.
type alias struct {
	name   string
	target string // symbol; "" when the expression is no symbol with an offset
	offset int64
	expr   string
	weak   bool // .weakref
	line   int32
}

// loose is data without a label.
type loose struct {
	sec  *section
	stmt stmt
	open *fn // function open at that place
}

// problem is something about a function that keeps it out of a patch.
type problem struct {
	code string
	what string
	hint string
	at   stmt
}

// where returns the source place of s, or its place in the assembly.
func (f *File) where(s stmt) string {
	if name, line := f.place(s.src); line > 0 {
		return fmt.Sprintf("%s:%d", name, line)
	}
	if s.line > 0 {
		return fmt.Sprintf("%s (line %d of its assembly)", f.unit(), s.line)
	}
	return f.unit()
}

// place returns the file and line of a source position; without one the unit's source and 0.
func (f *File) place(p srcPos) (string, int) {
	if name := f.files[p.file]; p.line > 0 && name != "" {
		return name, int(p.line)
	}
	return f.Source, 0
}

// unit is the name of the source for messages.
func (f *File) unit() string {
	if f.Source != "" {
		return path.Clean(f.Source)
	}
	return f.Name
}

// symbol returns the entry for name, made if it is new.
func (f *File) symbol(name string) *symbol {
	s := f.symbols[name]
	if s == nil {
		s = &symbol{}
		f.symbols[name] = s
	}
	return s
}

// defines reports whether the unit itself defines name.
func (f *File) defines(name string) bool {
	if f.fnByName[name] != nil || f.blocks[name] != nil {
		return true
	}
	a := f.alias[name]
	return a != nil && !a.weak
}

// isGlobal reports whether name is visible to other units.
func (f *File) isGlobal(name string) bool {
	s := f.symbols[name]
	if s == nil {
		return false
	}
	b := f.blocks[name]
	return s.bind == "globl" || s.bind == "weak" || b != nil && b.common && s.bind != "local"
}

// linkage is what another unit can see of name.
func (f *File) linkage(name string) string {
	s := f.symbols[name]
	if s == nil {
		return "local"
	}
	bind := s.bind
	if bind == "" {
		bind = "local"
	}
	return bind + " " + s.vis
}

// interposed reports whether a reference to an alias may reach something else than what it stands for here.
func (f *File) interposed(name string) bool {
	s := f.symbols[name]
	return s != nil && (s.typ == "gnu_indirect_function" || s.bind == "weak")
}

// follow goes from a .L alias or an alias of a symbol to what it stands for.
func (f *File) follow(name string) (target string, off int64, ok bool) {
	for depth := 0; ; depth++ {
		a := f.alias[name]
		if a == nil || a.target == "" || a.weak {
			return name, off, true
		}
		if depth == 8 {
			return name, off, false
		}
		name, off = a.target, off+a.offset
	}
}

// isPart reports whether name is the cold part of the function f.
func isPart(f, name string) bool {
	return len(name) > len(f) && name[:len(f)] == f && hasPart(name[len(f):], ".cold")
}
