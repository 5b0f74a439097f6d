package srcpatch

import (
	"slices"
	"strings"
)

// OnlyCode reports whether the change leaves all declarations of a C source outside of functions as they were, word for word and in their
// order, and returns the macros that it gives another meaning: what these reach in turn is for Words to tell.
func (c FileChange) OnlyCode() (macros []string, ok bool) {
	if c.Old == "" || c.New == "" {
		return nil, false
	}
	before, after := Outline(c.Before), Outline(c.After)
	if !slices.Equal(declarations(before), declarations(after)) {
		return nil, false
	}
	was, is := meanings(before), meanings(after)
	for _, names := range []map[string]string{was, is} {
		for name := range names {
			if was[name] != is[name] {
				macros = append(macros, name)
			}
		}
	}
	slices.Sort(macros)
	return slices.Compact(macros), true
}

// declarations lists what is neither a function nor a macro.
func declarations(items []Item) (texts []string) {
	for _, it := range items {
		if !it.isWhole() && it.Kind != MacroItem {
			texts = append(texts, it.text())
		}
	}
	return texts
}

// isWhole reports whether an item is a function, and nothing besides: branches of #if may hide where it ends.
func (it *Item) isWhole() bool {
	depth, open := 0, false
	for i, w := range it.words {
		switch w {
		case "{":
			if !open && it.Kind == FunctionItem && !isHead(it.words[:i]) {
				return false
			}
			depth, open = depth+1, true
		case "}":
			depth--
		}
		if open && depth <= 0 {
			return it.Kind == FunctionItem && depth == 0 && i == len(it.words)-1
		}
	}
	return false
}

// isHead reports whether the words before a function's body are surely its head alone: a variable may be declared before it on one line, or
// by a macro.
func isHead(words []string) bool {
	depth, lists := 0, 0
	for i, w := range words {
		switch w {
		case "(":
			if depth == 0 && (i == 0 || !notCalled[words[i-1]]) {
				lists++
			}
			depth++
		case ")":
			depth--
		case ";":
			return false
		}
	}
	return lists == 1
}

// meanings maps macros to all that is said of them, in order.
func meanings(items []Item) map[string]string {
	all := map[string]string{}
	for _, it := range items {
		if it.Kind == MacroItem {
			all[it.Name] += it.text() + "\n"
		}
	}
	return all
}

// Words is which words a C source has outside of functions.
type Words struct {
	outside   map[string]bool // in declarations, heads of functions and directives other than #define
	macros    map[string]bool
	users     map[string][]string // macros by the words that they mention
	functions []string            // names of what looks like a function
	pastes    []string            // macros that make words of others (##)
}

// WordsOf finds them.
func WordsOf(source []byte) *Words {
	w := &Words{outside: map[string]bool{}, macros: map[string]bool{}, users: map[string][]string{}}
	for _, it := range Outline(source) {
		switch {
		case it.Kind == MacroItem:
			w.macros[it.Name] = true
			for _, word := range it.words {
				if isName(word) {
					w.users[word] = append(w.users[word], it.Name)
				}
			}
			if strings.Contains(strings.Join(it.words, ""), "##") {
				w.pastes = append(w.pastes, it.Name)
			}
		case it.isWhole():
			w.functions = append(w.functions, it.Name)
			w.add(it.words[:slices.Index(it.words, "{")])
		default:
			w.add(it.words)
		}
	}
	return w
}

func (w *Words) add(words []string) {
	for _, word := range words {
		w.outside[word] = true
	}
}

// Reaches reports whether macros may have a part in what sources say outside of functions: by their names, by those of macros that mention
// them, or as words that another macro puts together, which headers of the system do with words of their own alone. What looks like a
// function has to be one: none may have a macro's name.
func Reaches(macros []string, own, system []*Words) bool {
	all := slices.Concat(own, system)
	next := slices.Clone(macros)
	for _, w := range own {
		if len(macros) > 0 {
			next = append(next, w.pastes...)
		}
	}
	reached := map[string]bool{}
	for _, m := range next {
		reached[m] = true
	}
	for len(next) > 0 {
		name := next[0]
		next = next[1:]
		for _, w := range all {
			if w.outside[name] {
				return true
			}
			for _, m := range w.users[name] {
				if !reached[m] {
					reached[m], next = true, append(next, m)
				}
			}
		}
	}
	return slices.ContainsFunc(own, func(w *Words) bool {
		return slices.ContainsFunc(w.functions, func(f string) bool { return isMacro(all, f) })
	})
}

func isMacro(all []*Words, name string) bool {
	return slices.ContainsFunc(all, func(w *Words) bool { return w.macros[name] })
}
