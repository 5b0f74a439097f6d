package endtoend

import (
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"gocare/internal/test/testkit"
)

// authored is a tree in which patches are made whose sources include gocare.h.
type authored struct {
	t        *testing.T
	dir      string
	original map[string]string
	edits    map[string]string // by NAME/edit and NAME/by
}

// author builds the program of actions.txtar.
func author(t *testing.T) authored {
	t.Helper()
	programs(t)
	archive, err := txtar.ParseFile("testdata/actions.txtar")
	if err != nil {
		t.Fatal(err)
	}
	a := authored{t, t.TempDir(), map[string]string{}, map[string]string{}}
	for _, f := range archive.Files {
		if strings.Contains(f.Name, "/") {
			a.edits[f.Name] = string(f.Data)
		} else {
			a.original[f.Name] = string(f.Data)
		}
	}
	writeTree(t, a.dir, a.original)
	mustRun(t, 0, a.dir, []string{"CC=carecc"}, "make")
	return a
}

// patch makes a patch of an edit and returns the directory that has it, and what patchmake said.
func (a authored) patch(id string) (patchroot string, made result) {
	a.t.Helper()
	patched := maps.Clone(a.original)
	before := a.edits[id+"/edit"]
	if !strings.Contains(patched["prog.c"], before) || before == "" {
		a.t.Fatalf("no such edit: %s", id)
	}
	patched["prog.c"] = strings.Replace(patched["prog.c"], before, a.edits[id+"/by"], 1)
	writePatch(a.t, a.dir, a.original, patched)
	patchroot = filepath.Join(a.dir, id)
	return patchroot, mustRun(a.t, 0, a.dir, []string{"LPMAKE_PATCHROOT=" + patchroot}, "patchmake", "-i", id, "fix.patch")
}

// patient is a running program.
type patient struct {
	t *testing.T
	*testkit.Proc
}

func (a authored) start(args ...string) patient {
	return patient{a.t, testkit.Start(a.t, filepath.Join(a.dir, "prog"), args...)}
}

func (p patient) on(t *testing.T) patient {
	p.t = t
	return p
}

// answers asks the program and compares what it says.
func (p patient) answers(ask, want string) {
	p.t.Helper()
	p.Send(ask)
	if got := p.Next(); got != want {
		p.t.Fatalf("asked %s: got %q, want %q", ask, got, want)
	}
}

func (p patient) carectl(want int, command string, args ...string) result {
	p.t.Helper()
	return mustRun(p.t, want, ".", nil, "carectl", append([]string{command, "-p", pid(p.Proc)}, args...)...)
}

