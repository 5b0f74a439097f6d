package jobs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/isolate"
	"gocare/internal/test/testkit"
)

// TestMain makes the test binary stand for the program: it is started anew to run a batch.
func TestMain(m *testing.M) {
	isolate.RunChild()
	RunChild()
	os.Exit(m.Run())
}

func TestRun(t *testing.T) {
	testkit.Require(t, "sh")
	dir := t.TempDir()
	got, err := Run(context.Background(), InTree(dir), []string{"PATH=" + os.Getenv("PATH"), "A=batch", "B=batch"}, []Job{
		{Dir: dir, Env: []string{"B=job"}, Args: []string{"sh", "-c", "echo $A $B; pwd"}},
		{Dir: "/", Args: []string{"sh", "-c", "echo out; echo why >&2; exit 3"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []Outcome{{Stdout: []byte("batch job\n" + dir + "\n")}, {Stdout: []byte("out\n"), Failed: "exit status 3: why"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestRunAlone: a job gives alone what it gives beside others, and one that could not begin is no outcome.
func TestRunAlone(t *testing.T) {
	testkit.Require(t, "sh")
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(".", link); err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "A=batch", "B=batch"}
	batch := []Job{
		{Dir: link, Env: []string{"B=job"}, Args: []string{"sh", "-c", "echo $A $B $PWD; pwd"}},
		{Dir: dir, Args: []string{"sh", "-c", "echo out; echo why >&2; exit 3"}},
	}
	together, err := Run(context.Background(), InTree(dir), env, batch)
	if err != nil {
		t.Fatal(err)
	}
	for i, j := range batch {
		got, err := Run(context.Background(), InTree(dir), env, []Job{j})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(together[i:i+1], got); diff != "" {
			t.Error(diff)
		}
	}
	for _, status := range []string{"125", "126"} { // of isolate: no view, no command
		broken := func(ctx context.Context, _ isolate.Cmd) *exec.Cmd {
			return exec.CommandContext(ctx, "sh", "-c", "exit "+status)
		}
		got, err := Run(context.Background(), broken, env, batch[:1])
		if (err != nil) != (status == "125") {
			t.Errorf("exit status %s: got %v, %v", status, got, err)
		}
	}
}

// TestRunEnds: a batch ends with its context, as does a job alone.
func TestRunEnds(t *testing.T) {
	testkit.Require(t, "sh", "mkfifo")
	waits := Job{Args: []string{"sh", "-c", "echo > begun; exec sleep 600"}}
	for _, batch := range [][]Job{{waits}, {waits, {Args: []string{"true"}}}} {
		ctx, cancel := context.WithCancel(context.Background())
		dir := t.TempDir()
		fifo := dir + "/begun"
		testkit.Run(t, dir, "mkfifo", fifo)
		for i := range batch {
			batch[i].Dir = dir
		}
		done := make(chan error)
		go func() {
			_, err := Run(ctx, InTree(dir), os.Environ(), batch)
			done <- err
		}()
		if _, err := os.ReadFile(fifo); err != nil { // until the job is there
			t.Fatal(err)
		}
		cancel()
		select {
		case err := <-done:
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("interrupted during %d compiles", len(batch))) {
				t.Errorf("got %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("it runs on")
		}
	}
}

// TestLook: contents are those behind symbolic links; names are those of files, not in those of version control or in skipped ones.
func TestLook(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "sub/b", ".git/c", "out/d"} {
		testkit.WriteFile(t, filepath.Join(dir, name), "text")
	}
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	at := func(names ...string) (paths []string) {
		for _, n := range names {
			paths = append(paths, filepath.Join(dir, n))
		}
		return paths
	}
	q := Question{Files: at("a", "link", "sub", "none"), Root: dir, Skip: at("out")}
	got, err := LookHere(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(at("a", "link", "sub/b"), slices.Sorted(maps.Keys(got.Names))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(at("a", "link"), slices.Sorted(maps.Keys(got.Digests))); diff != "" || got.Digests[at("a")[0]] != got.Digests[at("link")[0]] {
		t.Errorf("%v\n%s", got.Digests, diff)
	}
	other, err := Look(context.Background(), InTree(dir), nil, q)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, other); diff != "" {
		t.Errorf("another process sees (-here +there):\n%s", diff)
	}
}

// TestLookHereEnds: a survey ends with its context, among the files and among the names.
func TestLookHereEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, q := range []Question{{Files: []string{"/dev/null"}}, {Root: t.TempDir()}} {
		if _, err := q.answer(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%v: got %v", q, err)
		}
		if got, err := LookHere(ctx, q); err == nil || !strings.Contains(err.Error(), "interrupted while looking") {
			t.Errorf("%v: got %v, %v", q, got, err)
		}
	}
}
