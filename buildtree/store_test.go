package buildtree

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func newStore(t *testing.T) *Store {
	t.Helper()
	s, err := CreateStore(filepath.Join(t.TempDir(), storeName))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOpenStoreMissing(t *testing.T) {
	if _, err := OpenStore(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("OpenStore of an empty directory: %v, want not exist", err)
	}
}

func TestBlobs(t *testing.T) {
	s := newStore(t)
	for _, data := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("movq %rax, %rbx\n"), 1<<17)} {
		d, err := s.PutBlob(data)
		if err != nil {
			t.Fatal(err)
		}
		if d != DigestOf(data) {
			t.Errorf("PutBlob of %d bytes returned %s, want %s", len(data), d, DigestOf(data))
		}
		got, err := s.Blob(d)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("Blob of %d bytes: %d bytes, %v", len(data), len(got), err)
		}
	}
	for _, d := range []Digest{"", "ab", "../../../../etc/passwd", DigestOf([]byte("absent")), Digest(strings.Repeat("A", 64))} {
		if data, err := s.Blob(d); err == nil || data != nil {
			t.Errorf("Blob(%q) = %d bytes, %v; want an error", d, len(data), err)
		}
	}
}

func TestBlobDamaged(t *testing.T) {
	s := newStore(t)
	d, err := s.PutBlob([]byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.PutBlob([]byte("two"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.blobPath(other), s.blobPath(d)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Blob(d); err == nil {
		t.Error("a blob with another one's content was accepted")
	}
}

func TestConcurrentWriters(t *testing.T) {
	s := newStore(t)
	const writers, each = 16, 20
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			own, err := OpenStore(s.Dir()) // as another process would
			if err != nil {
				t.Error(err)
				return
			}
			for i := range each {
				shared := []byte(strings.Repeat(fmt.Sprint("blob ", i), 2000))
				d, err := own.PutBlob(shared)
				if err != nil {
					t.Error(err)
				}
				argv := []string{strings.Repeat("-DLONG", 3000)} // lines longer than a pipe's atomic write
				err = own.AddUnit(Original, Unit{Object: fmt.Sprintf("/o/%d-%d.o", w, i), ObjectID: d, Argv: argv})
				if err == nil {
					err = own.LogError(Original, "test", errors.New("two\nlines"))
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	rec, err := s.Load(Original)
	if err != nil {
		t.Fatal(err)
	}
	if len(rec.Units) != writers*each || len(rec.Damaged) != 0 {
		t.Fatalf("%d units, %d damaged lines; want %d and none", len(rec.Units), len(rec.Damaged), writers*each)
	}
	for _, u := range rec.Units {
		if _, err := s.Blob(u.ObjectID); err != nil {
			t.Error(err)
		}
	}
	if errs, err := s.Errors(); err != nil || len(errs) != writers*each {
		t.Errorf("%d errors noted, %v; want %d", len(errs), err, writers*each)
	}
	if left, err := os.ReadDir(s.tmpDir()); err != nil || len(left) != 0 {
		t.Errorf("temporary files left: %v, %v", left, err)
	}
}

func TestLoadLaterReplaces(t *testing.T) {
	s := newStore(t)
	add := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	add(s.AddUnit(Original, Unit{Object: "/t/tmp.o", ObjectID: "1", Source: "a.c"}))
	add(s.AddUnit(Original, Unit{Object: "/t/b.o", ObjectID: "2", Source: "b.c"}))
	add(s.AddUnit(Original, Unit{Object: "/t/tmp.o", ObjectID: "3", Source: "c.c"}))
	add(s.AddLink(Original, Link{Output: "/t/prog", BuildID: "aa"}))
	add(s.AddLink(Original, Link{Output: "/t/prog", BuildID: "bb"}))
	add(s.AddUnit(Patched, Unit{Object: "/t/p.o"}))
	rec, err := s.Load(Original)
	if err != nil {
		t.Fatal(err)
	}
	want := &Record{
		Units: []Unit{{Object: "/t/b.o", ObjectID: "2", Source: "b.c"}, {Object: "/t/tmp.o", ObjectID: "3", Source: "c.c"}},
		Links: []Link{{Output: "/t/prog", BuildID: "bb"}},
	}
	if diff := cmp.Diff(want, rec, cmpopts.IgnoreUnexported(Record{})); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	if u := rec.UnitByObject("1"); u == nil || u.Source != "a.c" {
		t.Errorf("the unit of an object that was moved away: %v, want a.c", u)
	}
	if l := rec.LinkByOutput("/t/./prog"); l == nil || l.BuildID != "bb" {
		t.Errorf("LinkByOutput: %v", l)
	}
	add(s.Reset(Original))
	add(s.Reset(Original))
	if rec, err = s.Load(Original); err != nil || len(rec.Units)+len(rec.Links) != 0 {
		t.Errorf("after Reset: %v, %v", rec, err)
	}
	if rec, err = s.Load(Patched); err != nil || len(rec.Units) != 1 {
		t.Errorf("Reset of one stage touched the other: %v, %v", rec, err)
	}
	if _, err := s.Load("configure"); err == nil {
		t.Error("stage configure has a log")
	}
}

func TestUnfinishedLine(t *testing.T) {
	s := newStore(t)
	path := filepath.Join(s.Dir(), "original.jsonl")
	if err := os.WriteFile(path, []byte(`{"unit":{"Object":"/t/a.o","Sour`), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.AddUnit(Original, Unit{Object: "/t/b.o"}); err != nil {
		t.Fatal(err)
	}
	rec, err := s.Load(Original)
	if err != nil {
		t.Fatal(err)
	}
	if len(rec.Units) != 1 || rec.Units[0].Object != "/t/b.o" {
		t.Errorf("units %v, want /t/b.o alone", rec.Units)
	}
	if len(rec.Damaged) != 1 || !strings.Contains(rec.Damaged[0], "original.jsonl:1:") {
		t.Errorf("damaged lines %q, want line 1", rec.Damaged)
	}
}

func TestSourcesOfOneRun(t *testing.T) {
	argv := []string{"x/a.c", "-o", "p", "m.c", "y/a.c"}
	unit := func(object, source, id string) Unit {
		return Unit{Object: object, Source: source, DriverID: id, Argv: argv}
	}
	units := []Unit{unit("1", "", "7.1"), unit("2", "m.c", ""), unit("other", "", "8.1"), unit("3", "", "7.1")}
	nameSources(units)
	got := []string{units[0].Source, units[1].Source, units[2].Source, units[3].Source}
	if diff := cmp.Diff([]string{"x/a.c", "m.c", "", "y/a.c"}, got); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
}

// What root adds to a user's tree must not lock the user out.
func TestStoreBelongsToTheUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can write as another user")
	}
	root := t.TempDir()
	if err := os.Chown(root, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	s, err := CreateStore(filepath.Join(root, storeName))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutBlob([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if s, err = OpenStore(s.Dir()); err != nil {
		t.Fatal(err)
	}
	if err := s.AddUnit(Original, Unit{}); err != nil {
		t.Fatal(err)
	}
	if err := s.PutAnswer("k", "v"); err != nil || s.Answer("k") != "v" {
		t.Fatalf("tool %q, %v", s.Answer("k"), err)
	}
	n := 0
	err = filepath.WalkDir(s.Dir(), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		if statOwner(fi) != 12345 || fi.Mode()&0o444 != 0o444 {
			t.Errorf("%s belongs to %d, mode %v", path, statOwner(fi), fi.Mode())
		}
		n++
		return nil
	})
	if err != nil || n < 9 {
		t.Errorf("%d files, %v", n, err)
	}
}

func FuzzDecodeLog(f *testing.F) {
	for _, unit := range []string{`{"Object":"/a.o"}`, `{"DriverID":"1","Argv":["a.c","-x"]}`} {
		packed, err := compress([]byte(unit), 0, nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte("\n{\"unit.zst\":\"" + string(base64Text(packed)) + "\"}\n\n{\"link\":{\"Output\":\"/p\"}}\n{"))
	}
	s := storeIn(f.TempDir())
	f.Fuzz(func(t *testing.T, data []byte) {
		unpack, err := s.unpacker()
		if err != nil {
			t.Fatal(err)
		}
		defer unpack.close()
		rec := decodeLog("log", data, unpack)
		if n := len(rec.Units) + len(rec.Links) + len(rec.Damaged); n > bytes.Count(data, []byte("\n"))+1 {
			t.Errorf("%d records from %d lines", n, bytes.Count(data, []byte("\n"))+1)
		}
	})
}

// TestErrorsEnd: an error is forgotten when what it was about is recorded, or when its stage begins anew.
func TestErrorsEnd(t *testing.T) {
	s, err := CreateStore(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []struct {
		st    Stage
		where string
	}{{Original, "/t/a.o"}, {Original, "/t/b.o"}, {Patched, "/t/a.o"}, {Original, LinkOf("/t/prog")}} {
		if err := s.LogError(e.st, e.where, errors.New("disk full")); err != nil {
			t.Fatal(err)
		}
	}
	want := func(n int, when string) {
		t.Helper()
		if lines, err := s.Errors(); err != nil || len(lines) != n {
			t.Errorf("%s: %q, %v", when, lines, err)
		}
	}
	if err := s.AddUnit(Original, Unit{Dir: "/t", Source: "a.c", Object: "/t/a.o"}); err != nil {
		t.Fatal(err)
	}
	want(3, "after a unit")
	s.ForgetErrors(Original, LinkOf("/t/prog"))
	want(2, "after a link")
	if err := s.Reset(Patched); err != nil {
		t.Fatal(err)
	}
	want(1, "after the patched build begins anew")
}

// TestOldLink: a link that an older version recorded can be read, and a new one takes less space.
func TestOldLink(t *testing.T) {
	s := newStore(t)
	l := Link{Output: "/t/prog", Dir: "/t", Argv: strings.Fields(strings.Repeat("/t/object.o ", 500))}
	if err := s.add(Original, entry{Link: &l}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.Dir(), "original.jsonl")
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Output = "/t/other"
	if err := s.AddLink(Original, l); err != nil {
		t.Fatal(err)
	}
	both, err := os.ReadFile(path)
	if err != nil || (len(both)-len(old))*3 > len(old) {
		t.Errorf("%d bytes for a link, in the older way %d, %v", len(both)-len(old), len(old), err)
	}
	rec, err := s.Load(Original)
	if err != nil || len(rec.Links) != 2 || len(rec.Damaged) > 0 {
		t.Fatalf("%v, %v", rec, err)
	}
	for i, output := range []string{"/t/prog", "/t/other"} {
		if got := rec.Links[i]; got.Output != output || len(got.Argv) != 500 {
			t.Errorf("link %d: %q with %d arguments", i, got.Output, len(got.Argv))
		}
	}
}

// TestPutOutput: more time is taken for what the original's links write, which stays.
func TestPutOutput(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var text []byte
	for range 40000 {
		text = fmt.Appendf(text, "%x %s ", random.IntN(1<<12), strings.Repeat("word", random.IntN(3)))
	}
	size := map[Stage]int64{}
	for _, st := range []Stage{Original, Patched} {
		s := newStore(t)
		d, err := s.PutOutput(st, text)
		if err != nil {
			t.Fatal(err)
		}
		fi, err := os.Stat(s.blobPath(d))
		if err != nil {
			t.Fatal(err)
		}
		size[st] = fi.Size()
		if got, err := s.Blob(d); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: %d bytes, %v", st, len(got), err)
		}
	}
	if size[Original] >= size[Patched] {
		t.Errorf("%v", size)
	}
}

// TestDictionaries: where the first unit helps little with the others, one of those becomes a dictionary, too.
func TestDictionaries(t *testing.T) {
	s := newStore(t)
	argv := func(seed uint64) (list []string) {
		random := rand.New(rand.NewPCG(seed, 2))
		for range 150 {
			list = append(list, fmt.Sprintf("-D%08x", random.Uint32()))
		}
		return list
	}
	for i := range 20 {
		if err := s.AddUnit(Original, Unit{Object: fmt.Sprintf("/t/%d.o", i), Argv: argv(uint64(min(i, 1)))}); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.ReadFile(filepath.Join(s.Dir(), "original.jsonl"))
	if err != nil || len(log) > 8000 {
		t.Errorf("20 units that are alike but for the first take %d bytes, %v", len(log), err)
	}
	if n := count(t, filepath.Join(s.Dir(), "dict")); n != 2 {
		t.Errorf("%d dictionaries, want 2", n)
	}
	if rec, err := s.Load(Original); err != nil || len(rec.Units) != 20 || len(rec.Damaged) > 0 {
		t.Errorf("%v, %v", rec, err)
	}
}

// TestLoadAgain: a record that did not change is read once; one that did is read anew, whatever its length.
func TestLoadAgain(t *testing.T) {
	s := newStore(t)
	load := func(want ...string) *Record {
		t.Helper()
		r, err := s.Load(Original)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, u := range r.Units {
			got = append(got, u.Object)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		return r
	}
	add := func(object string) {
		t.Helper()
		if err := s.AddUnit(Original, Unit{Object: object}); err != nil {
			t.Fatal(err)
		}
	}
	load()
	add("/t/a.o")
	first := load("/t/a.o")
	if load("/t/a.o") != first {
		t.Error("what did not change was read again")
	}
	add("/t/b.o")
	load("/t/a.o", "/t/b.o")
	if err := s.Reset(Original); err != nil {
		t.Fatal(err)
	}
	add("/t/c.o")
	load("/t/c.o")
	if len(first.Units) != 1 {
		t.Errorf("what was loaded before changed: %d units", len(first.Units))
	}
}
