package buildtree

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"gocare/internal/toolexec"
)

// Objects make up most of what a link takes in, and each is made from assembly that is kept. So those of recorded units are not: they are
// in the tree, mostly; else the unit's own assembler makes them again, which a digest proves.

// remakable reports whether the object of a unit follows from its assembly: gcc's, from the text alone. What clang assembles inside is not
// what it makes of that text; an assembly source gives its name to the debugging information that the assembler makes.
func (u *Unit) remakable() bool {
	return u.AsmID != "" && u.ObjectID != "" && !u.Includes && (u.Lang == "c" || u.Lang == "c++") && u.As != "" && !IsClang(u.Driver)
}

// stages are all that are recorded.
var stages = []Stage{Original, Patched, Unpatched}

// Remakable lists the digests of objects that need not be kept for a stage, as the record can make them again as long as that of the stage
// stays.
func (s *Store) Remakable(st Stage) map[Digest]bool { return s.remakableIn(Original, st) }

func (s *Store) remakableIn(list ...Stage) map[Digest]bool {
	const mark = `{"again":"`
	found := map[Digest]bool{}
	for _, st := range list {
		path, _ := s.logPath(st)
		data, _ := os.ReadFile(path) // of what cannot be read, objects are kept
		for line := range bytes.Lines(data) {
			if rest, ok := bytes.CutPrefix(line, []byte(mark)); ok && len(rest) > digestLength {
				found[Digest(rest[:digestLength])] = true
			}
		}
	}
	return found
}

// remakes finds the units whose objects can be made again; read when it is first needed, and again when the logs have grown.
type remakes struct {
	mu    sync.Mutex
	sizes []int64 // of the logs
	units map[Digest][]Unit
}

// remake returns an object that is not kept.
func (s *Store) remake(d Digest) (object []byte, found bool) {
	units := s.remakableUnits()[d]
	for _, u := range units {
		if data, err := os.ReadFile(u.Object); err == nil && DigestOf(data) == d {
			return data, true
		}
	}
	for _, u := range units {
		text, err := s.keptBlob(u.AsmID)
		if err != nil {
			continue
		}
		if !exists(u.Dir) { // the tree was moved; the text alone counts
			u.Dir = s.dir
		}
		if data, err := s.Assemble(context.Background(), &u, text); err == nil && DigestOf(data) == d {
			return data, true
		}
	}
	return nil, false
}

func (s *Store) remakableUnits() map[Digest][]Unit {
	s.remakes.mu.Lock()
	defer s.remakes.mu.Unlock()
	sizes := s.logSizes()
	if s.remakes.units != nil && slices.Equal(sizes, s.remakes.sizes) {
		return s.remakes.units
	}
	units := map[Digest][]Unit{}
	for _, st := range stages {
		rec, err := s.Load(st)
		if err != nil {
			continue
		}
		for _, u := range slices.Concat(rec.Units, rec.older) {
			if u.remakable() {
				units[u.ObjectID] = append(units[u.ObjectID], u)
			}
		}
	}
	s.remakes.sizes, s.remakes.units = sizes, units
	return units
}

func (s *Store) logSizes() (sizes []int64) {
	for _, st := range stages {
		path, _ := s.logPath(st)
		fi, err := os.Stat(path)
		if err != nil { // none yet
			sizes = append(sizes, -1)
			continue
		}
		sizes = append(sizes, fi.Size())
	}
	return sizes
}

// Assemble runs a unit's own assembler with its own options on text and returns the object.
func (s *Store) Assemble(ctx context.Context, u *Unit, text []byte) ([]byte, error) {
	dir, err := os.MkdirTemp(s.tmpDir(), "assemble-") // which Prune clears of what is left behind
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	src, obj := filepath.Join(dir, "unit.s"), filepath.Join(dir, "unit.o")
	if err := os.WriteFile(src, text, 0o644); err != nil {
		return nil, err
	}
	if _, err := toolexec.Run(ctx, toolexec.Cmd{Dir: u.Dir, Path: u.As, Args: u.AssembleArgs(src, obj)}); err != nil {
		return nil, err
	}
	return os.ReadFile(obj)
}
