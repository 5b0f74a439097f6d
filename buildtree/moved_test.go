package buildtree

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMoveText(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"the directory", "/old", "/new/place"},
		{"below it", "/old/a.c", "/new/place/a.c"},
		{"behind an option", "-I/old/include", "-I/new/place/include"},
		{"a value", "-DDIR=\"/old\"", "-DDIR=\"/new/place\""},
		{"several", "/old/a:/old/b", "/new/place/a:/new/place/b"},
		{"a longer name", "/older/a.c", "/older/a.c"},
		{"another directory's", "/x/old/a.c", "/x/old/a.c"},
		{"twice below another", "/x/old/old/a.c", "/x/old/old/a.c"},
		{"an archive member", "/old/l.a(m.o)", "/new/place/l.a(m.o)"},
		{"relative", "old/a.c", "old/a.c"},
	} {
		if got := (move{"/old", "/new/place"}).text(c.text); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A record follows its tree: what was below the old place is below the new one, and no other path changes.
func TestFollow(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	old, moved := filepath.Join(base, "old"), filepath.Join(base, "new")
	s, err := CreateStore(filepath.Join(old, storeName))
	if err != nil {
		t.Fatal(err)
	}
	put := func(text string) Digest {
		id, err := s.PutBlob([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	reads, err := s.PutReads([]Read{{Path: old + "/a.c", ID: "1"}, {Path: "/usr/include/x.h", ID: "@1.2"}})
	if err != nil {
		t.Fatal(err)
	}
	linked := put(" .text 0x10 0x20 " + old + "/a.o\n")
	unit := Unit{Dir: old, Argv: []string{"-I" + old}, Source: "a.c", Object: old + "/a.o", Reads: reads}
	if err := s.AddUnit(Original, unit); err != nil {
		t.Fatal(err)
	}
	if err := s.PutReadsOf(UnitReads{&unit, []Read{{Path: old + "/a.c", ID: "2"}}}); err != nil {
		t.Fatal(err)
	}
	if err := s.AddLink(Original, Link{Dir: old, Output: old + "/p", MapID: linked, Inputs: []Input{{Path: old + "/a.o"}, {Path: "/usr/lib/crt1.o"}}}); err != nil {
		t.Fatal(err)
	}
	if from, err := s.Follow(); from != "" || err != nil {
		t.Fatalf("in place: %q, %v", from, err)
	}
	if err := os.Rename(old, moved); err != nil {
		t.Fatal(err)
	}
	if s, err = OpenStore(filepath.Join(moved, storeName)); err != nil {
		t.Fatal(err)
	}
	if from, err := s.Follow(); from != old || err != nil {
		t.Fatalf("moved: %q, %v", from, err)
	}
	r, err := s.Load(Original)
	if err != nil || len(r.Units) != 1 || len(r.Links) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	lists, err := s.ReadLists()
	if err != nil {
		t.Fatal(err)
	}
	list, err := lists.Get(r.Units[0].Reads)
	if err != nil {
		t.Fatal(err)
	}
	if later, known := lists.Of(&r.Units[0]); !known || len(later) != 1 || later[0] != (Read{moved + "/a.c", "2"}) {
		t.Errorf("%v, %v", later, known)
	}
	mapText, err := s.Blob(r.Links[0].MapID)
	if err != nil {
		t.Fatal(err)
	}
	u, l := r.Units[0], r.Links[0]
	got := []string{u.Dir, u.Argv[0], u.Source, u.Object, string(FormatReads(list)), l.Dir, l.Output, l.Inputs[0].Path, l.Inputs[1].Path, string(mapText)}
	want := []string{
		moved, "-I" + moved, "a.c", moved + "/a.o", "1 " + moved + "/a.c\n@1.2 /usr/include/x.h\n", moved, moved + "/p",
		moved + "/a.o", "/usr/lib/crt1.o", " .text 0x10 0x20 " + moved + "/a.o\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if from, err := s.Follow(); from != "" || err != nil {
		t.Errorf("once more: %q, %v", from, err)
	}
}
