package asm

import (
	"strings"

	"gocare/internal/arch"
)

// Syntax is what of assembly text depends on the machine that it is for. A File has the same form for all: registers, and whatever
// words instructions have besides symbols, begin with a percent sign, and directives for numbers and alignment are those of GNU as for
// x86-64.
type Syntax struct {
	Target  *arch.Target
	Slashes bool // two slashes begin a comment, and a number sign does where a line begins, only
	// Directives are those of the machine, and what they are called in a File.
	Directives map[string]string
	// Modes are directives that say which instructions there are, from there on.
	Modes map[string]bool
	// Unplaced says that debug information does not tell where thread-local variables are.
	Unplaced bool
	// Mark puts a percent sign before the words among the operands of an instruction that are no symbols; nil where the text has them.
	Mark func(op, args string) string
}

// ATT is that of x86-64.
var ATT = &Syntax{Target: arch.Default()}

func (s *Syntax) lexer(text string) Lexer { return Lexer{Src: text, Slashes: s.Slashes} }

// Directive returns what a directive is called in a File.
func (s *Syntax) Directive(op string) string {
	if plain := s.Directives[op]; plain != "" {
		return plain
	}
	return op
}

// plain gives a statement the form that it has in a File.
func (s *Syntax) plain(st Statement) Statement {
	switch {
	case st.Kind == Directive:
		st.Op = s.Directive(st.Op)
	case st.Kind == Instruction && s.Mark != nil:
		st.Args = s.Mark(st.Op, st.Args)
	}
	return st
}

// Operands returns the operands of a statement as the assembler wants them.
func (s *Syntax) Operands(st Statement, args string) string {
	if st.Kind != Instruction || s.Mark == nil || strings.IndexByte(args, '%') < 0 {
		return args
	}
	out := make([]byte, 0, len(args))
	for i := 0; i < len(args); i++ {
		if args[i] != '%' || i+1 == len(args) || !symByte[args[i+1]] {
			out = append(out, args[i])
		}
	}
	return string(out)
}
