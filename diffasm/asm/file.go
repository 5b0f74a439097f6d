package asm

import (
	"fmt"
	"path"

	"gocare/internal/fault"
)

// File is a unit's assembly, taken apart into functions and data.
type File struct {
	Name   string // as given to Parse, for messages
	Source string // what .file names, "" without

	Syntax         *Syntax // that it was read by
	Text           string
	Sections       map[string]*Section
	Symbols        map[string]*Symbol
	Functions      []*Function
	FunctionByName map[string]*Function
	Blocks         map[string]*Block // literals and variables by label
	Order          []*Block          // all blocks in file order
	Variables      []*Block          // variables in file order
	Alias          map[string]*Alias
	Aliases        []*Alias // in file order
	Loose          []Loose  // statements outside functions and labelled data
	Labels         map[string]*Function
	Inside         map[string]*Block // exception tables by the labels inside them
	Files          map[int32]string  // by .file number
	LTO            []string          // names of sections with intermediate language
	Clang          bool              // written by clang
	Intel          bool              // Intel syntax was switched on outside a function
	Problems       []Problem         // concern every function
	Macros         map[string]bool
	Debug          map[string][][2]int // text of debug sections, as ranges of Text
}

// Symbol is what the directives say about a name.
type Symbol struct {
	Binding    string // "local", "globl", "weak" or ""
	Visibility string // "hidden", "protected", "internal" or ""
	Type       string // "function", "object", ... or ""
	Size       string // operand of .size
	Version    string // operand of .symver behind the name
}

// Function is a function with everything that lies in code sections between its label and its .size.
type Function struct {
	Name     string
	Index    int // in File.Functions
	Streams  []*Stream
	Parts    []string    // labels of its cold parts
	Align    []Statement // alignment at entry
	Modes    []Statement // which instructions the assembler takes, see Syntax
	Tables   []*Block    // data that mentions labels of its code
	Kin      []*Function // functions whose labels it uses, or that use its labels: nested ones with a goto out of them
	Problems []Problem
	Line     int32
	closed   bool
	asm      bool // written in top-level assembly
}

// Stream is a function's part in one section.
type Stream struct {
	Section    *Section
	Statements []Statement
}

// Block is labelled data: a literal, a variable or a table of code labels.
type Block struct {
	Name    string
	Section *Section
	Align   uint64 // bytes
	Items   []Statement
	Owner   *Function // the function whose labels it mentions
	Next    *Block    // the block at the same address, if this one is empty
	Common  bool      // from .comm

	Exceptions bool // an exception table, whose items have labels among them
	Line       int32
}

// Alias is a name that .set, .weakref or = gives to another.
type Alias struct {
	Name       string
	Target     string // symbol; "" when the expression is no symbol with an offset
	Offset     int64
	Expression string
	Weak       bool // .weakref
	Line       int32
}

// Loose is data without a label.
type Loose struct {
	Section   *Section
	Statement Statement
	Function  *Function // function open at that place
}

// Problem is something about a function that keeps it out of a patch.
type Problem struct {
	Code fault.Code
	What string
	Hint string
	At   Statement

	Vouched bool // the source patch takes care of it
}

// Where returns the source place of s, or its place in the assembly.
func (f *File) Where(s Statement) string {
	if name, line := f.Place(s.Place); line > 0 {
		return fmt.Sprintf("%s:%d", name, line)
	}
	if s.Line > 0 {
		return fmt.Sprintf("%s (line %d of its assembly)", f.UnitName(), s.Line)
	}
	return f.UnitName()
}

// Place returns the file and line of a source position; without one the unit's source and 0.
func (f *File) Place(p Position) (string, int) {
	if name := f.Files[p.File]; p.Line > 0 && name != "" {
		return name, int(p.Line)
	}
	return f.Source, 0
}

// UnitName is the name of the source for messages.
func (f *File) UnitName() string {
	if f.Source != "" {
		return path.Clean(f.Source)
	}
	return f.Name
}

// Lexer returns a lexer of a part of the text.
func (f *File) Lexer(text string) Lexer { return f.Syntax.lexer(text) }

// symbol returns the entry for name, made if it is new.
func (f *File) symbol(name string) *Symbol {
	s := f.Symbols[name]
	if s == nil {
		s = &Symbol{}
		f.Symbols[name] = s
	}
	return s
}

// Defines reports whether the unit itself defines name.
func (f *File) Defines(name string) bool {
	if f.FunctionByName[name] != nil || f.Blocks[name] != nil {
		return true
	}
	a := f.Alias[name]
	return a != nil && !a.Weak
}

// IsGlobal reports whether name is visible to other units.
func (f *File) IsGlobal(name string) bool {
	s := f.Symbols[name]
	if s == nil {
		return false
	}
	b := f.Blocks[name]
	return s.Binding == "globl" || s.Binding == "weak" || b != nil && b.Common && s.Binding != "local"
}

// Linkage is what another unit can see of name.
func (f *File) Linkage(name string) string {
	s := f.Symbols[name]
	if s == nil {
		return "local"
	}
	bind := s.Binding
	if bind == "" {
		bind = "local"
	}
	return bind + " " + s.Visibility
}

// Grouped reports whether what a name stands for is in a section group, of whose like the linker keeps one.
func (f *File) Grouped(name string) bool {
	name, _, _ = f.Follow(name)
	if fn := f.FunctionByName[name]; fn != nil {
		return fn.Streams[0].Section.comdat
	}
	b := f.Blocks[name]
	return b != nil && b.Section != nil && b.Section.comdat
}

// Interposed reports whether a reference to a name may reach something else than what the unit has by it.
func (f *File) Interposed(name string) bool {
	s := f.Symbols[name]
	return s != nil && (s.Type == "gnu_indirect_function" || s.Binding == "weak")
}

// AliasDiffers reports whether a reference to an alias may reach something else than what it stands for here. The members of a
// section group come and go together.
func (f *File) AliasDiffers(name string) bool { return f.Interposed(name) && !f.Grouped(name) }

// Follow goes from a .L alias or an alias of a symbol to what it stands for.
func (f *File) Follow(name string) (target string, off int64, ok bool) {
	for depth := 0; ; depth++ {
		a := f.Alias[name]
		if a == nil || a.Target == "" || a.Weak {
			return name, off, true
		}
		if depth == 8 {
			return name, off, false
		}
		name, off = a.Target, off+a.Offset
	}
}

// IsPart reports whether name is the cold part of the function f.
func IsPart(f, name string) bool {
	return len(name) > len(f) && name[:len(f)] == f && hasPart(name[len(f):], ".cold")
}
