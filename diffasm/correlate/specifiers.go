package correlate

import (
	"slices"
	"strings"

	"gocare/diffasm/debuginfo"
	"gocare/internal/lazyregexp"
)

// maxHead is how many lines before the name of a variable its declaration may begin.
const maxHead = 4

// saysStatic reports whether the word static, or a macro that the source defines as that, stands in a declaration before its name. Where
// the name is not on its line, as a macro makes the declaration, or is there several times, any of these counts.
func (m *sources) saysStatic(d *debuginfo.Declaration, text []string) bool {
	line := text[d.Line-1]
	places := wordsAt(line, d.Name)
	if slices.Contains(places, d.Column-1) {
		places = []int{d.Column - 1}
	}
	if len(places) == 0 {
		places = []int{len(line)}
	}
	before := strings.Join(text[max(0, d.Line-1-maxHead):d.Line-1], "\n") + "\n"
	return slices.ContainsFunc(places, func(at int) bool {
		head := specifiers(before + line[:at])
		return slices.ContainsFunc(m.wordsForStatic(text), func(word string) bool { return mentions(head, word) > 0 })
	})
}

// wordsForStatic returns static, and the macros of a source of which the definition says it.
func (m *sources) wordsForStatic(text []string) []string {
	list := m.forStatic[&text[0]]
	if list == nil {
		list = []string{"static"}
		for _, line := range text {
			if words := definition.FindStringSubmatch(line); words != nil && mentions(line, "static") > 0 {
				list = append(list, words[1])
			}
		}
		m.forStatic[&text[0]] = list
	}
	return list
}

// specifiers returns what of a text, which ends before the name that is declared, belongs to the declaration: from the statement, block or
// parenthesis on that it stands in. Braces of a type are part of it, and parentheses around a pointer.
func specifiers(text string) string {
	depth := 0
	for i := len(text) - 1; i >= 0; i-- {
		switch text[i] {
		case ')', ']':
			depth++
		case '}':
			if depth == 0 && !endsType(text[:i]) {
				return text[i+1:]
			}
			depth++
		case '(', '[', '{':
			if depth--; depth >= 0 {
				continue
			}
			if text[i] != '(' || !strings.HasPrefix(strings.TrimLeft(text[i+1:], " \t\n"), "*") {
				return text[i+1:]
			}
			depth = 0
		case ';':
			if depth == 0 {
				return text[i+1:]
			}
		}
	}
	return text
}

// endsType reports whether braces that close behind a text may be those of a type or of an initial value: their head says so, or is not in
// the text.
func endsType(text string) bool {
	i := openBrace(text)
	if i < 0 {
		return true
	}
	head := text[strings.LastIndexAny(text[:i], ";{}")+1 : i]
	return strings.Contains(head, "=") || typeHead.MatchString(head)
}

// openBrace returns where the last brace of a text is that opens and does not close in it, -1 if there is none.
func openBrace(text string) int {
	depth := 0
	for i := len(text) - 1; i >= 0; i-- {
		switch text[i] {
		case '}':
			depth++
		case '{':
			if depth--; depth < 0 {
				return i
			}
		}
	}
	return -1
}

var typeHead = lazyregexp.New(`\b(struct|union|enum)\b[^()]*(__attribute__\s*\(\(.*\)\)\s*\w*\s*)?$`)
