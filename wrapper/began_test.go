package wrapper

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"gocare/buildtree"
)

// A file that was there when its reader began has the digest of its text; one that was written since, or put in its place, is marked.
func TestReadNow(t *testing.T) {
	for _, tt := range []struct {
		name  string
		write func(dir string) error
		late  bool
	}{
		{"as it was", func(string) error { return nil }, false},
		{"written again", func(dir string) error { return os.WriteFile(dir+"/x.h", []byte("1"), 0o644) }, true},
		{"another one in its place", func(dir string) error { return os.Rename(dir+"/y.h", dir+"/x.h") }, true},
		{"a link to another one in its place", func(dir string) error {
			if err := os.Remove(dir + "/x.h"); err != nil {
				return err
			}
			return os.Symlink("y.h", dir+"/x.h")
		}, true},
		{"its time set back", func(dir string) error { return os.Chtimes(dir+"/x.h", time.Unix(1, 0), time.Unix(1, 0)) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, name := range []string{"/x.h", "/y.h"} {
				if err := os.WriteFile(dir+name, []byte("1"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			at := afterWrites(t, dir)
			if err := tt.write(dir); err != nil {
				t.Fatal(err)
			}
			r, err := buildtree.ReadNow(dir+"/x.h", at)
			if err != nil || buildtree.IsLate(r.ID) != tt.late {
				t.Errorf("%v, %v; want late: %v", r, err, tt.late)
			}
		})
	}
}

// afterWrites returns a time later than that of every file in a directory, once one that is written has it.
func afterWrites(t *testing.T, dir string) time.Time {
	last, err := os.Stat(filepath.Join(dir, "y.h"))
	if err != nil {
		t.Fatal(err)
	}
	for {
		probe := filepath.Join(t.TempDir(), "probe")
		if err := os.WriteFile(probe, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		fi, err := os.Stat(probe)
		if err != nil {
			t.Fatal(err)
		}
		if buildtree.ChangedAt(fi) > buildtree.ChangedAt(last) {
			return time.Unix(0, buildtree.ChangedAt(fi))
		}
	}
}

// A driver that is known began before now; carecc says exactly when it became one.
func TestDriverBegan(t *testing.T) {
	store, err := buildtree.CreateStore(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	now, at := began(store), processBegan(store, os.Getpid())
	if at.After(now) || now.Sub(at) > time.Hour {
		t.Errorf("this process began at %v, and it is %v", at, now)
	}
	p := &Process{Dir: store.Dir(), Env: withBegan(nil, store)}
	for _, tt := range []struct {
		name     string
		pid      int
		from, to time.Time
	}{
		{"not known", 0, now, now.Add(time.Hour)},
		{"this process", os.Getpid(), now, now.Add(time.Hour)},
		{"another one", os.Getppid(), time.Time{}, now},
	} {
		if got := p.driverBegan(store, tt.pid); got.Before(tt.from) || got.After(tt.to) {
			t.Errorf("%s: began at %v, want %v to %v", tt.name, got, tt.from, tt.to)
		}
	}
}
