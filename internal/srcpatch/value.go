package srcpatch

// Names are the items of sources by the names that they give, and what decides which parts of the sources a compiler reads.
type Names struct {
	by         map[string][]mention
	conditions []string // words
}

// NamesOf lists the items of sources that did not change.
func NamesOf(sources ...[]byte) *Names {
	n := &Names{by: map[string][]mention{}}
	for _, source := range sources {
		for _, it := range Outline(source) {
			if it.selects() {
				n.conditions = append(n.conditions, it.words...)
			}
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

// selects reports whether an item is a directive that decides what a compiler reads.
func (it *Item) selects() bool {
	if it.words[0] != "#" || len(it.words) < 2 {
		return false
	}
	switch it.words[1] {
	case "include", "include_next", "import", "if", "ifdef", "ifndef", "elif", "elifdef", "elifndef", "else", "endif":
		return true
	}
	return false
}

// Values tells of the expressions of a unit whether they may have other values by edits.
type Values struct {
	edits     *Edits
	unchanged *Names
	others    bool // other sources are read, or other parts of them: each name may stand for something else
}

// Values tells of the values of a unit that reads files, named as in Edit; nil where these are not known. Edits of others do not count
// unless an edit decides which sources are read, or parts of them.
func (e *Edits) Values(read func(file string) bool, unchanged *Names) *Values {
	own := e
	if read != nil {
		own = e.of(read)
	}
	if own.selectsOthers(unchanged) {
		return &Values{e, unchanged, true}
	}
	return &Values{own, unchanged, false}
}

// Change reports whether the value of an expression may be another one by an edit: of a macro, a variable, a type, or the text of a
// function that it calls, and of what these mention in turn. The address of a function stays what it is, whatever its text becomes.
func (v *Values) Change(expression string) bool {
	return v.edits.reaches(word.FindAllString(expression, -1), v.unchanged, v.others)
}

// Calls reports whether an expression calls a function of which an edit changed the text, or has an edited macro in it. What constructors
// do for an object that is made anew is not asked.
func (v *Values) Calls(expression string) bool {
	return v.calls(word.FindAllString(expression, -1), map[string]bool{})
}

func (v *Values) calls(words []string, seen map[string]bool) bool {
	for i, w := range words {
		called := i+1 < len(words) && words[i+1] == "(" && (i == 0 || words[i-1] != "new")
		for _, list := range [][]mention{v.edits.byName[w], v.unchanged.by[w]} {
			for _, m := range list {
				switch isMacro := m.item.Kind == MacroItem; {
				case m.edit != nil && (isMacro || m.item.Kind == FunctionItem && called):
					return true
				case isMacro && !seen[w]:
					seen[w] = true
					if v.calls(m.item.words, seen) {
						return true
					}
				}
			}
		}
	}
	return false
}

// selectsOthers reports whether the patched compile reads other parts of sources, or may.
func (e *Edits) selectsOthers(unchanged *Names) bool {
	conditions := unchanged.conditions
	for _, f := range e.files {
		for _, v := range f.versions {
			for i, it := range v.items {
				switch {
				case !it.selects():
				case v.edits[i] != nil:
					return true
				default:
					conditions = append(conditions[:len(conditions):len(conditions)], it.words...)
				}
			}
		}
	}
	return e.reaches(conditions, unchanged, false)
}

// reaches reports whether words mean something edited, or anything that the sources define.
func (e *Edits) reaches(words []string, unchanged *Names, anything bool) bool {
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
	add(words, false)
	for ; len(next) > 0; next = next[1:] {
		for _, list := range [][]mention{e.byName[next[0].name], unchanged.by[next[0].name]} {
			for _, m := range list {
				switch {
				case m.item.Kind == PrototypeItem, m.item.Kind == FunctionItem && !next[0].called:
				case m.edit != nil, anything:
					return true
				default: // what a macro stands for may be what is called
					add(m.item.words, m.item.Kind == MacroItem && next[0].called)
				}
			}
		}
	}
	return false
}
