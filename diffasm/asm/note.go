package asm

import (
	"fmt"
	"slices"
	"strings"

	"gocare/internal/fault"
)

// notes follows what inline assembly writes to note sections. Nobody in a process reads them: tools find them in the file, where those of
// a patch are not, so that they are no part of the function. The probes of SystemTap (sys/sdt.h) are such; they come with macros for
// the note alone, and with a symbol that only notes refer to.
type notes struct {
	depth  int      // sections pushed since the note began; 0 outside of one
	named  bool     // in a section that .section names, as clang writes what is pushed
	base   bool     // in the definition of the symbol
	macros []string // defined and not purged yet
}

// stapBase is what probes refer to, to find out how far a file was moved; it has a section of its own.
const (
	stapBase        = "_.stapsdt.base"
	stapBaseSection = ".stapsdt.base"
)

// note reports whether a statement of inline assembly has to do with notes only.
func (p *parser) note(st Statement) bool {
	n := &p.notes
	switch {
	case st.Op == ".purgem" && slices.Contains(n.macros, Trim(st.Args)):
		n.macros = slices.DeleteFunc(n.macros, func(m string) bool { return m == Trim(st.Args) })
	case n.depth > 0:
		p.inNote(st)
	case n.named:
		p.inNamed(st)
	case st.Op == ".section" && isNote(st.Args):
		n.named = true
	case st.Op == ".pushsection" && isNote(st.Args):
		n.depth = 1
	case st.Op == ".ifndef" && st.Args == stapBase:
		n.base = true
	case st.Op == ".endif" && n.base:
		n.base = false
	case st.Op == ".altmacro":
	case st.Op == ".macro":
		n.macros = append(n.macros, FirstWord(st.Args))
		p.macro = 1
	case slices.Contains(n.macros, st.Op):
		p.problem(fault.AsmMacro, fmt.Sprintf("inline assembly uses the macro %q", st.Op), st)
	default:
		return false
	}
	return true
}

// inNote follows the sections that a note pushes.
func (p *parser) inNote(st Statement) {
	switch st.Op {
	case ".pushsection":
		p.notes.depth++
	case ".popsection":
		p.notes.depth--
	case ".section", ".previous", ".subsection", ".text", ".data", ".bss":
		p.problem(fault.AsmSection, "inline assembly switches sections in a note", st)
	}
}

// inNamed waits for the section in which the inline assembly began.
func (p *parser) inNamed(st Statement) {
	to := st.Op
	switch st.Op {
	case ".text":
	case ".section":
		if isNote(st.Args) {
			return
		}
		to, _, _ = strings.Cut(st.Args, ",")
	case ".pushsection", ".popsection", ".previous", ".subsection", ".data", ".bss":
		to = ""
	default:
		return
	}
	if p.app == nil || p.app.Name != strings.Trim(Trim(to), `"`) {
		p.problem(fault.AsmSection, "inline assembly switches sections in a note", st)
	}
	p.notes.named = false
}

func isNote(args string) bool {
	name, _, _ := strings.Cut(args, ",")
	name = strings.Trim(Trim(name), `"`)
	return hasPart(name, ".note") || name == stapBaseSection
}

// endNotes ends a piece of inline assembly: what it leaves open would reach beyond.
func (p *parser) endNotes(at Statement) {
	switch n := p.notes; {
	case n.depth > 0 || n.named:
		p.problem(fault.AsmSection, "inline assembly leaves another section active", at)
	case n.base:
		p.problem(fault.AsmDirective, "inline assembly uses .ifndef", at)
	case len(n.macros) > 0:
		p.problem(fault.AsmDirective, fmt.Sprintf("inline assembly defines the macro %q", n.macros[0]), at)
	}
	p.notes = notes{}
}