// TestActions: what a patch has to be run is run in the stop, in its order; where one refuses or fails, the process is as it was, heap
// included.
func TestActions(t *testing.T) {
	t.Parallel()
	a := author(t)
	patchroot, _ := a.patch("actions")
	assertContains(t, mustRun(t, 0, a.dir, nil, "patchmake", "inspect", one(t, patchroot, "*.kpatch")).Stdout, `For carectl: pre-apply: first`)
	for _, tt := range []struct{ name, fail, code, says string }{
		{"before, refuses", "11", "action-refused", `pre-apply function "first" of patch actions returned 7`},
		{"before, crashes", "12", "action-failed", `pre-apply function "first" of patch actions ended with SIGSEGV`},
		{"before, hangs", "13", "action-failed", `pre-apply function "first" of patch actions has not returned in 1s`},
		{"before, aborts", "14", "action-failed", `pre-apply function "first" of patch actions made the system call 234`},
		{"before, exits", "15", "action-failed", `pre-apply function "first" of patch actions made the system call 231`},
		{"before, sleeps", "16", "action-failed", `pre-apply function "first" of patch actions has not returned in 1s`},
		{"behind, refuses", "21", "action-refused", `post-apply function "second" of patch actions returned 7`},
		{"behind, crashes", "22", "action-failed", `post-apply function "second" of patch actions ended with SIGSEGV`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := a.start().on(t)
			p.answers("0", "1 0 10")
			p.Send(tt.fail)
			r := p.carectl(1, "patch", "--json", patchroot)
			assertContains(t, r.Stdout, tt.code)
			assertContains(t, r.Stderr, tt.says)
			assertContains(t, r.Stderr, "process unchanged and running")
			p.answers("0", "2 0 10")
			p.Send("99")
			p.carectl(0, "patch", patchroot)
			p.answers("0", "1003 12 10")
		})
	}
	t.Run("next to memory that was never written", func(t *testing.T) {
		p := a.start("sparse").on(t)
		p.Send("17")
		assertContains(t, p.carectl(1, "patch", patchroot).Stderr, "returned 1")
		p.answers("0", "1 5 10")
	})
	t.Run("more memory than is kept", func(t *testing.T) {
		p := a.start("large").on(t)
		p.answers("0", "1 0 10")
		p.Send("22")
		assertContains(t, p.carectl(1, "patch", patchroot).Stderr, "outside of the program's variables may stay")
		p.answers("0", "2 0 10")
	})
	for _, tt := range []struct{ name, fail, code, says string }{
		{"removal refused", "31", "action-refused", `pre-remove function "third" of patch actions returned 7`},
		{"removal fails", "42", "action-failed", `post-remove function "fourth" of patch actions ended with SIGSEGV`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := a.start().on(t)
			p.carectl(0, "patch", patchroot)
			p.answers("0", "1001 12 10")
			p.Send(tt.fail)
			r := p.carectl(1, "unpatch", "--json", "-i", "actions")
			assertContains(t, r.Stdout, tt.code)
			assertContains(t, r.Stderr, tt.says)
			p.answers("0", "1002 12 10")
			p.Send("99")
			p.carectl(0, "unpatch", "-i", "actions")
			p.answers("0", "3 1234 10")
		})
	}
}

// TestBegunActions: where carectl is killed while functions of a patch run, recover and info say so, with what is left and what to do, until that is done.
func TestBegunActions(t *testing.T) {
	t.Parallel()
	a := author(t)
	patchroot, _ := a.patch("actions")
	says := func(t *testing.T, p patient, applied bool, change, state string) {
		t.Helper()
		listed := p.carectl(0, "info")
		if got := strings.Contains(listed.Stdout, "Applied patch number:"); got != applied {
			t.Errorf("applied: %v, want %v", got, applied)
		}
		everything := run(t, ".", nil, "carectl", "info") // at a glance first; its status is that of all processes of the machine
		for _, out := range []string{
			listed.Stdout, everything.Stdout, p.carectl(0, "info", "--json").Stdout, p.carectl(1, "recover").Stderr, p.carectl(1, "recover", "--json").Stdout,
		} {
			assertContains(t, out, "functions of patch actions of prog had begun when a carectl that "+change+" it was killed")
			assertContains(t, out, state)
			assertContains(t, out, "or restart the program")
		}
	}
	silent := func(t *testing.T, p patient) {
		t.Helper()
		if r := p.carectl(0, "info", "--json"); strings.Contains(r.Stdout, "begun") {
			t.Error(r.Stdout)
		}
	}
	for _, tt := range []struct{ name, fail, state string }{
		{"before", "18", "the patch is not applied; what they wrote to the memory of the process stays"},
		{"behind", "28", "the patch is not applied; what they wrote to the memory of the process stays"},
	} {
		t.Run("applied, "+tt.name, func(t *testing.T) {
			p := a.start().on(t)
			p.fails(tt.fail)
			p.kill("patch", patchroot)
			says(t, p, false, "applied", tt.state)
			p.fails("99")
			p.carectl(0, "patch", patchroot)
			silent(t, p)
		})
	}
	for _, tt := range []struct {
		name, fail string
		applied    bool
		state      string
	}{
		{"before", "38", true, "the patch is still applied; what they wrote to the memory of the process stays"},
		{"behind", "48", false, "the patch is removed; its functions for after that have not run to their end"},
	} {
		t.Run("removed, "+tt.name, func(t *testing.T) {
			p := a.start().on(t)
			p.carectl(0, "patch", patchroot)
			p.fails(tt.fail)
			p.kill("unpatch", "-i", "actions")
			says(t, p, tt.applied, "removed", tt.state)
			p.fails("99")
			if !tt.applied {
				p.carectl(0, "patch", patchroot)
			}
			p.carectl(0, "unpatch", "-i", "actions")
			silent(t, p)
		})
	}
}

