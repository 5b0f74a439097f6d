package endtoend

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

// refusal is one archive of testdata/refusals: a change that patchmake refuses, and the nearest one that it makes a patch of.
type refusal struct {
	Name      string // CODE, or CODE+VARIANT
	Code      fault.Code
	Original  map[string]string // path to text
	Refused   map[string]string // likewise, whole tree
	Neighbour map[string]string
	Flags     []string // CFLAGS; each is a build of its own
	Make      []string // VAR=VALUE
	Tools     []string
	Say       []string // what the message or the hint says
	Functions []string // of the neighbour's patch, if they matter
	// Arguments of patchmake for each of the two.
	RefusedArgs, NeighbourArgs []string
}

// refusals reads every archive of testdata/refusals.
func refusals(t *testing.T) []*refusal {
	t.Helper()
	paths, err := filepath.Glob("testdata/refusals/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no archives in testdata/refusals (%v)", err)
	}
	var all []*refusal
	for _, path := range paths {
		r, err := readRefusal(path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, r)
	}
	return all
}

// refusalDefaults are the files of an original that an archive need not hold: the sources are one program.
var refusalDefaults = map[string]string{
	"main.c": "int f(int x);\n\nint main(int argc, char **argv)\n{\n\treturn f(argc);\n}\n",
	"Makefile": `CFLAGS ?= -O2
SOURCES := $(sort $(wildcard *.c *.cc))
OBJECTS := $(addsuffix .o,$(basename $(SOURCES)))
unit.o: CFLAGS += $(UNIT_FLAGS)
LINK := $(if $(filter %.cc,$(SOURCES)),$(CXX),$(CC))

prog: $(OBJECTS)
	$(LINK) $(CFLAGS) -o $@ $(OBJECTS) $(LDFLAGS)
%.o: %.c $(wildcard *.h)
	$(CC) $(CFLAGS) -c -o $@ $<
%.o: %.cc $(wildcard *.h)
	$(CXX) $(CFLAGS) -c -o $@ $<
install: prog
	mkdir -p $(DESTDIR)
	cp prog $(DESTDIR)
clean:
	rm -f prog *.o
`,
}

func readRefusal(path string) (*refusal, error) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(filepath.Base(path), ".txtar")
	code, _, _ := strings.Cut(name, "+")
	r := &refusal{Name: name, Code: fault.Code(code), Original: maps.Clone(refusalDefaults)}
	changed := map[string]map[string]string{"refused": {}, "neighbour": {}}
	for _, f := range archive.Files {
		dir, file, _ := strings.Cut(f.Name, "/")
		switch {
		case file == "":
			return nil, fmt.Errorf("file %s is in no version", f.Name)
		case dir == "original":
			r.Original[file] = string(f.Data)
		case changed[dir] == nil:
			return nil, fmt.Errorf("file %s is in no version", f.Name)
		default:
			changed[dir][file] = string(f.Data)
		}
	}
	for file, text := range r.Original {
		if text == "" {
			delete(r.Original, file)
		}
	}
	r.Refused, r.Neighbour = maps.Clone(r.Original), maps.Clone(r.Original)
	maps.Copy(r.Refused, changed["refused"])
	maps.Copy(r.Neighbour, changed["neighbour"])
	r.directives(string(archive.Comment))
	return r, nil
}

func (r *refusal) directives(comment string) {
	for line := range strings.Lines(comment) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "flags":
			r.Flags = append(r.Flags, rest)
		case "make":
			r.Make = append(r.Make, rest)
		case "tool":
			r.Tools = append(r.Tools, rest)
		case "say":
			r.Say = append(r.Say, rest)
		case "functions":
			r.Functions = strings.Fields(rest)
		case "refused-args":
			r.RefusedArgs = strings.Fields(rest)
		case "neighbour-args":
			r.NeighbourArgs = strings.Fields(rest)
		}
	}
	if len(r.Flags) == 0 {
		r.Flags = []string{"-O2"}
	}
}

// Every archive is built once; then its refused change is refused with its code, and, with its first flags, the override of that code is
// reported, and its neighbour gives a patch.
func TestRefusals(t *testing.T) { runRefusals(t, false) }

