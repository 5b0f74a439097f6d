package buildtree

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

// What was linked in two steps has the inputs of both, unless the first did more than put sections together.
func TestFlatten(t *testing.T) {
	object := func(path, id string) Input { return Input{Path: path, ObjectID: Digest(id), AllocID: Digest(id)} }
	base := func() *Link {
		return &Link{Dir: "/t/sub", Output: "/t/sub/both.o", OutputID: "both", Partial: true, Inputs: []Input{object("a.o", "a"), object("/x/b.o", "b")}}
	}
	for _, c := range []struct {
		name   string
		change func(l *Link)
		unit   Unit
		flat   bool
	}{
		{"plain", func(l *Link) { l.Argv = []string{"-r", "-o", "both.o", "-d"} }, Unit{}, true},
		{"--wrap", func(l *Link) { l.Argv = []string{"-r", "--wrap=f"} }, Unit{}, false},
		{"--defsym", func(l *Link) { l.Argv = []string{"-r", "--defsym", "f=g"} }, Unit{}, false},
		{"a script", func(l *Link) { l.Files = []File{{Path: "x.lds"}} }, Unit{}, false},
		{"no objects", func(l *Link) { l.Inputs = nil }, Unit{}, false},
		{"an input that is gone", func(l *Link) { l.Inputs[0].ObjectID = "" }, Unit{}, false},
		{"intermediate language", func(l *Link) {}, Unit{ObjectID: "a", Object: "/t/sub/a.o", Source: "a.c", Lang: "lto"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := base()
			c.change(p)
			r := &Record{Units: []Unit{c.unit}, Links: []Link{*p, {Dir: "/t", Output: "/t/prog", Inputs: []Input{object("main.o", "m"), object("sub/both.o", "both")}}}}
			r.flatten()
			var got []string
			for _, in := range r.Links[1].Inputs {
				got = append(got, in.Path)
			}
			want := []string{"main.o", "sub/both.o"}
			if c.flat {
				want = []string{"main.o", "/t/sub/a.o", "/x/b.o"}
			}
			if !slices.Equal(got, want) || (len(r.Links[1].Parts) == 1) != c.flat {
				t.Errorf("%q, %d parts", got, len(r.Links[1].Parts))
			}
		})
	}
}

