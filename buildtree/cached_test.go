package buildtree

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An object that came without a compile has the record of the one that wrote it, in this tree or in one that stood elsewhere, if it was at
// the same place there.
func TestAdopt(t *testing.T) {
	const object = Digest("0123456789012345678901234567890123456789012345678901234567890123")
	for _, c := range []struct {
		name, wrote, linked string // places of the object below the roots of the tree that compiled it and of the one that links it
		want                bool
	}{
		{"same place", "sub/a.o", "sub/a.o", true},
		{"other place", "sub/a.o", "a.o", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			base, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			open := func(dir string) *Store {
				s, err := CreateStore(filepath.Join(base, dir))
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			cache, one, two := open("cache"), open("one/.gocare"), open("two/.gocare")
			asm, err := one.PutBlob([]byte("text"))
			if err != nil {
				t.Fatal(err)
			}
			compilers, err := one.PutBlob([]byte("compilers"))
			if err != nil {
				t.Fatal(err)
			}
			reads, err := one.PutReads([]Read{{Path: filepath.Join(base, "one/a.c"), ID: "1"}})
			if err != nil {
				t.Fatal(err)
			}
			u := Unit{Dir: filepath.Join(base, "one"), Source: "a.c", Object: filepath.Join(base, "one", c.wrote), ObjectID: object, AsmID: asm, Programs: compilers, Reads: reads}
			if err := cache.KeepCached(one, u); err != nil {
				t.Fatal(err)
			}
			l := Link{Dir: filepath.Join(base, "two"), Output: filepath.Join(base, "two/p"), Inputs: []Input{{Path: c.linked, ObjectID: object}}}
			if err := two.AddLink(Original, l); err != nil {
				t.Fatal(err)
			}
			if err := two.Adopt(cache); err != nil {
				t.Fatal(err)
			}
			r, err := two.Load(Original)
			if err != nil || (len(r.Units) == 1) != c.want {
				t.Fatalf("%+v, %v", r.Units, err)
			}
			if !c.want {
				return
			}
			if got := r.Units[0]; got.Dir != filepath.Join(base, "two") || got.Object != filepath.Join(base, "two", c.linked) {
				t.Errorf("%+v", got)
			}
			if _, err := two.Prune(); err != nil {
				t.Fatal(err)
			}
			if text, err := two.Blob(compilers); string(text) != "compilers" || err != nil {
				t.Errorf("%q, %v", text, err)
			}
			lists, err := two.ReadLists()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := lists.Get(r.Units[0].Reads); err != nil || len(got) != 1 || got[0] != (Read{filepath.Join(base, "two/a.c"), "1"}) {
				t.Errorf("%v, %v", got, err)
			}
			if text, err := two.Blob(asm); string(text) != "text" || err != nil {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
}

// A record of which assembly is gone, or that cannot be written to any more, is as good as none.
func TestAdoptDamaged(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var stores []*Store
	for _, dir := range []string{"cache", "one/.gocare", "two/.gocare"} {
		s, err := CreateStore(filepath.Join(base, dir))
		if err != nil {
			t.Fatal(err)
		}
		stores = append(stores, s)
	}
	cache, one, two := stores[0], stores[1], stores[2]
	asm, object := put(t, one, "text"), DigestOf([]byte("object"))
	if err := cache.KeepCached(one, Unit{Object: filepath.Join(base, "one/a.o"), ObjectID: object, AsmID: asm}); err != nil {
		t.Fatal(err)
	}
	l := Link{Dir: filepath.Join(base, "two"), Output: filepath.Join(base, "two/p"), Inputs: []Input{{Path: "a.o", ObjectID: object}}}
	if err := errors.Join(two.AddLink(Original, l), os.Remove(cache.blobPath(asm)), os.RemoveAll(cache.tmpDir())); err != nil {
		t.Fatal(err)
	}
	if err := two.Adopt(cache); err != nil {
		t.Error(err)
	}
	if r, err := two.Load(Original); err != nil || len(r.Units) != 0 {
		t.Errorf("%+v, %v", r.Units, err)
	}
}

// What nobody asked for in a long time is forgotten, with its blobs; what somebody did is kept.
func TestForgetCached(t *testing.T) {
	from, err := CreateStore(filepath.Join(t.TempDir(), ".gocare"))
	if err != nil {
		t.Fatal(err)
	}
	cache, err := CreateStore(filepath.Join(t.TempDir(), "cache"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	ids := map[string]Digest{}
	for name, age := range map[string]time.Duration{"old": cachedAge + time.Hour, "new": cachedAge - time.Hour} {
		asm, err := from.PutBlob([]byte(name))
		if err != nil {
			t.Fatal(err)
		}
		u := Unit{Object: "/" + name, ObjectID: DigestOf([]byte(name + ".o")), AsmID: asm}
		if err := cache.KeepCached(from, u); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(cache.cachedDir(u.ObjectID), "*"))
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		for _, file := range append(files, cache.blobPath(asm)) {
			if err := os.Chtimes(file, now, now.Add(-age)); err != nil {
				t.Fatal(err)
			}
		}
		ids[name] = asm
	}
	if err := cache.forgetCached(now); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Blob(ids["old"]); err == nil {
		t.Error("what is old is still there")
	}
	if _, err := cache.Blob(ids["new"]); err != nil {
		t.Errorf("what is not old is gone: %v", err)
	}
}
