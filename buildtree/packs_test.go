package buildtree

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// asmText is the assembly of a unit.
func asmText(i int) string {
	return fmt.Sprintf("f%d:\n\t.loc 1 %d 3 view .LVU1\n\tret\n%s", i, i, strings.Repeat("\tnop\n", 300))
}

// putLoose keeps the assembly of units, and returns their digests.
func putLoose(t *testing.T, s *Store, from, to int) (list []Digest) {
	t.Helper()
	for i := from; i < to; i++ {
		d, err := s.PutAssembly([]byte(asmText(i)))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, d)
	}
	return list
}

// checkTexts checks that another process finds the assembly of units.
func checkTexts(t *testing.T, s *Store, list []Digest, from int) {
	t.Helper()
	other, err := OpenStore(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range list {
		if got, err := other.Blob(d); err != nil || string(got) != asmText(from+i) {
			t.Errorf("unit %d: %d bytes, %v", from+i, len(got), err)
		}
		if !other.has(d) {
			t.Errorf("unit %d is not there", from+i)
		}
	}
}

// count returns how many files a directory of the store has.
func count(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return len(entries)
}

func checkCounts(t *testing.T, s *Store, loose, packs int) {
	t.Helper()
	if l, p := count(t, s.looseDir()), count(t, s.packsDir()); l != loose || p != packs {
		t.Errorf("%d loose texts and %d packs, want %d and %d", l, p, loose, packs)
	}
}

func TestPack(t *testing.T) {
	for _, tt := range []struct {
		name                string
		units, loose, packs int
	}{
		{"none", 0, 0, 0},
		{"too few", worthPacking - 1, worthPacking - 1, 0},
		{"enough", worthPacking, 0, 1},
		{"more than a pack holds", packTexts + 1, 0, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore(t)
			list := putLoose(t, s, 0, tt.units)
			for range 2 { // the second time there is nothing left to do
				if err := s.Pack(); err != nil {
					t.Fatal(err)
				}
				checkCounts(t, s, tt.loose, tt.packs)
				checkTexts(t, s, list, 0)
			}
		})
	}
}

// TestPackStays: what cannot be packed, or is damaged, stays, and keeps nothing else from it.
func TestPackStays(t *testing.T) {
	s := newStore(t)
	list := putLoose(t, s, 0, worthPacking)
	odd, err := s.PutAssembly([]byte("\x00 is in no assembly"))
	if err != nil {
		t.Fatal(err)
	}
	damaged, wrong := DigestOf([]byte("another text")), DigestOf([]byte("a third one"))
	other, err := compress([]byte("not that"), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.writeFile(s.loosePath(damaged), []byte("?")), s.writeFile(s.loosePath(wrong), other), os.WriteFile(s.loosePath("not-a-digest"), nil, 0o600), s.Pack()); err != nil {
		t.Fatal(err)
	}
	checkCounts(t, s, 4, 1)
	checkTexts(t, s, list, 0)
	if _, err := s.Blob(odd); err != nil {
		t.Error(err)
	}
	for _, d := range []Digest{damaged, wrong} {
		if _, err := s.Blob(d); err == nil || errors.Is(err, ErrNoBlob) {
			t.Errorf("damaged text: %v", err)
		}
	}
}

