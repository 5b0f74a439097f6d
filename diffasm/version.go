package diffasm

import (
	"crypto/sha256"
	"path"
)

// side is one of the two units being matched, with what is known about its automatic names.
type side struct {
	f      *File
	c      *canon
	token  map[string]string // canonical tokens of the names that are settled
	autos  map[string]*auto  // automatic names still open
	refs   []autoRef         // open automatic names of the text written last, in order
	texts  []text            // by fn.index
	inits  map[*block]*text
	uses   map[string][]autoUse // open automatic name -> its uses
	extern func(name string) string
}

// auto is a static local or a clone whose number means nothing.
type auto struct {
	name string
	key  string
	sure bool   // the key has the declaring function
	fn   *fn    // for a clone
	b    *block // for a variable

	decl    *decl   // of a variable, where the debug information of both units is known
	perhaps []*decl // which variables of the original it may be, where the source does not tell
	lost    bool    // the original's has no storage
}

// autoRef is a use of an open automatic name in a text.
type autoRef struct {
	name, op string
	pos      int
}

// autoUse is the same seen from the name.
type autoUse struct {
	owner, op string
	pos       int
}

// text is the signature of a function or of an initialiser.
type text struct {
	hash [sha256.Size]byte
	refs []autoRef
	done bool
	deep bool
}

// newSide prepares a unit; numbered has the names of variables of which some have a number in either unit.
func newSide(f *File, numbered map[string]bool) *side {
	s := &side{f: f, token: map[string]string{}, autos: map[string]*auto{}, inits: map[*block]*text{}}
	s.c = newCanon(f, s.name)
	s.texts = make([]text, len(f.funcs))
	for _, fn := range f.funcs {
		if a, ok := splitAuto(fn.name); ok && !f.isGlobal(fn.name) {
			s.autos[fn.name] = &auto{name: fn.name, key: "f " + a.key(), fn: fn}
		}
	}
	for _, b := range f.vars {
		a, ok := splitAuto(b.name)
		if !ok && numbered[b.name] { // the first of several of one name, for clang
			a, ok = autoName{base: b.name, kinds: numberedKind}, true
		}
		if ok && b.owner == nil && !f.isLiteral(b) && !f.isGlobal(b.name) {
			s.autos[b.name] = &auto{name: b.name, key: "v " + a.key(), b: b}
		}
		s.inits[b] = &text{}
	}
	return s
}

// name gives a symbol its canonical token and notes the open ones.
func (s *side) name(n string) string {
	if t, ok := s.token[n]; ok {
		return t
	}
	if a := s.autos[n]; a != nil {
		s.refs = append(s.refs, autoRef{n, s.c.op, s.c.pos})
		return "?" + a.key
	}
	if s.extern != nil {
		return s.extern(n)
	}
	return n
}

// refresh writes the texts that mention open names again.
func (s *side) refresh() {
	s.uses = map[string][]autoUse{}
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

func (s *side) use(owner string, refs []autoRef) {
	for _, r := range refs {
		s.uses[r.name] = append(s.uses[r.name], autoUse{owner, r.op, r.pos})
	}
}

// inOrder returns the automatic names in file order.
func (s *side) inOrder() (list []*auto) {
	for _, fn := range s.f.funcs {
		if a := s.autos[fn.name]; a != nil && a.fn == fn {
			list = append(list, a)
		}
	}
	for _, b := range s.f.vars {
		if a := s.autos[b.name]; a != nil && a.b == b {
			list = append(list, a)
		}
	}
	return list
}

// size returns the bytes of a variable as .size or .comm give it.
func (f *File) size(b *block) string {
	if s := f.symbols[b.name]; s != nil && s.size != "" {
		return normalNumber(s.size)
	}
	return ""
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
