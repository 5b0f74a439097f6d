package srcpatch

// Names are the items of sources by the names that they give.
type Names struct{ by map[string][]mention }

// NamesOf lists the items of sources that did not change.
func NamesOf(sources ...[]byte) *Names {
	n := &Names{map[string][]mention{}}
	for _, source := range sources {
		for _, it := range Outline(source) {
			for _, name := range it.names {
				n.by[name] = append(n.by[name], mention{item: it})
			}
		}
	}
	return n
}

// use is a word that stands for its value, or for what a call of it gives.
type use struct {
	name   string
	called bool
}

// ValueChanges reports whether the value of an expression may be another one by an edit: of a macro, a variable, a type, or the text of a
// function that it calls, and of what these mention in turn. The address of a function stays what it is, whatever its text becomes.
func (e *Edits) ValueChanges(expression string, unchanged *Names) bool {
	seen := map[use]bool{}
	var next []use
	add := func(words []string, called bool) {
		for i, w := range words {
			u := use{w, called || i+1 < len(words) && words[i+1] == "("}
			if isName(w) && !seen[u] {
				seen[u] = true
				next = append(next, u)
			}
		}
	}
	add(word.FindAllString(expression, -1), false)
	for ; len(next) > 0; next = next[1:] {
		for _, list := range [][]mention{e.byName[next[0].name], unchanged.by[next[0].name]} {
			for _, m := range list {
				switch {
				case m.item.Kind == PrototypeItem, m.item.Kind == FunctionItem && !next[0].called:
				case m.edit != nil:
					return true
				default: // what a macro stands for may be what is called
					add(m.item.words, m.item.Kind == MacroItem && next[0].called)
				}
			}
		}
	}
	return false
}
