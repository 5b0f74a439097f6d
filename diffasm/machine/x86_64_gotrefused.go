package machine

import (
	"bytes"
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/internal/lazyregexp"
)

func (x86) Stubborn(asm []byte) []string {
	defined := definedNames(asm)
	var names []string
	for line := range bytes.Lines(asm) {
		code, _, _ := strings.Cut(string(line), "#")
		for _, part := range strings.Split(joinPrefixes(code), ";") {
			_, rest := cutLabels(part)
			if rest != "" && rest[0] != '.' {
				names = append(names, stubbornIn(gotInsnOf(rest), defined)...)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// stubbornIn returns the undefined symbols that one instruction cannot be made to reach through the GOT.
func stubbornIn(in gotInsn, defined map[string]bool) (names []string) {
	for _, operand := range in.texts {
		if in.branches() && !strings.HasPrefix(operand, "*") || strings.Contains(operand, "s:") {
			continue
		}
		for _, name := range operandSymbol.FindAllString(operandRegister.ReplaceAllString(operand, ""), -1) {
			if strings.Contains(name, "@") || defined[name] || asm.IsLocal(name) {
				continue
			}
			g := gotRewriter{wanted: map[string]bool{name: true}}
			if g.rewrite(&in) == nil {
				names = append(names, name)
			}
		}
	}
	return names
}

var (
	operandRegister = lazyregexp.New(`%\w+`)
	operandSymbol   = lazyregexp.New(`[A-Za-z_.][\w.$]*(@\w+)?`)
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
