package machine

import (
	"bytes"
	"strings"

	"gocare/diffasm/asm"
	"gocare/internal/lazyregexp"
)

func (x86) ThroughGOT(asm []byte, symbols []string) []byte {
	g := gotRewriter{wanted: map[string]bool{}}
	for _, s := range symbols {
		g.wanted[s] = true
	}
	var out bytes.Buffer
	for line := range bytes.Lines(asm) {
		text := string(line)
		if held := g.held; held != "" && !isAside(text) {
			g.held, text = "", "\t"+held+" "+strings.TrimLeft(text, " \t")
		}
		out.WriteString(g.line(text))
	}
	return out.Bytes()
}

// gotRewriter goes through assembly line by line.
type gotRewriter struct {
	wanted map[string]bool
	cfa    cfaTracker
	inline bool   // in inline assembly, where nothing is known of registers
	held   string // a prefix that stood alone on the line before
}

// line rewrites a line of one or, in inline assembly, several statements.
func (g *gotRewriter) line(text string) string {
	switch op, args := statement(text); {
	case strings.HasPrefix(op, "#"):
		g.inline = op == "#APP" || g.inline && op != "#NO_APP"
		return text
	case strings.HasPrefix(op, "."):
		g.cfa.directive(op, args)
		return text
	}
	if op, args := statement(text); prefixes[op].loose && args == "" {
		g.held = op
		return ""
	}
	if !g.mentions(text) {
		return text
	}
	code, _, _ := strings.Cut(text, "#")
	var out []string
	changed := false
	for _, part := range strings.Split(joinPrefixes(code), ";") {
		label, rest := cutLabels(part)
		in := gotInsnOf(rest)
		better := g.rewrite(&in)
		if better == nil {
			better = []string{strings.TrimSpace(rest)}
		} else {
			changed = true
		}
		if label != "" {
			better[0] = label + "\t" + better[0]
		}
		out = append(out, better...)
	}
	if !changed {
		return text
	}
	return "\t" + strings.Join(out, "\n\t") + "\n"
}

// isAside reports whether a line holds no instruction: a prefix waits for the next.
func isAside(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || line[0] == '.' || line[0] == '#'
}

// mentions reports whether a line has one of the symbols in it, perhaps.
func (g *gotRewriter) mentions(text string) bool {
	t := asm.Tokens{Text: text}
	for tok, ok := t.Next(); ok; tok, ok = t.Next() {
		if g.wanted[tok.Text] {
			return true
		}
	}
	return false
}

// statement splits a line into mnemonic or directive and the rest.
func statement(line string) (op, args string) {
	line = strings.TrimSpace(line)
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		return line[:i], strings.TrimSpace(line[i:])
	}
	return line, ""
}

// loosePrefix is a prefix that stands like a statement of its own, as old assemblers wanted it.
var loosePrefix = lazyregexp.New(`\b(lock|notrack|bnd)\s*;`)

// joinPrefixes puts such prefixes before their statements. Most lines have no semicolon, and to look for one is much faster than to match.
func joinPrefixes(line string) string {
	if !strings.Contains(line, ";") {
		return line
	}
	return loosePrefix.ReplaceAllString(line, "$1 ")
}

var labels = lazyregexp.New(`^\s*([\w.$]+:\s*)*`)

// cutLabels cuts the labels in front of a statement off.
func cutLabels(text string) (label, rest string) {
	if !strings.Contains(text, ":") {
		return "", strings.TrimLeft(text, "\t\n\f\r ")
	}
	n := len(labels.FindString(text))
	return strings.TrimSpace(text[:n]), text[n:]
}