// Of partial links that wrote the same bytes, an input is the output of the one that wrote its file.
func TestFlattenSameOutput(t *testing.T) {
	partial := func(name string) Link {
		return Link{Dir: "/t/" + name, Output: "/t/" + name + "/both.o", OutputID: "both", Partial: true, Inputs: []Input{{Path: "e.o", ObjectID: "e", AllocID: "e"}}}
	}
	both := func(path string) Input { return Input{Path: path, ObjectID: "both", AllocID: "both"} }
	r := &Record{Links: []Link{partial("a"), partial("b"), {Dir: "/t", Output: "/t/p", Inputs: []Input{both("a/both.o"), both("b/both.o"), both("copy.o")}}}}
	r.flatten()
	var got []string
	for _, in := range r.Links[2].Inputs {
		got = append(got, in.Path)
	}
	if want := []string{"/t/a/e.o", "/t/b/e.o", "/t/b/e.o"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Of a build for the record, only what came out the same to the byte is taken.
func TestTake(t *testing.T) {
	s, err := CreateStore(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []Unit{{Object: "/t/a.o", ObjectID: "a"}, {Object: "/t/b.o", ObjectID: "other"}, {Object: "/t/c.o", ObjectID: "c"}} {
		if err := s.AddUnit(Unpatched, u); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range []Link{{Output: "/t/p", OutputID: "p"}, {Output: "/t/q", OutputID: "other"}} {
		if err := s.AddLink(Unpatched, l); err != nil {
			t.Fatal(err)
		}
	}
	taken, err := s.Take(Unpatched, map[string]Digest{"/t/a.o": "a", "/t/b.o": "b", "/t/p": "p", "/t/q": "q"})
	if taken != 2 || err != nil {
		t.Fatal(taken, err)
	}
	r, err := s.Load(Original)
	if err != nil || len(r.Units) != 1 || r.Units[0].Object != "/t/a.o" || len(r.Links) != 1 || r.Links[0].Output != "/t/p" {
		t.Errorf("%+v, %v", r, err)
	}
}

// What is taken can be read once its stage is forgotten, also an object of a unit that was not taken.
func TestTakeKeepsInputs(t *testing.T) {
	testkit.Require(t, "as")
	s := newStore(t)
	text := []byte("f:\n\tret\n")
	asm, err := s.PutAssembly(text)
	if err != nil {
		t.Fatal(err)
	}
	u := Unit{Dir: s.Dir(), Object: "/t/a.o", AsmID: asm, As: "as", Lang: "c"}
	object, err := s.Assemble(t.Context(), &u, text)
	if err != nil {
		t.Fatal(err)
	}
	u.ObjectID = DigestOf(object)
	l := Link{Output: "/t/p", OutputID: "p", Inputs: []Input{{Path: "a.o", ObjectID: u.ObjectID}}}
	if err := errors.Join(s.AddUnit(Unpatched, u), s.AddLink(Unpatched, l)); err != nil {
		t.Fatal(err)
	}
	if taken, err := s.Take(Unpatched, map[string]Digest{"/t/p": "p"}); taken != 1 || err != nil {
		t.Fatal(taken, err)
	}
	if err := s.Reset(Unpatched); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prune(); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Blob(u.ObjectID); err != nil || DigestOf(got) != u.ObjectID {
		t.Error(err)
	}
}

// Pruning keeps the partial links that others took in: their inputs stand in those only once the log is read.
func TestPruneKeepsParts(t *testing.T) {
	s := newStore(t)
	object, inner := put(t, s, "object"), put(t, s, "map of ld -r")
	partial := Link{Dir: "/t", Output: "/t/both.o", OutputID: put(t, s, "both"), MapID: inner, Partial: true, Inputs: []Input{{Path: "a.o", ObjectID: object}}}
	prog := Link{Dir: "/t", Output: "/t/p", MapID: put(t, s, "map"), Inputs: []Input{{Path: "both.o", ObjectID: partial.OutputID}}}
	if err := errors.Join(s.AddLink(Original, partial), s.AddLink(Original, prog), s.AddLink(Original, prog)); err != nil {
		t.Fatal(err)
	}
	if p, err := s.Prune(); err != nil || p.Blobs != 0 || p.Lines != 1 {
		t.Errorf("pruned %+v, %v", p, err)
	}
	r, err := s.Load(Original)
	if err != nil || len(r.Links) != 2 || len(r.Links[1].Parts) != 1 || r.Links[1].Inputs[0].ObjectID != object {
		t.Errorf("%+v, %v", r, err)
	}
}

// Links of which one was seen through and the other was not cannot be lined up.
func TestPairRefusesHalfFlattened(t *testing.T) {
	record := func(l Link, partial ...Link) *Record {
		r := &Record{Links: append(partial, l)}
		r.flatten()
		return r
	}
	both := Input{Path: "both.o", ObjectID: "both", AllocID: "both"}
	prog := Link{Dir: "/t", Output: "/t/prog", OutputID: "prog", Inputs: []Input{both}}
	partial := Link{Dir: "/t", Output: "/t/both.o", OutputID: "both", Partial: true, Inputs: []Input{{Path: "a.o", ObjectID: "a", AllocID: "a"}}}
	for name, records := range map[string][2]*Record{
		"original": {record(prog, partial), record(prog)},
		"patched":  {record(prog), record(prog, partial)},
	} {
		_, err := Pair(records[0], records[1], nil)
		if e := fault.As(err); e == nil || e.Code != fault.PartialLink {
			t.Errorf("%s alone: %v", name, err)
		}
	}
}
