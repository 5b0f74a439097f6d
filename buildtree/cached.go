package buildtree

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A compiler cache hands out an object that it kept, and nothing is compiled that could be recorded. What was recorded when the object was
// compiled is kept in a store of the user's own, by the digest of the object: it is the record of every copy.

// cachedUnit is a unit as it was recorded, the root of its tree, and what it read.
type cachedUnit struct {
	Root  string
	Unit  Unit
	Reads []Read
}

// blobs lists what a unit needs besides.
func (c *cachedUnit) blobs() []Digest { return []Digest{c.Unit.AsmID, c.Unit.Programs} }

// cachedAge is how long a record is kept that nobody asks for.
const cachedAge = 180 * 24 * time.Hour

// KeepCached keeps in this store what another one has of a unit.
func (s *Store) KeepCached(from *Store, u Unit) error {
	c := cachedUnit{Root: from.Root(), Unit: u}
	if err := s.copyBlobs(from, &c); err != nil {
		return err
	}
	if u.Reads != "" {
		lists, err := from.ReadLists()
		if err != nil {
			return err
		}
		if c.Reads, err = lists.Get(u.Reads); err != nil {
			return err
		}
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	packed, err := compress(text, 0, nil)
	if err != nil {
		return err
	}
	dir := s.cachedDir(u.ObjectID)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return s.writeFile(filepath.Join(dir, string(DigestOf([]byte(u.Object)))[:16]), packed)
}

// readCached reads what KeepCached wrote, nil if that cannot be read.
func readCached(file string) *cachedUnit {
	packed, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	text, err := unpackPlain(packed)
	if err != nil {
		return nil
	}
	c := &cachedUnit{}
	if json.Unmarshal(text, c) != nil {
		return nil
	}
	return c
}

func (s *Store) cachedDir(object Digest) string { return filepath.Join(s.dir, "units", string(object)) }

// copyBlobs copies the blobs that a unit needs.
func (s *Store) copyBlobs(from *Store, c *cachedUnit) error {
	for _, id := range c.blobs() {
		if id == "" || s.has(id) {
			continue
		}
		data, err := from.Blob(id)
		if err != nil {
			return err
		}
		if _, err := s.PutText(data); err != nil {
			return err
		}
	}
	return nil
}

// Adopt adds to the original's record those units which a cache of records has for inputs of links that came without a compile. In a tree
// of another place, only a unit that wrote the object at the same place of its tree counts.
func (s *Store) Adopt(cache *Store) error {
	r, err := s.Load(Original)
	if err != nil {
		return err
	}
	for i := range r.Links {
		l := &r.Links[i]
		for _, in := range l.Inputs {
			if in.ObjectID == "" || r.UnitFor(l, in) != nil {
				continue
			}
			if err := s.adopt(cache, l.abs(in.Path), in); err != nil {
				return err
			}
		}
	}
	_ = cache.forgetCached(time.Now()) // it can wait for the next run, and may be for ever where the cache cannot be written to
	return nil
}

// forgetCached removes, once a week, what nobody asked for in a long time.
func (s *Store) forgetCached(now time.Time) error {
	mark := filepath.Join(s.dir, "forgotten")
	if fi, err := os.Stat(mark); err == nil && now.Sub(fi.ModTime()) < 7*24*time.Hour {
		return nil
	}
	used := map[Digest]bool{}
	units, err := filepath.Glob(filepath.Join(s.cachedDir("*"), "*"))
	if err != nil {
		return err
	}
	for _, file := range units {
		c := readCached(file)
		fi, err := os.Stat(file)
		if err != nil || c == nil || now.Sub(fi.ModTime()) > cachedAge {
			os.Remove(file)
			os.Remove(filepath.Dir(file)) // if it is empty now
			continue
		}
		for _, id := range c.blobs() {
			used[id] = true
		}
	}
	blobs, err := filepath.Glob(filepath.Join(s.dir, "blobs", "*", "*.zst"))
	if err != nil {
		return err
	}
	for _, blob := range blobs {
		id := Digest(filepath.Base(filepath.Dir(blob)) + strings.TrimSuffix(filepath.Base(blob), ".zst"))
		if fi, err := os.Stat(blob); err == nil && !used[id] && now.Sub(fi.ModTime()) > time.Hour { // else its unit may still be written
			os.Remove(blob)
		}
	}
	return s.writeFile(mark, nil)
}

// adopt adds the unit of one input, which is at a path unless it is an archive's member.
func (s *Store) adopt(cache *Store, path string, in Input) error {
	dir := cache.cachedDir(in.ObjectID)
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil // mostly there is none: startup code, members of the C library
	}
	for _, name := range names {
		file := filepath.Join(dir, name.Name())
		c := readCached(file)
		if c == nil {
			continue
		}
		if root := s.Root(); c.Root != root && c.Root != "" && root != "" {
			m := move{c.Root, root}
			m.unit(&c.Unit)
			m.reads(c.Reads)
		}
		if !wroteInput(&c.Unit, path, in) {
			continue
		}
		if s.copyBlobs(cache, c) != nil { // one is gone, or damaged: as good as no record
			continue
		}
		now := time.Now()
		_ = os.Chtimes(file, now, now) // else it is forgotten sooner
		return s.addCached(c)
	}
	return nil
}

// addCached adds a unit of a cache, of which the blobs are here.
func (s *Store) addCached(c *cachedUnit) error {
	if c.Unit.Reads != "" {
		var err error
		if c.Unit.Reads, err = s.PutReads(c.Reads); err != nil {
			return err
		}
	}
	return s.AddUnit(Original, c.Unit)
}

// wroteInput reports whether a unit wrote the very object that an input is.
func wroteInput(u *Unit, path string, in Input) bool {
	if in.Member == "" {
		return u.Object == path
	}
	data, err := os.ReadFile(u.Object)
	return err == nil && DigestOf(data) == in.ObjectID
}