// TestPackKilled: whoever makes a pack may be killed once it is in its place, before what it holds is removed.
func TestPackKilled(t *testing.T) {
	s := newStore(t)
	list := putLoose(t, s, 0, worthPacking)
	before := map[string][]byte{}
	for _, d := range list {
		data, err := os.ReadFile(s.loosePath(d))
		if err != nil {
			t.Fatal(err)
		}
		before[s.loosePath(d)] = data
	}
	if err := s.Pack(); err != nil {
		t.Fatal(err)
	}
	for path, data := range before {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	checkTexts(t, s, list, 0)
	if err := s.Pack(); err != nil {
		t.Fatal(err)
	}
	checkCounts(t, s, 0, 1)
	checkTexts(t, s, list, 0)
}

// TestPackedMeanwhile: who reads while others pack, and write, finds everything.
func TestPackedMeanwhile(t *testing.T) {
	s := newStore(t)
	reader, err := OpenStore(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for part := range 4 {
		all.Add(2)
		list := putLoose(t, s, part*40, part*40+40)
		go func() {
			defer all.Done()
			for i, d := range list {
				if got, err := reader.Blob(d); err != nil || string(got) != asmText(part*40+i) {
					t.Errorf("unit %d: %v", part*40+i, err)
				}
			}
		}()
		go func() {
			defer all.Done()
			own, err := OpenStore(s.Dir())
			if err == nil {
				err = own.Pack()
			}
			if err != nil {
				t.Error(err)
			}
		}()
	}
	all.Wait()
}

// TestPackedAnew: who knows of a pack finds what it held in the one that took its place.
func TestPackedAnew(t *testing.T) {
	s := newStore(t)
	list := putLoose(t, s, 0, worthPacking)
	if err := s.Pack(); err != nil {
		t.Fatal(err)
	}
	reader, err := OpenStore(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if !reader.has(list[0]) {
		t.Fatal("it is not there")
	}
	needed := append(putLoose(t, s, 100, 100+worthPacking), list[0])
	for i, d := range needed {
		if err := s.AddUnit(Original, Unit{Object: fmt.Sprintf("/b/%d.o", i), AsmID: d}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Prune(); err != nil {
		t.Fatal(err)
	}
	checkCounts(t, s, 0, 1)
	if got, err := reader.Blob(list[0]); err != nil || string(got) != asmText(0) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestPackDamaged: a pack that cannot be read is an error for what it holds, by name, and for nothing else. What is compiled again is there again.
func TestPackDamaged(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func([]byte) []byte
		gone   bool // it is not known what the pack holds
	}{
		{"cut off", func(data []byte) []byte { return data[:len(data)-9] }, false},
		{"another text", func(data []byte) []byte { data[len(data)-9] ^= 1; return data }, false},
		{"no texts", func(data []byte) []byte { return data[:len(packMagic)+1+worthPacking*digestBytes] }, false},
		{"no digests", func(data []byte) []byte { return data[:len(packMagic)+1+digestBytes] }, true},
		{"empty", func([]byte) []byte { return nil }, true},
		{"something else", func(data []byte) []byte { return append([]byte("gcp9"), data[4:]...) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore(t)
			list := putLoose(t, s, 0, worthPacking)
			if err := s.Pack(); err != nil {
				t.Fatal(err)
			}
			names, err := filepath.Glob(filepath.Join(s.packsDir(), "*"))
			if err != nil || len(names) != 1 {
				t.Fatal(names, err)
			}
			data, err := os.ReadFile(names[0])
			if err == nil {
				err = os.WriteFile(names[0], tt.damage(data), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			more := putLoose(t, s, 1000, 1000+worthPacking)
			if err := s.Pack(); err != nil {
				t.Fatal(err)
			}
			checkTexts(t, s, more, 1000)
			other, err := OpenStore(s.Dir())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := other.Blob(list[0]); err == nil || errors.Is(err, ErrNoBlob) != tt.gone {
				t.Errorf("%v", err)
			}
			again := putLoose(t, s, 0, worthPacking)
			for i, d := range again {
				if err := s.AddUnit(Original, Unit{Object: fmt.Sprintf("/b/%d.o", i), AsmID: d}); err != nil {
					t.Fatal(err)
				}
			}
			checkTexts(t, s, again, 0)
			if err := s.Pack(); err != nil {
				t.Fatal(err)
			}
			checkTexts(t, s, again, 0)
			if _, err := s.Prune(); err != nil {
				t.Fatal(err)
			}
			checkTexts(t, s, again, 0)
		})
	}
}

func TestPrunePacks(t *testing.T) {
	for _, tt := range []struct {
		name         string
		needed       int // of worthPacking units in a pack
		loose, packs int
		pruned       int
	}{
		{"all", worthPacking, 0, 1, 0},
		{"half", worthPacking / 2, 0, 1, 0},
		{"less", worthPacking/2 - 1, worthPacking/2 - 1, 0, worthPacking/2 + 1},
		{"none", 0, 0, 0, worthPacking},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore(t)
			list := putLoose(t, s, 0, worthPacking)
			if err := s.Pack(); err != nil {
				t.Fatal(err)
			}
			for i, d := range list[:tt.needed] {
				if err := s.AddUnit(Original, Unit{Object: fmt.Sprintf("/b/%d.o", i), AsmID: d}); err != nil {
					t.Fatal(err)
				}
			}
			p, err := s.Prune()
			if err != nil || p.Blobs != tt.pruned {
				t.Errorf("%+v, %v", p, err)
			}
			checkCounts(t, s, tt.loose, tt.packs)
			checkTexts(t, s, list[:tt.needed], 0)
		})
	}
}

// TestPruneLoose: what is loose and not needed goes, and so does what a pack has besides; the rest is packed.
func TestPruneLoose(t *testing.T) {
	s := newStore(t)
	list := putLoose(t, s, 0, worthPacking)
	if err := s.Pack(); err != nil {
		t.Fatal(err)
	}
	twice := putLoose(t, s, 0, 1)
	needed := append(list, putLoose(t, s, 100, 100+worthPacking)...)
	putLoose(t, s, 500, 503)
	for i, d := range needed {
		if err := s.AddUnit(Original, Unit{Object: fmt.Sprintf("/b/%d.o", i), AsmID: d}); err != nil {
			t.Fatal(err)
		}
	}
	p, err := s.Prune()
	if err != nil || p.Blobs != 4 {
		t.Errorf("%+v, %v", p, err)
	}
	checkCounts(t, s, 0, 2)
	checkTexts(t, s, twice, 0)
	checkTexts(t, s, needed[:worthPacking], 0)
	checkTexts(t, s, needed[worthPacking:], 100)
}

// TestForesee: the assembly of some sources is kept in memory, whether it is loose or in a pack, and no other.
func TestForesee(t *testing.T) {
	s := newStore(t)
	const packed, all = worthPacking, worthPacking + 2
	put := func(from, to int) (list []Digest) {
		list = putLoose(t, s, from, to)
		for i, d := range list {
			name := fmt.Sprint("/t/", from+i)
			if err := s.AddUnit(Original, Unit{Dir: "/t", Source: filepath.Base(name) + ".c", Object: name + ".o", AsmID: d}); err != nil {
				t.Fatal(err)
			}
		}
		return list
	}
	list := put(0, packed)
	if err := s.Pack(); err != nil {
		t.Fatal(err)
	}
	list = append(list, put(packed, all)...)
	checkCounts(t, s, all-packed, 1)
	wanted := []int{1, packed}
	sources := map[string]bool{"/t/none.c": true}
	for _, i := range wanted {
		sources[fmt.Sprint("/t/", i, ".c")] = true
	}
	s.Foresee(sources)
	s.packs.read = nil
	if err := errors.Join(os.RemoveAll(s.packsDir()), os.RemoveAll(s.looseDir())); err != nil {
		t.Fatal(err)
	}
	for i, d := range list {
		got, err := s.Blob(d)
		if slices.Contains(wanted, i) && (err != nil || string(got) != asmText(i)) || !slices.Contains(wanted, i) && !errors.Is(err, ErrNoBlob) {
			t.Errorf("unit %d: %d bytes, %v", i, len(got), err)
		}
	}
}
