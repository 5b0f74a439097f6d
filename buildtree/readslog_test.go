package buildtree

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLookAt: a file that still has the mark of a known line is not read again; any other is.
func TestLookAt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.h")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now().Add(time.Hour) // later than what is written
	look := func(known *numbered, later time.Duration) fileLine {
		t.Helper()
		ls := lines{}
		if known != nil {
			ls[path] = []numbered{*known}
		}
		now := time.Now().Add(later)
		l, err := ls.lookAt(path, began, now)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	write("one")
	if l := look(nil, 0); l.mark != noMark || l.id != string(DigestOf([]byte("one"))) {
		t.Errorf("just written: %+v", l)
	}
	settledLine := look(nil, time.Minute)
	if settledLine.mark == noMark {
		t.Fatal("no mark a minute later")
	}
	told := &numbered{fileLine: settledLine}
	told.id = "told"
	if l := look(told, time.Minute); l.id != "told" {
		t.Errorf("read again: %+v", l)
	}
	if l := look(told, 0); l.id == "told" {
		t.Error("believed though it may have changed just now")
	}
	began = time.Unix(0, 0)
	if l := look(told, time.Minute); l.mark != noMark || l.id != Late(string(DigestOf([]byte("one")))) {
		t.Errorf("written since the reader began: %+v", l)
	}
	began = time.Now().Add(time.Hour)
	// Another file takes its place, of the same size and time.
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	first := path
	path += ".new"
	write("two")
	if err := errors.Join(os.Chtimes(path, time.Time{}, before.ModTime()), os.Rename(path, first)); err != nil {
		t.Fatal(err)
	}
	path = first
	if l := look(told, time.Minute); l.id != string(DigestOf([]byte("two"))) {
		t.Errorf("written again: %+v", l)
	}
	told.mark = noMark
	if l := look(told, 0); l.id == "told" {
		t.Error("believed a line without a mark")
	}
}