// fails has the program's actions fail from now on in a way.
func (p patient) fails(how string) {
	p.t.Helper()
	p.Send(how)
	p.Send("0")
	p.Next()
}

// kill runs a command of carectl whose action says which process runs it, and kills that; again where it was called off before. It returns when no
// guard has anything to do with the program any more.
func (p patient) kill(command string, args ...string) {
	p.t.Helper()
	for range 10 {
		done := make(chan result)
		go func() {
			done <- run(p.t, ".", nil, "carectl", append([]string{command, "--wait=60s", "-p", pid(p.Proc)}, args...)...)
		}()
		tracer, err := strconv.Atoi(p.Next())
		if err != nil {
			p.t.Fatal(err)
		}
		_ = syscall.Kill(tracer, syscall.SIGKILL) // fails where that is over
		if r := <-done; !strings.Contains(r.Stderr, "has not returned") {
			p.carectl(1, "unpatch", "--wait=60s", "-i", "none") // waits for its turn
			return
		}
	}
	p.t.Fatal("too slow to kill carectl")
}

// TestValueUpdated: a new initial value is brought to the process, and taken back, by a patch in which no function of the program changes;
// one that was set to something else stays.
func TestValueUpdated(t *testing.T) {
	t.Parallel()
	a := author(t)
	patchroot, made := a.patch("value")
	assertContains(t, made.Stderr, `overridden by the source patch: data-changed`)
	p := a.start()
	p.answers("0", "1 0 10")
	assertContains(t, p.carectl(0, "check", patchroot).Stdout, `post-apply function "gocare_apply_limit" of patch value`)
	p.answers("0", "2 0 10")
	p.carectl(0, "patch", patchroot)
	p.answers("0", "3 0 20")
	p.carectl(0, "unpatch", "-i", "value")
	p.answers("0", "4 0 10")

	started := patient{t, testkit.Start(t, filepath.Join(programs(t), "carectl"), "run", patchroot, "--", filepath.Join(a.dir, "prog"))}
	started.answers("0", "1 0 20")
}

// TestShadowVariables: values that belong to objects without being in them are kept from one patch to the next, and end with the last one.
func TestShadowVariables(t *testing.T) {
	t.Parallel()
	a := author(t)
	first, _ := a.patch("shadow")
	second, _ := a.patch("shadow2")
	p := a.start()
	p.answers("0", "1 0 10")
	p.carectl(0, "patch", first)
	for _, want := range []string{"1 0 10", "1 0 10", "1 0 10", "-104 0 10"} {
		p.answers("0", want)
	}
	p.answers("1", "0 0 10")
	p.carectl(0, "patch", "--replace", "shadow", second)
	p.answers("0", "-205 0 10")
	p.answers("1", "0 0 10")
	p.carectl(0, "patch", "--allow", "over-patch", first)
	p.answers("0", "-106 0 10")
	p.carectl(0, "unpatch", "-i", "shadow2")
	p.answers("0", "-107 0 10")
	p.carectl(0, "unpatch", "-i", "shadow")
	p.answers("0", "2 0 10")
	p.carectl(0, "patch", first)
	p.answers("0", "2 0 10")
}
