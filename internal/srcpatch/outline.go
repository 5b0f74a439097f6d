package srcpatch

import (
	"slices"
	"strings"

	"gocare/internal/csource"
	"gocare/internal/lazyregexp"
)

// ItemKind says what stands at the top level of a C source.
type ItemKind string

const (
	FunctionItem  ItemKind = "function"
	MacroItem     ItemKind = "macro"       // #define or #undef
	PrototypeItem ItemKind = "prototype"   // declares functions; no value in it
	OtherItem     ItemKind = "declaration" // types, variables, other directives
)

// Item is one declaration, definition or directive at the top level of a source.
type Item struct {
	First, Last int // its lines, both included, from 1
	Kind        ItemKind
	Name        string // of the function or macro, or what else it declares first; "" if it has none
	names       []string
	words       []string // its text without comments
}

// Outline lists the items of a C source in order. Blank lines and comments between them belong to none.
func Outline(src []byte) []Item {
	lines := splitLines(string(src))
	free := boundaries(lines)
	var s scanner
	var items []Item
	for i, line := range lines {
		var code strings.Builder
		s.code = &code
		s.line(line)
		found := word.FindAllString(code.String(), -1)
		if len(found) == 0 {
			continue
		}
		if len(items) == 0 || free[i] && found[0] != "{" { // "{" after ";": the parameters were declared as in K&R
			items = append(items, Item{First: i + 1})
		}
		it := &items[len(items)-1]
		it.Last, it.words = i+1, append(it.words, found...)
	}
	for i := range items {
		items[i].classify()
	}
	return items
}

var word = lazyregexp.New(`[A-Za-z_]\w*|\d[\w.]*|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\S`)

func (it *Item) classify() {
	w := it.words
	it.Kind = OtherItem
	if w[0] == "#" {
		if len(w) > 2 && (w[1] == "define" || w[1] == "undef") {
			it.Kind, it.Name, it.names = MacroItem, w[2], w[2:3]
		}
		return
	}
	h := headOf(w)
	switch {
	case h.called != "" && h.body && w[0] != "typedef":
		it.Kind, it.Name, it.names = FunctionItem, h.called, []string{h.called}
	case h.called != "" && !h.body && !h.value && w[0] != "typedef":
		it.Kind, it.Name, it.names = PrototypeItem, h.called, []string{h.called}
	default:
		if it.names = given(w); len(it.names) > 0 {
			it.Name = it.names[0]
		}
	}
	if it.Kind != PrototypeItem && !it.isWhole() {
		it.names = append(it.names, furtherFunctions(w, it.names)...)
	}
}

// furtherFunctions are the functions with a body that stand among other declarations on one line.
func furtherFunctions(words, known []string) (names []string) {
	depth, called := 0, ""
	for i, w := range words {
		switch w {
		case "(", "{":
			if depth == 0 && w == "(" {
				called = words[max(0, i-1)]
			}
			depth++
		case ")", "}":
			depth--
			opens := depth == 0 && w == ")" && words[min(i+1, len(words)-1)] == "{"
			if opens && isName(called) && !notCalled[called] && !slices.Contains(known, called) {
				names = append(names, called)
			}
		}
	}
	return names
}

// head is what the words before a declaration's body or value say.
type head struct {
	called string // the first name before a parenthesis
	body   bool   // a brace opens behind that
	value  bool   // there is an "="
}

func headOf(words []string) (h head) {
	depth := 0
	for i, w := range words {
		switch w {
		case "(":
			if depth == 0 && h.called == "" && i > 0 && isName(words[i-1]) && !notCalled[words[i-1]] && words[min(i+1, len(words)-1)] != "*" {
				h.called = words[i-1]
			}
			depth++
		case ")":
			depth--
		case "=":
			if depth == 0 {
				h.value = true
				return h
			}
		case "{":
			if depth == 0 {
				h.body = true
				return h
			}
		}
	}
	return h
}

// notCalled are names before a parenthesis that are not the declared function's.
var notCalled = map[string]bool{
	"__attribute__": true, "__attribute": true, "__declspec": true, "__asm__": true, "asm": true, "__typeof__": true, "typeof": true,
	"_Alignas": true, "__extension__": true,
}

// given returns the names a declaration gives: tags, members, enumerators, variables.
func given(words []string) (names []string) {
	braces, parens := 0, 0
	for i, w := range words {
		switch w {
		case "{":
			braces++
		case "}":
			braces--
		case "(":
			parens++
		case ")":
			parens--
		case "=":
			if braces == 0 {
				return names
			}
		}
		if isName(w) && !keywords[w] && !slices.Contains(names, w) && gives(words, i, parens) {
			names = append(names, w)
		}
	}
	return names
}

// gives tells whether a declaration gives the name at i: by what stands around it, outside parameters.
func gives(words []string, i, parens int) bool {
	before, behind := "", ""
	if i > 0 {
		before = words[i-1]
	}
	if i+1 < len(words) {
		behind = words[i+1]
	}
	if behind == ")" { // a pointer to a function
		return parens == 1 && before == "*" && words[i-2] == "("
	}
	tag := before == "struct" || before == "union" || before == "enum"
	return parens == 0 && behind != "" && (tag || strings.Contains(";,[=:}", behind))
}

var keywords = map[string]bool{
	"int": true, "char": true, "void": true, "short": true, "long": true, "float": true, "double": true, "signed": true,
	"unsigned": true, "const": true, "volatile": true, "struct": true, "union": true, "enum": true,
}

func isName(w string) bool { return csource.IsWordByte(w[0]) && (w[0] < '0' || w[0] > '9') }
