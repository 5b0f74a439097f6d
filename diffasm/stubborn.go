package diffasm

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// Stubborn names, sorted, the symbols that an assembly file does not define and reaches for without the GOT in ways that
// ThroughGOT cannot rewrite.
func Stubborn(asm []byte) []string {
	defined := definedNames(asm)
	var names []string
	for line := range bytes.Lines(asm) {
		code, _, _ := strings.Cut(string(line), "#")
		for _, part := range strings.Split(loosePrefix.ReplaceAllString(code, "$1 "), ";") {
			_, rest := cutLabels(part)
			if rest != "" && rest[0] != '.' {
				names = append(names, stubbornIn(instructionOf(rest), defined)...)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// stubbornIn returns the undefined symbols that one instruction cannot be made to reach through the GOT.
func stubbornIn(in instruction, defined map[string]bool) (names []string) {
	for _, operand := range in.operands {
		if in.branches() && !strings.HasPrefix(operand, "*") || strings.Contains(operand, "s:") {
			continue
		}
		for _, name := range operandSymbol.FindAllString(register.ReplaceAllString(operand, ""), -1) {
			if strings.Contains(name, "@") || defined[name] || isLocal(name) {
				continue
			}
			g := gotRewriter{wanted: map[string]bool{name: true}}
			if g.rewrite(in) == nil {
				names = append(names, name)
			}
		}
	}
	return names
}

var (
	register      = regexp.MustCompile(`%\w+`)
	operandSymbol = regexp.MustCompile(`[A-Za-z_.][\w.$]*(@\w+)?`)
)

// definedNames lists what labels and directives of an assembly file define.
func definedNames(asm []byte) map[string]bool {
	defined := map[string]bool{}
	for line := range bytes.Lines(asm) {
		label, rest := cutLabels(string(line))
		for _, name := range strings.Split(label, ":") {
			defined[strings.TrimSpace(name)] = true
		}
		switch op, args := statement(rest); op {
		case ".comm", ".lcomm", ".set", ".equ":
			name, _, _ := strings.Cut(args, ",")
			defined[strings.TrimSpace(name)] = true
		}
	}
	return defined
}

// FreeToClobber reports whether the new code of a function of the original may change any register that calls may change:
// compilers let callers in the same unit rely on what the function spares (gcc, -fipa-ra), except where it calls what they
// do not see.
func (d *Delta) FreeToClobber(name string) bool {
	fn := d.orig.fnByName[name]
	if fn == nil || d.orig.callsOutside(fn) {
		return true
	}
	for _, caller := range d.orig.funcs {
		if caller != fn && slices.Contains(d.orig.mentions(caller), fn) {
			return false
		}
	}
	return true
}

// callsOutside reports whether a function calls through a pointer or what the unit does not define.
func (f *File) callsOutside(fn *fn) bool {
	for _, s := range fn.streams {
		for _, st := range s.stmts {
			in := instructionOf(st.op + "\t" + st.args)
			if st.kind != insn || in.op != "call" && in.op != "jmp" || len(in.operands) != 1 {
				continue
			}
			name, _, _ := strings.Cut(in.operands[0], "@")
			if strings.HasPrefix(name, "*") {
				if in.op == "call" { // a jump may be a switch
					return true
				}
				continue
			}
			if target, _, _ := f.follow(name); !isLocal(name) && !startsWithDigit(name) && f.fnByName[target] == nil && f.labels[name] == nil || f.interposed(name) {
				return true
			}
		}
	}
	return false
}

// startsWithDigit tells numeric labels ("1f") from names.
func startsWithDigit(s string) bool { return s != "" && '0' <= s[0] && s[0] <= '9' }
