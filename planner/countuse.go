package planner

import (
	"slices"
	"strings"

	"gocare/internal/lazyregexp"
)

var cWord = lazyregexp.New(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[A-Za-z_]\w*|\d[\w.]*|->|\+\+|--|&&|\|\||[<>=!]=|\S`)

// sourceItem is the words of an item at the top level of a source.
type sourceItem []string

// at is a word, "" outside of the item.
func (t sourceItem) at(i int) string {
	if i < 0 || i >= len(t) {
		return ""
	}
	return t[i]
}

func isName(word string) bool { return identifier.MatchString(word) }

// isEnumerator reports whether word i is declared there as the last one of an enumeration, without a value written.
func (t sourceItem) isEnumerator(i int) bool {
	next, before := t.at(i+1), t.at(i-1)
	if next != "}" && (next != "," || t.at(i+2) != "}") || before != "," && before != "{" {
		return false
	}
	j := i - 1
	for j >= 0 && t[j] != "{" && t[j] != "}" && t[j] != ";" {
		j--
	}
	return t.at(j) == "{" && (t.at(j-1) == "enum" || isName(t.at(j-1)) && t.at(j-2) == "enum")
}

// isBound reports whether word i is the bound of an array that is declared there: behind its type and name alone.
func (t sourceItem) isBound(i int) bool {
	if t.at(i-1) != "[" || t.at(i+1) != "]" {
		return false
	}
	_, declared := t.declaration(i - 2)
	return declared
}

// declaration returns the words before name i if they declare it: names of types, qualifiers and stars.
func (t sourceItem) declaration(i int) (words []string, declared bool) {
	if !isName(t.at(i)) {
		return nil, false
	}
	j := i - 1
	for ; j >= 0 && !slices.Contains([]string{";", "{", "}", "("}, t[j]); j-- {
		if slices.Contains([]string{"return", "else", "do", "goto", "case", "sizeof"}, t[j]) || !isName(t[j]) && t[j] != "*" {
			return nil, false
		}
	}
	words = t[j+1 : i]
	return words, slices.ContainsFunc(words, isName)
}

// isIndex reports whether an array of constants is indexed with what is behind the division by word i.
func (t sourceItem) isIndex(i int, constants map[string]bool) bool {
	if t.at(i-1) != "%" || t.at(i+1) != "]" {
		return false
	}
	depth := 0
	for k := i - 1; k > 0; k-- {
		switch t[k] {
		case "]", ")":
			depth++
		case "(", "[":
			if depth == 0 {
				return t[k] == "[" && constants[t[k-1]] && t.at(k-2) != "." && t.at(k-2) != "->"
			}
			depth--
		case "=", "++", "--", ";", "{", "}", "?", ",":
			return false
		}
	}
	return false
}

// isLimit reports whether something is compared with word i, and not to end a loop after which a variable has its value.
func (t sourceItem) isLimit(i int) bool {
	if t.at(i-1) != "<" && t.at(i-1) != ">=" || !slices.Contains([]string{")", "&&", "||", ";", "?"}, t.at(i+1)) {
		return false
	}
	depth := 0
	for k := i - 1; k >= 0 && (depth > 0 || t[k] != "{" && t[k] != "}"); k-- {
		switch {
		case t[k] == ")":
			depth++
		case t[k] == "(" && depth > 0:
			depth--
		case t[k] == "(" && t.at(k-1) == "while":
			return false
		case t[k] == "(" && t.at(k-1) == "for":
			return t.endsLoop(k, i)
		}
	}
	return t.staysBelow(i)
}

// staysBelow reports whether what is compared with word i is a place or a value as it is, which the code around does not count up, or set
// where it has come so far.
func (t sourceItem) staysBelow(i int) bool {
	depth, name := 0, ""
	for k := i - 2; k >= 0; k-- {
		switch w := t[k]; {
		case w == "]" || w == ")":
			depth++
		case (w == "[" || w == "(") && depth > 0:
			depth--
		case depth > 0 && !slices.Contains([]string{"=", "++", "--"}, w):
		case slices.Contains([]string{"(", "&&", "||", "?", ":", ",", ";", "{", "}", "return", "="}, w):
			return name == "" || !t.moves(name, i)
		case !isName(w) && !slices.Contains([]string{".", "->", "*", "!"}, w) && !isNumber(w):
			return false
		case name == "" && isName(w):
			name = w
		}
	}
	return false
}

func isNumber(word string) bool { return word[0] >= '0' && word[0] <= '9' }

// moves reports whether an item counts a place up or down, or sets it behind word i. The place goes by its last name.
func (t sourceItem) moves(name string, i int) bool {
	steps := []string{"++", "--"}
	for k := range t {
		if t[k] != name {
			continue
		}
		first, next := t.placeBegins(k), k+1
		if t.at(next) == "[" {
			next = t.closing(next) + 1
		}
		operator := t.at(next)
		sets := t.at(next+1) == "=" || t.at(next+1) == operator && t.at(next+2) == "="
		combined := operator != "" && strings.Contains("+-*/%&|^<>", operator) && sets
		if slices.Contains(steps, t.at(first-1)) || slices.Contains(steps, operator) || combined || operator == "=" && k > i {
			return true
		}
	}
	return false
}

// placeBegins is the first word of the place of which word i is the last name: "p" of p->a[1].name.
func (t sourceItem) placeBegins(i int) int {
	for t.at(i-1) == "." || t.at(i-1) == "->" {
		i -= 2
		for t.at(i) == "]" {
			for depth := 0; i > 0; i-- {
				if t[i] == "]" {
					depth++
				} else if t[i] == "[" {
					depth--
				}
				if depth == 0 {
					break
				}
			}
			i--
		}
	}
	for t.at(i-1) == "*" || t.at(i-1) == "(" {
		i--
	}
	return i
}

// closing is the bracket that closes the one that word i is.
func (t sourceItem) closing(i int) int {
	for depth := 0; i < len(t); i++ {
		switch t[i] {
		case "[":
			depth++
		case "]":
			depth--
		}
		if depth == 0 {
			break
		}
	}
	return i
}

// endsLoop reports whether word i ends a loop "for (v = …; v < …; v++)", whose head begins at word k, of a variable that only such loops
// use.
func (t sourceItem) endsLoop(k, i int) bool {
	v := t.at(i - 2)
	if t.at(i-1) != "<" || t.at(i+1) != ";" || t.at(i-3) != ";" || !isName(v) {
		return false
	}
	if step := t.at(i+2) + t.at(i+3) + t.at(i+4); step != v+"++)" && step != "++"+v+")" {
		return false
	}
	if t.at(k+1) != v {
		return isName(t.at(k+1)) && t.at(k+2) == v && t.at(k+3) == "=" // declared in the head
	}
	left := t.withoutLoops(v)
	n := slices.Index(left, v)
	return t.at(k+2) == "=" && n > 0 && !slices.Contains(left[n+1:], v) && left.declares(n) && !t.takesAddress(v)
}

// declares reports whether word i is declared there, in a frame and without a value.
func (t sourceItem) declares(i int) bool {
	if next := t.at(i + 1); next != ";" && next != "," {
		return false
	}
	names := 0
	for j := i - 1; j >= 0 && !slices.Contains([]string{";", "{", "}"}, t[j]); j-- {
		if slices.Contains([]string{"static", "extern", "return"}, t[j]) || !isName(t[j]) && t[j] != "," && t[j] != "*" {
			return false
		}
		names++
	}
	return names > 0
}

func (t sourceItem) takesAddress(name string) bool {
	for i := range t {
		if t[i] == "&" && t.at(i+1) == name {
			return true
		}
	}
	return false
}

// withoutLoops is the code without the loops "for (v = …)".
func (t sourceItem) withoutLoops(v string) (left sourceItem) {
	for i := 0; i < len(t); i++ {
		if t[i] != "for" || t.at(i+1) != "(" || t.at(i+2) != v || t.at(i+3) != "=" {
			left = append(left, t[i])
			continue
		}
		i = t.end(t.end(i+1) + 1)
	}
	return left
}

// end is the last word of what begins at word i: the parenthesis or brace that closes it, or the semicolon of a statement.
func (t sourceItem) end(i int) int {
	depth := 0
	for k := i; k < len(t); k++ {
		switch t[k] {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			if depth--; depth == 0 && (t[k] == "}" || k > i && t[i] == "(") {
				return k
			}
		case ";":
			if depth == 0 {
				return k
			}
		}
	}
	return len(t)
}
