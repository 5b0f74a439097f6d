package diffasm

import (
	"crypto/sha256"
	"path"
)

// version is one of the two units being matched, with what is known about its numbered names.
type version struct {
	f      *Unit
	c      *canon
	token  map[string]string    // canonical tokens of the names that are settled
	open   map[string]*numbered // numbered symbols of which it is not settled which they are
	refs   []reference          // open numbered names of the text written last, in order
	texts  []text               // by fn.index
	inits  map[*block]*text
	uses   map[string][]usage // open numbered name -> its uses
	extern func(name string) string
}

// numbered is a static local or a clone whose number means nothing.
type numbered struct {
	name string
	key  string
	sure bool   // the key has the declaring function
	fn   *fn    // for a clone
	b    *block // for a variable

	decl    *decl   // of a variable, where the debug information of both units is known
	perhaps []*decl // which variables of the original it may be, where the source does not tell
	lost    bool    // the original's has no storage
}

// reference is a use of an open numbered name in a text.
type reference struct {
	name, op string
	pos      int
}

// usage is the same seen from the name.
type usage struct {
	owner, op string
	pos       int
}

// text is the signature of a function or of an initialiser.
type text struct {
	hash [sha256.Size]byte
	refs []reference
	done bool
	deep bool
}

// newVersion prepares a unit; bases has the names of variables of which some have a number in either unit.
func newVersion(f *Unit, bases map[string]bool) *version {
	s := &version{f: f, token: map[string]string{}, open: map[string]*numbered{}, inits: map[*block]*text{}}
	s.c = newCanon(f.File, s.name)
	s.texts = make([]text, len(f.funcs))
	for _, fn := range f.funcs {
		if a, ok := splitNumbered(fn.name); ok && !f.isGlobal(fn.name) {
			s.open[fn.name] = &numbered{name: fn.name, key: "f " + a.key(), fn: fn}
		}
	}
	for _, b := range f.vars {
		if a, ok := f.numberedVar(b, bases); ok {
			s.open[b.name] = &numbered{name: b.name, key: "v " + a.key(), b: b}
		}
		s.inits[b] = &text{}
	}
	return s
}

// name gives a symbol its canonical token and notes the open ones.
func (s *version) name(n string) string {
	if t, ok := s.token[n]; ok {
		return t
	}
	if a := s.open[n]; a != nil {
		s.refs = append(s.refs, reference{n, s.c.op, s.c.pos})
		return "?" + a.key
	}
	if s.extern != nil {
		return s.extern(n)
	}
	return n
}

// tooDeep reports whether the text of a function, or of what it refers to, is circular or nested too deeply to compare.
func (s *version) tooDeep(fn *fn) bool { return s.texts[fn.index].deep }

// written returns the canonical text of a function.
func (s *version) written(fn *fn) canonText { return s.c.written(fn) }

// alone returns the canonical text of a statement outside functions.
func (s *version) alone(st stmt) string { return s.c.alone(st) }

// refresh writes the texts that mention open names again.
func (s *version) refresh() {
	s.uses = map[string][]usage{}
	for i, fn := range s.f.funcs {
		t := &s.texts[i]
		if !t.done || len(t.refs) > 0 {
			s.refs = nil
			t.hash, t.done = s.c.hash(fn), true
			t.refs, t.deep = s.refs, s.c.deep
		}
		s.use(sourceName(fn.name), t.refs)
	}
	for _, b := range s.f.vars {
		t := s.inits[b]
		if !t.done || len(t.refs) > 0 {
			s.refs = nil
			t.hash, t.done = sha256.Sum256([]byte(s.c.data(b))), true
			t.refs, t.deep = s.refs, s.c.deep
		}
		s.use("data "+sourceName(b.name), t.refs)
	}
}

func (s *version) use(owner string, refs []reference) {
	for _, r := range refs {
		s.uses[r.name] = append(s.uses[r.name], usage{owner, r.op, r.pos})
	}
}

// inOrder returns the numbered names in file order.
func (s *version) inOrder() (list []*numbered) {
	for _, fn := range s.f.funcs {
		if a := s.open[fn.name]; a != nil && a.fn == fn {
			list = append(list, a)
		}
	}
	for _, b := range s.f.vars {
		if a := s.open[b.name]; a != nil && a.b == b {
			list = append(list, a)
		}
	}
	return list
}

// buildDirs returns the directories in which two versions of a unit were compiled, as far as the absolute names of their
// sources differ; none where they are equal or not absolute.
func buildDirs(a, b string) (string, string) {
	if !path.IsAbs(a) || !path.IsAbs(b) || a == b {
		return "", ""
	}
	for path.Base(a) == path.Base(b) && path.Dir(a) != a && path.Dir(b) != b {
		a, b = path.Dir(a), path.Dir(b)
	}
	if a == "/" || b == "/" {
		return "", ""
	}
	return a, b
}