// TestMatrixRefusals: neighbours give a patch with all flags.
func TestMatrixRefusals(t *testing.T) {
	if os.Getenv("GOCARE_MATRIX") == "" {
		t.Skip("make matrix runs this")
	}
	runRefusals(t, true)
}

func runRefusals(t *testing.T, all bool) {
	programs(t)
	for _, r := range refusals(t) {
		for i, flags := range r.Flags {
			t.Run(r.Name+"/"+strings.ReplaceAll(flags, " ", ""), func(t *testing.T) {
				testkit.Require(t, r.Tools...)
				t.Parallel()
				dir := t.TempDir()
				writeTree(t, dir, r.Original)
				env := append([]string{"CFLAGS=" + flags}, r.Make...)
				mustRun(t, 0, dir, env, "make", "CC=carecc", "CXX=carec++")
				r.refuse(t, dir, env)
				if i == 0 { // what a report says of an override does not depend on flags
					r.override(t, dir, env)
				}
				if i == 0 || all {
					r.patch(t, dir, env)
				}
			})
		}
	}
}

// document is what patchmake --json prints, for a patch or an error.
type document struct {
	Error struct {
		Code                 fault.Code
		Message, State, Hint string
	}
	Patches []struct {
		File      string
		Functions []string
	}
	Overridden []struct {
		Code    fault.Code
		Message string
		Source  bool `json:"by_source_patch"`
	}
}

// make runs patchmake for the difference of the original and another version, if there is one.
func (r *refusal) make(t *testing.T, dir string, env []string, version map[string]string, status int, args ...string) document {
	t.Helper()
	if !maps.Equal(r.Original, version) {
		writePatch(t, dir, r.Original, version)
		args = append(args, "fix.patch")
	}
	result := mustRun(t, status, dir, env, "patchmake", append([]string{"--json"}, args...)...)
	var d document
	if err := json.Unmarshal([]byte(result.Stdout), &d); err != nil {
		t.Fatalf("%v: %v", err, result)
	}
	return d
}

func (r *refusal) refuse(t *testing.T, dir string, env []string) {
	t.Helper()
	d := r.make(t, dir, env, r.Refused, 1, r.RefusedArgs...)
	if d.Error.Code != r.Code {
		t.Fatalf("refused with %q, want %q: %s", d.Error.Code, r.Code, d.Error.Message)
	}
	if d.Error.Hint == "" || d.Error.State == "" {
		t.Errorf("a refusal names the state %q and the hint %q", d.Error.State, d.Error.Hint)
	}
	for _, say := range r.Say {
		assertContains(t, d.Error.Message+"\n"+d.Error.Hint, say)
	}
	if patches, _ := filepath.Glob(filepath.Join(dir, "patchroot", "*")); len(patches) > 0 {
		t.Errorf("refused, but %q is there", patches)
	}
}

func (r *refusal) override(t *testing.T, dir string, env []string) {
	t.Helper()
	if !fault.Overridable(r.Code) {
		return
	}
	d := r.make(t, dir, env, r.Refused, 0, slices.Concat(r.RefusedArgs, []string{"--allow", string(r.Code)})...)
	if len(d.Patches) == 0 {
		t.Errorf("no patch with --allow %s", r.Code)
	}
	for _, o := range d.Overridden {
		if o.Code == r.Code && o.Message != "" {
			return
		}
	}
	t.Errorf("the report does not say that %s is overridden: %v", r.Code, d.Overridden)
}

func (r *refusal) patch(t *testing.T, dir string, env []string) {
	t.Helper()
	d := r.make(t, dir, env, r.Neighbour, 0, r.NeighbourArgs...)
	if len(d.Patches) == 0 {
		t.Fatal("the neighbour gives no patch")
	}
	for _, o := range d.Overridden {
		if o.Code == r.Code && !o.Source {
			t.Errorf("the neighbour's patch overrides %s", o.Code)
		}
	}
	var functions []string
	for _, p := range d.Patches {
		functions = append(functions, p.Functions...)
	}
	if r.Functions != nil && !slices.Equal(functions, r.Functions) {
		t.Errorf("the neighbour's patch has %q, want %q", functions, r.Functions)
	}
}