// TestLookAtLink: the file that a link leads to has the mark of a known line, but the link was made after the reader began.
func TestLookAtLink(t *testing.T) {
	dir := t.TempDir()
	file, path := filepath.Join(dir, "a.h"), filepath.Join(dir, "link.h")
	if err := os.WriteFile(file, []byte("one"), 0o644); err != nil {
		t.Fatal(err)
	}
	var fi, link os.FileInfo
	for link == nil || ChangedAt(link) == ChangedAt(fi) { // until the clock of the file system has ticked
		os.Remove(path)
		err := os.Symlink("a.h", path)
		if err == nil {
			fi, link, err = statBoth(path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	later := time.Now().Add(time.Minute)
	known := lines{path: {{fileLine: fileLine{"told", markOf(fi, later), path}}}}
	for _, tt := range []struct {
		name  string
		began int64
		told  bool
	}{{"before the link", ChangedAt(link), false}, {"behind it", ChangedAt(link) + 1, true}} {
		l, err := known.lookAt(path, time.Unix(0, tt.began), later)
		if err != nil || (l.id == "told") != tt.told {
			t.Errorf("%s: %+v, %v", tt.name, l, err)
		}
	}
}

// TestReadsShareFiles: files that lists have in common are lines once; one that changed is a line more.
func TestReadsShareFiles(t *testing.T) {
	s := newStore(t)
	lists := [][]Read{
		{{"/t/a.c", "1"}, {"/t/a.h", "2"}, {"/usr/x.h", "@3"}, {"/t/gone.h", ""}},
		{{"/t/b.c", "4"}, {"/t/a.h", "2"}, {"/usr/x.h", "@3"}},
		{{"/t/b.c", "4"}, {"/t/a.h", "5"}, {"/usr/x.h", "@3"}},
		{{"/t/a.c", "1"}, {"/t/a.h", "2"}, {"/t/a name.h", "6"}},
		nil,
	}
	var names []Digest
	for _, l := range lists {
		d, err := s.PutReads(l)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, d)
	}
	all, err := s.ReadLists()
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range lists {
		if got, err := all.Get(names[i]); err != nil || cmp.Diff(append([]Read{}, l...), got) != "" {
			t.Errorf("list %d: %v, %v", i, got, err)
		}
	}
	text, _ := s.readFiles()
	if n := strings.Count(text, " /t/a.h\n"); n != 2 {
		t.Errorf("/t/a.h has %d lines:\n%s", n, text)
	}
	if n := strings.Count(text, " /usr/x.h\n"); n != 1 {
		t.Errorf("/usr/x.h has %d lines:\n%s", n, text)
	}
}

// TestReadsDamaged: a list of which the files are not those that it was written for is none, and what a killed writer left harms no other.
func TestReadsDamaged(t *testing.T) {
	u := Unit{Object: "/t/a.o"}
	list := []Read{{"/t/a.c", "1"}, {"/t/a.h", "2"}}
	for _, tt := range []struct {
		name   string
		damage func(*Store) error
		whole  bool
	}{
		{"nothing", func(*Store) error { return nil }, true},
		{"other files", func(s *Store) error { return os.WriteFile(s.filesPath(), []byte("2 - /t/a.h\n1 - /t/a.c\n"), 0o644) }, false},
		{"another content", func(s *Store) error { return os.WriteFile(s.filesPath(), []byte("1 - /t/a.c\n3 - /t/a.h\n"), 0o644) }, false},
		{"fewer files", func(s *Store) error { return os.WriteFile(s.filesPath(), []byte("1 - /t/a.c\n"), 0o644) }, false},
		{"no files", func(s *Store) error { return os.Remove(s.filesPath()) }, false},
		{"half a line behind them", func(s *Store) error {
			f, err := os.OpenFile(s.filesPath(), os.O_WRONLY|os.O_APPEND, 0)
			if err == nil {
				_, err = f.WriteString("7 - /t/b")
				_ = f.Close()
			}
			return err
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore(t)
			if err := s.PutReadsOf(UnitReads{&u, list}); err != nil {
				t.Fatal(err)
			}
			if err := tt.damage(s); err != nil {
				t.Fatal(err)
			}
			other := []Read{{"/t/b.c", "8"}, {"/t/b", "7"}}
			d, err := s.PutReads(other)
			if err != nil {
				t.Fatal(err)
			}
			all, err := s.ReadLists()
			if err != nil {
				t.Fatal(err)
			}
			if got, whole := all.Of(&u); whole != tt.whole || whole && cmp.Diff(list, got) != "" {
				t.Errorf("%v, %v", got, whole)
			}
			if got, err := all.Get(d); err != nil || cmp.Diff(other, got) != "" {
				t.Errorf("a list written later: %v, %v", got, err)
			}
		})
	}
	if _, err := newStore(t).PutReads([]Read{{"/t/a\nb", "1"}}); err == nil {
		t.Error("a name of two lines was kept")
	}
}

// TestReadsAtOnce: lists that several processes keep at once come back as they were, before and after pruning.
func TestReadsAtOnce(t *testing.T) {
	s := newStore(t)
	const writers, each = 8, 10
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				u := Unit{Object: fmt.Sprintf("/t/%d-%d", w, i)}
				if err := s.PutReadsOf(UnitReads{&u, []Read{{"/t/common.h", "1"}, {u.Object, fmt.Sprint(w)}, {"/t/last.h", fmt.Sprint(i)}}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	check := func(kept func(w int) bool) {
		t.Helper()
		all, err := s.ReadLists()
		if err != nil {
			t.Fatal(err)
		}
		for w := range writers {
			for i := range each {
				u := Unit{Object: fmt.Sprintf("/t/%d-%d", w, i)}
				want := []Read{{"/t/common.h", "1"}, {u.Object, fmt.Sprint(w)}, {"/t/last.h", fmt.Sprint(i)}}
				if got, known := all.Of(&u); known != kept(w) || known && cmp.Diff(want, got) != "" {
					t.Errorf("%s: %v, %v", u.Object, got, known)
				}
			}
		}
	}
	check(func(int) bool { return true })
	needed := map[Digest]bool{}
	for i := range each {
		needed[readsOf(&Unit{Object: fmt.Sprintf("/t/3-%d", i)})] = true
	}
	if err := s.pruneReads(needed, &Pruned{}); err != nil {
		t.Fatal(err)
	}
	check(func(w int) bool { return w == 3 })
	text, _ := s.readFiles()
	if strings.Contains(text, "/t/4-0\n") || !strings.Contains(text, "/t/3-0\n") {
		t.Errorf("files that no list has, or not all that one has:\n%s", text)
	}
}

// FuzzNumbers: no line makes numbers that have no file, and what is read is written in one way.
func FuzzNumbers(f *testing.F) {
	name := DigestOf(nil)
	for _, numbers := range [][]int{nil, {0}, {5, 6, 7, 2, 2, 3}} {
		line := readsLine(name, listSum{1}, numbers)
		f.Add(line[len(name)+1:])
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		const limit = 8
		sum, numbers, err := parseNumbers(text, limit)
		if err != nil {
			return
		}
		again := readsLine(name, sum, numbers)
		sum2, numbers2, err := parseNumbers(again[len(name)+1:], limit)
		if err != nil || sum2 != sum || cmp.Diff(numbers, numbers2) != "" {
			t.Errorf("%v, %v, %v", numbers, numbers2, err)
		}
		for _, n := range numbers {
			if n < 0 || n >= limit {
				t.Errorf("number %d", n)
			}
		}
	})
}
