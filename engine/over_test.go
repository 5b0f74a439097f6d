package engine

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gocare/internal/test/handpatch"
	"gocare/kpatch"
)

// TestOverPatch: a patch takes the place of another in a function only where it is known to have that one's change.
func TestOverPatch(t *testing.T) {
	s, program := startTicker(t, "-O2")
	build := func(id, source string, meta kpatch.Meta) *File {
		f := loadFile(t, handpatch.Build(t, handpatch.Spec{Program: program, ID: id, Source: source}))
		f.Patch.Meta.Sources, f.Patch.Meta.BuildsOn = meta.Sources, meta.BuildsOn
		return reencoded(t, f)
	}
	const first, second = "int value(int x) { return x + 50; }", "int value(int x) { return x + 60; }"
	source := func(digests ...string) (m kpatch.Meta) {
		for _, d := range digests {
			m.Sources = append(m.Sources, kpatch.SourceFile{Name: "fix.patch", SHA256: strings.Repeat(d, 64)})
		}
		return m
	}
	on := func(m kpatch.Meta, ids string) kpatch.Meta {
		m.BuildsOn = ids
		return m
	}
	for _, tt := range []struct {
		name    string
		below   kpatch.Meta
		above   kpatch.Meta
		request Request
		refused bool
	}{
		{"nothing is known", kpatch.Meta{}, kpatch.Meta{}, Request{}, true},
		{"other sources", source("a"), source("b"), Request{}, true},
		{"some of the sources", source("a", "b"), source("b", "c"), Request{}, true},
		{"the same source under another id", source("a"), source("a"), Request{}, false},
		{"all sources and more", source("a", "b"), source("b", "c", "a"), Request{}, false},
		{"says so", source("a"), on(source("b"), "0001"), Request{}, false},
		{"says so of several", source("a"), on(source("b"), "x 0001 y"), Request{}, false},
		{"says so of another", source("a"), on(source("b"), "0000 00011"), Request{}, true},
		{"the user says so", source("a"), source("b"), Request{Over: true}, false},
		{"replaced", source("a"), source("b"), Request{Replace: []string{"0001"}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			below, above := build("0001", first, tt.below), build("0002", second, tt.above)
			request := Request{Files: []*File{below}}
			if err := plannedAndApplied(t, s.p.PID, request); err != nil {
				t.Fatal(err)
			}
			tt.request.Files = []*File{above}
			err := plannedAndApplied(t, s.p.PID, tt.request)
			want := "value 100"
			if tt.refused {
				wantCode(t, err, "over-patch")
				want = "value 90"
			} else if err != nil {
				t.Error(err)
			}
			expect(t, s.ask()[:len(want)], want)
			for _, id := range []string{"0002", "0001"} {
				_, _ = revert(t, s.p.PID, Options{Wait: time.Second, Unmap: true}, id) // whichever there is
			}
			tt.request.Files = []*File{below, above}
			if tt.request.Replace == nil {
				if err := plannedAndApplied(t, s.p.PID, tt.request); (err != nil) != tt.refused {
					t.Errorf("both at one time: %v", err)
				}
			}
			for _, id := range []string{"0002", "0001"} {
				_, _ = revert(t, s.p.PID, Options{Wait: time.Second, Unmap: true}, id)
			}
		})
	}
}

// reencoded returns a patch as a file of what was changed in it.
func reencoded(t *testing.T, f *File) *File {
	t.Helper()
	data, err := kpatch.Encode(f.Patch)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "changed.kpatch")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return loadFile(t, path)
}

func plannedAndApplied(t *testing.T, pid int, r Request) error {
	t.Helper()
	h := mustHold(t, pid)
	defer h.Release()
	plan, err := h.Plan(context.Background(), r)
	if err == nil {
		_, err = h.Apply(context.Background(), plan, Options{Wait: time.Second})
	}
	return err
}
