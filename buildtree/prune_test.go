package buildtree

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"gocare/internal/test/testkit"
)

// put keeps a text and returns its digest.
func put(t *testing.T, s *Store, text string) Digest {
	t.Helper()
	d, err := s.PutBlob([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestPrune: what the latest units, the links and the named files need stays, also an older unit's object that a link took in; the rest goes.
func TestPrune(t *testing.T) {
	s := newStore(t)
	texts := map[string]Digest{}
	for _, name := range []string{"old asm", "linked asm", "new asm", "other asm", "map", "planned", "of a run", "linked object"} {
		texts[name] = put(t, s, name)
	}
	reads, err := s.PutReads([]Read{{Path: "/t/old.h", ID: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []Unit{
		{Object: "/t/a.o", AsmID: texts["linked asm"], ObjectID: texts["linked object"]},
		{Object: "/t/a.o", AsmID: texts["old asm"], ObjectID: DigestOf([]byte("old object")), Reads: reads},
		{Object: "/t/a.o", AsmID: texts["new asm"], ObjectID: DigestOf([]byte("new object"))},
		{Object: "/t/b.o", AsmID: texts["other asm"], ObjectID: DigestOf([]byte("other object"))},
	} {
		if err := s.AddUnit(Original, u); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AddLink(Original, Link{Output: "/t/p", MapID: texts["map"], Inputs: []Input{{Path: "a.o", ObjectID: texts["linked object"]}}}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir(), "plan.json"), []byte(`{"orig":"`+texts["planned"]+`"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := s.Prune("plan.json", "run.json")
	if err != nil || p.Blobs != 2 || p.Lines != 3 {
		t.Errorf("pruned %+v, %v", p, err)
	}
	for name, d := range texts {
		_, err := s.Blob(d)
		if gone := name == "old asm" || name == "of a run"; gone != errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	rec, err := s.Load(Original)
	if err != nil || len(rec.Units) != 2 || len(rec.older) != 1 || rec.UnitFor(&rec.Links[0], rec.Links[0].Inputs[0]) == nil {
		t.Errorf("%d units, %d older, %v", len(rec.Units), len(rec.older), err)
	}
	if p, err := s.Prune("plan.json"); err != nil || p != (Pruned{}) {
		t.Errorf("once more: %+v, %v", p, err)
	}
}

// TestPruneWaits: while something is recorded nothing goes.
func TestPruneWaits(t *testing.T) {
	s := newStore(t)
	d := put(t, s, "not in a log yet")
	other, err := OpenStore(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Share(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prune(); !errors.Is(err, ErrInUse) {
		t.Errorf("pruned: %v", err)
	}
	if _, err := s.Blob(d); err != nil {
		t.Error(err)
	}
}

// TestRemake: an object that is not kept comes from the tree if it still is there, else from the unit's assembly; never with another content.
func TestRemake(t *testing.T) {
	testkit.Require(t, "as")
	s := newStore(t)
	dir := t.TempDir()
	text := []byte("f:\n\tret\n")
	asm, err := s.PutAssembly(text)
	if err != nil {
		t.Fatal(err)
	}
	u := Unit{Dir: dir, Object: filepath.Join(dir, "a.o"), AsmID: asm, As: "as", Lang: "c"}
	object, err := s.Assemble(context.Background(), &u, text)
	if err != nil {
		t.Fatal(err)
	}
	u.ObjectID = DigestOf(object)
	if err := s.AddUnit(Original, u); err != nil {
		t.Fatal(err)
	}
	if !s.Remakable(Patched)[u.ObjectID] {
		t.Error("the object is not known to be made again")
	}
	patched := u
	patched.ObjectID = DigestOf([]byte("of the patched build"))
	if err := s.AddUnit(Patched, patched); err != nil {
		t.Fatal(err)
	}
	if s.Remakable(Original)[patched.ObjectID] {
		t.Error("an object counts for the original that goes with the next patched build")
	}
	for _, step := range []struct{ name, inTree string }{{"in the tree", string(object)}, {"another in the tree", "other"}, {"gone", ""}} {
		if err := os.WriteFile(u.Object, []byte(step.inTree), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Blob(u.ObjectID); err != nil || DigestOf(got) != u.ObjectID {
			t.Errorf("%s: %v", step.name, err)
		}
	}
	moved := storeIn(filepath.Join(filepath.Dir(s.dir), "moved"))
	if err := errors.Join(os.RemoveAll(dir), os.Rename(s.dir, moved.dir)); err != nil {
		t.Fatal(err)
	}
	if got, err := moved.Blob(u.ObjectID); err != nil || DigestOf(got) != u.ObjectID {
		t.Errorf("in a tree that was moved: %v", err)
	}
	s = moved
	other := u
	other.ObjectID = DigestOf([]byte("what the assembler does not make"))
	if err := s.AddUnit(Original, other); err != nil {
		t.Fatal(err)
	}
	if data, err := s.Blob(other.ObjectID); !errors.Is(err, os.ErrNotExist) || data != nil {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

// TestRemakable: only what follows from the text alone is made again.
func TestRemakable(t *testing.T) {
	plain := Unit{AsmID: "a", ObjectID: "o", As: "/usr/bin/as", Lang: "c", Driver: "/usr/bin/gcc"}
	for _, tt := range []struct {
		name   string
		change func(*Unit)
		want   bool
	}{
		{"of gcc", func(*Unit) {}, true},
		{"C++", func(u *Unit) { u.Lang = "c++" }, true},
		{"of clang", func(u *Unit) { u.Driver = "/usr/bin/clang" }, false},
		{"assembly source", func(u *Unit) { u.Lang = "asm" }, false},
		{"made at link time", func(u *Unit) { u.Lang = "lto" }, false},
		{"includes files", func(u *Unit) { u.Includes = true }, false},
		{"without assembly", func(u *Unit) { u.AsmID = "" }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := plain
			tt.change(&u)
			if got := u.remakable(); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
