package correlate

import (
	"crypto/sha256"
	"path"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/diffasm/debuginfo"
)

// Version is one of the two units being matched, with what is known about its numbered names.
type Version struct {
	Unit   *debuginfo.Unit
	c      *canon.Writer
	token  map[string]string    // canonical tokens of the names that are settled
	open   map[string]*numbered // numbered symbols of which it is not settled which they are
	refs   []reference          // open numbered names of the text written last, in order
	texts  []text               // by Function.Index
	inits  map[*asm.Block]*text
	uses   map[string][]usage // open numbered name -> its uses
	extern func(name string) string
}

// numbered is a static local or a clone whose number means nothing.
type numbered struct {
	name string
	key  string
	sure bool          // the key has the declaring function
	fn   *asm.Function // for a clone
	b    *asm.Block    // for a variable

	decl    *debuginfo.Declaration   // of a variable, where the debug information of both units is known
	perhaps []*debuginfo.Declaration // which variables of the original it may be, where the source does not tell
	lost    bool                     // the original's has no storage
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
func newVersion(f *debuginfo.Unit, bases map[string]bool) *Version {
	s := &Version{Unit: f, token: map[string]string{}, open: map[string]*numbered{}, inits: map[*asm.Block]*text{}}
	s.c = canon.New(f.File, s.Token)
	s.texts = make([]text, len(f.Functions))
	for _, fn := range f.Functions {
		if a, ok := asm.SplitNumbered(fn.Name); ok && !f.IsGlobal(fn.Name) {
			s.open[fn.Name] = &numbered{name: fn.Name, key: "f " + a.Key(), fn: fn}
		}
	}
	for _, b := range f.Variables {
		if a, ok := f.NumberedVariable(b, bases); ok {
			s.open[b.Name] = &numbered{name: b.Name, key: "v " + a.Key(), b: b}
		}
		s.inits[b] = &text{}
	}
	return s
}

// Token gives a symbol its canonical token and notes the open ones.
func (s *Version) Token(n string) string {
	if t, ok := s.token[n]; ok {
		return t
	}
	if a := s.open[n]; a != nil {
		s.refs = append(s.refs, reference{n, s.c.Op, s.c.Pos})
		return "?" + a.key
	}
	if s.extern != nil {
		return s.extern(n)
	}
	return n
}

// TooDeep reports whether the text of a function, or of what it refers to, is circular or nested too deeply to compare.
func (s *Version) TooDeep(fn *asm.Function) bool { return s.texts[fn.Index].deep }

// Written returns the canonical text of a function.
func (s *Version) Written(fn *asm.Function) canon.Text { return s.c.Written(fn) }

// Alone returns the canonical text of a statement outside functions.
func (s *Version) Alone(st asm.Statement) string { return s.c.Alone(st) }

// refresh writes the texts that mention open names again.
func (s *Version) refresh() {
	s.uses = map[string][]usage{}
	for i, fn := range s.Unit.Functions {
		t := &s.texts[i]
		if !t.done || len(t.refs) > 0 {
			s.refs = nil
			t.hash, t.done = s.c.Hash(fn), true
			t.refs, t.deep = s.refs, s.c.Deep
		}
		s.use(asm.SourceName(fn.Name), t.refs)
	}
	for _, b := range s.Unit.Variables {
		t := s.inits[b]
		if !t.done || len(t.refs) > 0 {
			s.refs = nil
			t.hash, t.done = sha256.Sum256([]byte(s.c.Data(b))), true
			t.refs, t.deep = s.refs, s.c.Deep
		}
		s.use("data "+asm.SourceName(b.Name), t.refs)
	}
}

func (s *Version) use(owner string, refs []reference) {
	for _, r := range refs {
		s.uses[r.name] = append(s.uses[r.name], usage{owner, r.op, r.pos})
	}
}

// inOrder returns the numbered names in file order.
func (s *Version) inOrder() (list []*numbered) {
	for _, fn := range s.Unit.Functions {
		if a := s.open[fn.Name]; a != nil && a.fn == fn {
			list = append(list, a)
		}
	}
	for _, b := range s.Unit.Variables {
		if a := s.open[b.Name]; a != nil && a.b == b {
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
