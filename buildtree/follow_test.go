package buildtree

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// movedBelow makes the record of a tree with one unit, moves the tree below its old place, and returns both places.
func movedBelow(t *testing.T) (s *Store, old, moved string) {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	old, moved = filepath.Join(base, "old"), filepath.Join(base, "old", "sub")
	if s, err = CreateStore(filepath.Join(old, storeName)); err != nil {
		t.Fatal(err)
	}
	away := filepath.Join(base, "away")
	err = errors.Join(s.AddUnit(Original, Unit{Dir: old, Object: old + "/sub/a.o", ObjectID: "1"}),
		os.Rename(old, away), os.Mkdir(old, 0o755), os.Rename(away, moved))
	if err != nil {
		t.Fatal(err)
	}
	if s, err = OpenStore(filepath.Join(moved, storeName)); err != nil {
		t.Fatal(err)
	}
	return s, old, moved
}

func objectsOf(t *testing.T, s *Store) (list []string) {
	t.Helper()
	r, err := s.Load(Original)
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Units {
		list = append(list, r.Units[i].Object)
	}
	return list
}

// However far an interrupted Follow came, the next does the rest, and no more: also when the tree went back meanwhile.
func TestFollowInterrupted(t *testing.T) {
	for _, c := range []struct {
		name      string
		interrupt func(s *Store, m move) error
	}{
		{"at the start", func(s *Store, m move) error {
			return s.writeFile(filepath.Join(s.dir, rootFile), []byte(m.from+underWay))
		}},
		{"after the log", func(s *Store, m move) error {
			return errors.Join(s.writeFile(filepath.Join(s.dir, rootFile), []byte(m.from+underWay)), s.moveLog(m))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, old, moved := movedBelow(t)
			if err := c.interrupt(s, move{old, moved}); err != nil {
				t.Fatal(err)
			}
			if from, err := s.Follow(); from != old || err != nil {
				t.Fatalf("%q, %v", from, err)
			}
			if got := objectsOf(t, s); !slices.Equal(got, []string{moved + "/sub/a.o"}) {
				t.Errorf("moved: %q", got)
			}
		})
		t.Run(c.name+", and moved back", func(t *testing.T) {
			s, old, moved := movedBelow(t)
			if err := c.interrupt(s, move{old, moved}); err != nil {
				t.Fatal(err)
			}
			away := filepath.Join(filepath.Dir(old), "away")
			if err := errors.Join(os.Rename(moved, away), os.Remove(old), os.Rename(away, old)); err != nil {
				t.Fatal(err)
			}
			s, err := OpenStore(filepath.Join(old, storeName))
			if err != nil {
				t.Fatal(err)
			}
			if from, err := s.Follow(); from != "" || err != nil || s.Moved() {
				t.Fatalf("%q, %v", from, err)
			}
			if got := objectsOf(t, s); !slices.Equal(got, []string{old + "/sub/a.o"}) {
				t.Errorf("moved back: %q", got)
			}
		})
	}
}

// What is compiled in a moved tree before its record follows is of the new place already.
func TestFollowAfterCompile(t *testing.T) {
	s, _, moved := movedBelow(t)
	if err := s.AddUnit(Original, Unit{Dir: moved, Object: moved + "/b.o", ObjectID: "2"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Follow(); err != nil {
		t.Fatal(err)
	}
	if got := objectsOf(t, s); !slices.Equal(got, []string{moved + "/sub/a.o", moved + "/b.o"}) {
		t.Errorf("%q", got)
	}
}

// The log is not written anew while a compile appends to it.
func TestFollowWaitsForBuild(t *testing.T) {
	s, _, _ := movedBelow(t)
	other, err := OpenStore(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Share(); err != nil {
		t.Fatal(err)
	}
	defer other.users.Close()
	if _, err := s.Follow(); !errors.Is(err, ErrInUse) || !s.Moved() {
		t.Errorf("%v", err)
	}
}
