package patcher_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"gocare/buildtree"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/test/statics"
	"gocare/internal/test/testkit"
	"gocare/internal/test/trial"
	"gocare/internal/toolexec"
	"gocare/patcher"
	"gocare/planner"
)

var (
	staticsPairs = flag.Int("statics-pairs", 3*batchSize, "how many pairs of units TestStatics makes")
	staticsSeed  = flag.Int64("statics-seed", 1, "seed of the first pair; the next has the next one")
	staticsKeep  = flag.String("statics-keep", "", "directory for pairs that go wrong")
	staticsList  = flag.Bool("statics-list", false, "list what became of every pair")
	staticsCC    = flag.String("statics-cc", "gcc clang", "compilers of TestStatics; all but the first get an eighth of the pairs")
)

// batchSize is how many units share one program.
const batchSize = 25

// sample is one pair on its way.
type sample struct {
	*statics.Pair
	parts   []part
	files   []planner.SourceFile
	patched bool     // a patch was made of it
	codes   []string // refused
	why     string   // the refusal in words
	wrong   string
}

// part is a source file of a sample.
type part struct {
	source  string // file name
	unit    planner.Unit
	changed bool
}

// object is the part's, as the linker is given it.
func (p *part) object() string { return strings.TrimSuffix(p.source, ".c") + ".o" }

// units are those that the source patch changes.
func (s *sample) units() (list []planner.Unit) {
	for _, p := range s.parts {
		if p.changed {
			list = append(list, p.unit)
		}
	}
	return list
}

func (s *sample) refused(err error) {
	var list []string
	for _, e := range allFaults(err) {
		list = append(list, string(e.Code))
	}
	if len(list) == 0 {
		s.wrong = "failed: " + err.Error()
		return
	}
	slices.Sort(list)
	s.why = err.Error()
	s.codes = slices.Compact(list)
}

// allFaults lists the refusals of a joined error.
func allFaults(err error) []*fault.Error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var list []*fault.Error
		for _, e := range joined.Unwrap() {
			list = append(list, allFaults(e)...)
		}
		return list
	}
	var e *fault.Error
	if errors.As(err, &e) && e.Code != "" {
		return []*fault.Error{e}
	}
	return nil
}

// bench makes patches for samples in a directory as patchmake does in a tree.
type bench struct {
	t     testing.TB
	store *buildtree.Store
	dir   string
	cc    string       // the compiler
	shape string       // pie, nopie or shared
	guest *trial.Guest // where the programs run, nil for here
}

// cross is what the names of the compiler and the binutils of another machine begin with.
const cross = "aarch64-linux-gnu-"

// tool is the name of a tool for the bench's machine.
func (b *bench) tool(name string) string {
	if b.guest != nil {
		return cross + name
	}
	return name
}

var shapeFlags = map[string][]string{
	"pie": {"-fPIE"}, "nopie": {"-fno-pie"}, "shared": {"-fPIC"},
}

func newBench(t testing.TB, dir, cc, shape string, guest *trial.Guest) *bench {
	store, err := buildtree.CreateStore(filepath.Join(dir, ".gocare"))
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, dir: dir, cc: cc, shape: shape, store: store, guest: guest}
}

func (b *bench) blob(data []byte, err error) buildtree.Digest {
	if err == nil {
		var id buildtree.Digest
		if id, err = b.store.PutBlob(data); err == nil {
			return id
		}
	}
	panic(err)
}

// moves are the refusals of variables that may have moved, from one unit to another, too.
var moves = []fault.Code{fault.StaticMoved, fault.StaticRenamed}

// makeAllowing makes a patch of units of the program, nil where nothing changed.
func (b *bench) makeAllowing(allowed []fault.Code, t planner.Target, files []planner.SourceFile, units ...planner.Unit) ([]byte, error) {
	t.Units = units
	made, err := patcher.Make(context.Background(), b.store, &planner.Plan{Targets: []planner.Target{t}, Files: files}, patcher.Options{
		ID: "0001", Allow: func(c fault.Code) bool { return slices.Contains(allowed, c) }, Dirs: planner.Dirs{Tree: b.dir, Source: b.dir, Installed: b.dir},
	})
	if err != nil {
		return nil, err
	}
	return made[0].Data, nil
}

// run runs a tool in a directory below the bench.
func (b *bench) run(dir, tool string, args ...string) error {
	_, err := toolexec.Run(context.Background(), toolexec.Cmd{Dir: filepath.Join(b.dir, dir), Path: tool, Args: args})
	return err
}

// compile compiles one version of a sample to assembly.
func (b *bench) compile(s *sample, source, stage string, text []byte, extra ...string) (buildtree.Digest, error) {
	dir := filepath.Join(b.dir, stage)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, source), text, 0o644); err != nil {
		return "", err
	}
	args := append(append(append([]string{"-w", "-S"}, shapeFlags[b.shape]...), s.Flags...), extra...)
	if err := b.run(stage, b.cc, append(args, source)...); err != nil {
		return "", err
	}
	data, err := os.ReadFile(filepath.Join(dir, strings.TrimSuffix(source, ".c")+".s"))
	return b.blob(data, err), err
}

// link links the original program and returns it as a target, and the program to start.
func (b *bench) link(samples []*sample) (planner.Target, string) {
	var main strings.Builder
	main.WriteString("#include <stdio.h>\ntypedef unsigned u32;\n")
	for _, s := range samples {
		fmt.Fprintf(&main, "u32 %s(u32, u32);\n", s.Entry())
	}
	main.WriteString("static u32 (*const runs[])(u32, u32) = {")
	for _, s := range samples {
		main.WriteString(s.Entry() + ", ")
	}
	fmt.Fprintf(&main, `0};
int main(void) {
	char line[64];
	for (u32 phase = 0; phase < 3; phase++) {
		for (int n = 0; runs[n]; n++)
			for (u32 i = phase * %[1]d; i < (phase + 1) * %[1]d; i++)
				printf("%%d %%u\n", n, runs[n](i * 2654435761u, i %% 5u));
		puts("end");
		fflush(stdout);
		if (!fgets(line, sizeof line, stdin))
			return 1;
	}
	return 0;
}
`, statics.Calls)
	testkit.WriteFile(b.t, filepath.Join(b.dir, "orig", "main.c"), main.String())
	var objects []string
	for _, s := range samples {
		for i := range s.parts {
			objects = append(objects, s.parts[i].object())
		}
	}
	if len(samples)%2 == 0 { // the place in the link does not matter
		slices.Reverse(objects)
	}
	must := func(err error) {
		if err != nil {
			b.t.Fatal(err)
		}
	}
	args := append([]string{"-Wl,-Map,prog.map", "-Wl,--build-id", "-o", "prog"}, objects...)
	program := "prog"
	inputs := objects
	switch b.shape {
	case "shared":
		program = "main"
		must(b.run("orig", b.tool("gcc"), append(args, "-shared", "-Wl,-soname,prog")...))
		must(b.run("orig", b.tool("gcc"), "-O1", "-w", "-o", program, "main.c", "prog", "-Wl,-rpath,$ORIGIN"))
	default:
		pie := map[string]string{"pie": "-pie", "nopie": "-no-pie"}[b.shape]
		must(b.run("orig", b.tool("gcc"), append(slices.Clone(shapeFlags[b.shape]), "-O1", "-w", "-c", "main.c")...))
		must(b.run("orig", b.tool("gcc"), append(args, "main.o", pie)...))
		inputs = append(slices.Clone(objects), "main.o")
	}
	file := func(name string) buildtree.Digest { return b.blob(os.ReadFile(filepath.Join(b.dir, "orig", name))) }
	t := planner.Target{Path: filepath.Join(b.dir, "orig", "prog"), Binary: file("prog"), Map: file("prog.map")}
	f, err := elfobj.Load(t.Path)
	must(err)
	t.BuildID, t.Machine = f.BuildID(), f.Machine
	for i, name := range inputs {
		t.Inputs = append(t.Inputs, buildtree.Input{Path: name, ObjectID: file(name), AllocID: file(name)})
		for _, s := range samples {
			for k := range s.parts {
				if s.parts[k].object() == name {
					s.parts[k].unit.Input = i
				}
			}
		}
	}
	return t, filepath.Join(b.dir, "orig", program)
}

// decide makes a patch of every sample alone; mutate, if there is one, stands in for a worse matcher.
func (b *bench) decide(t planner.Target, samples []*sample, mutate mutant) {
	for _, s := range samples {
		var allowed []fault.Code
		if mutate != nil { // what it does not pair looks as if it had moved
			s.parts, s.files = slices.Clone(s.parts), nil
			for i := range s.parts {
				s.parts[i].unit = b.mutated(s.parts[i].unit, mutate)
			}
			allowed = moves
		}
		data, err := b.makeAllowing(allowed, t, s.files, s.units()...)
		if s.patched = data != nil; err != nil {
			s.refused(err)
		}
	}
}

// patch makes one patch of all the samples that were not refused.
func (b *bench) patch(t planner.Target, samples []*sample) []byte {
	var units []planner.Unit
	var files []planner.SourceFile
	for _, s := range samples {
		if s.patched {
			units, files = append(units, s.units()...), append(files, s.files...)
		}
	}
	if len(units) == 0 {
		return nil
	}
	// Variables do not move from one pair to another, nor do they get values from there, which takes a record of what units read: each was
	// asked alone.
	data, err := b.makeAllowing(append(slices.Clone(moves), fault.StaticLost), t, files, units...)
	if err != nil {
		b.t.Fatalf("joining units that pass alone: %v", err)
	}
	return data
}

// newSample makes the pair of a seed.
func newSample(seed int64) *sample {
	return newSampleOf(statics.Make(seed, fmt.Sprintf("p%d_", seed)))
}

func newSampleOf(p *statics.Pair) *sample {
	s := &sample{Pair: p}
	for i := range p.Files() {
		s.parts = append(s.parts, part{source: fmt.Sprintf("p%d%s.c", p.Seed, []string{"", "_side"}[i])})
	}
	return s
}

// prepareAll prepares samples, as many at a time as there are processors.
func (b *bench) prepareAll(samples []*sample) {
	g := errgroup.Group{}
	g.SetLimit(runtime.NumCPU())
	for _, s := range samples {
		g.Go(func() error {
			if err := b.prepare(s); err != nil {
				return fmt.Errorf("seed %d: %w", s.Seed, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		b.t.Fatal(err)
	}
}

// batch takes samples all the way.
func batch(t testing.TB, dir, cc, shape string, guest *trial.Guest, samples []*sample) {
	b := newBench(t, dir, cc, shape, guest)
	b.prepareAll(samples)
	target, program := b.link(samples)
	b.decide(target, samples, nil)
	data := b.patch(target, samples)
	if b.live(program, data, samples) {
		return
	}
	if len(samples) == 1 {
		samples[0].wrong = "the program ended"
		return
	}
	for i, s := range samples { // find the one that ended it
		one := newSampleOf(s.Pair)
		batch(t, filepath.Join(dir, fmt.Sprint("alone", i)), cc, shape, guest, []*sample{one})
		s.wrong = one.wrong
	}
}

// tally counts what became of pairs.
type tally struct {
	pairs, patched, same, refused int
	codes                         map[string]int
	byEdit                        map[string][2]int // patched, refused; of pairs with one edit
	wrong                         []*sample
}

func (c *tally) add(s *sample) {
	c.pairs++
	one := ""
	if len(s.Edits) == 1 {
		one = s.Edits[0]
	}
	n := c.byEdit[one]
	switch {
	case s.wrong != "":
		c.wrong = append(c.wrong, s)
	case len(s.codes) > 0:
		c.refused++
		n[1]++
		c.codes[strings.Join(s.codes, "+")]++
	case !s.patched:
		c.same++
	default:
		c.patched++
		n[0]++
	}
	c.byEdit[one] = n
}

func (c *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d pairs: %d patched and right, %d without a change in the code, %d refused, %d wrong\n",
		c.pairs, c.patched, c.same, c.refused, len(c.wrong))
	for _, code := range slices.Sorted(maps.Keys(c.codes)) {
		fmt.Fprintf(&b, "  refused, %s: %d\n", code, c.codes[code])
	}
	for _, e := range slices.Sorted(maps.Keys(c.byEdit)) {
		if e != "" {
			fmt.Fprintf(&b, "  only %s: %d patched, %d refused\n", e, c.byEdit[e][0], c.byEdit[e][1])
		}
	}
	return b.String()
}

// runStatics makes pairs and takes them all the way, in batches.
func runStatics(t testing.TB, cc string, seed int64, pairs int) *tally {
	c := &tally{codes: map[string]int{}, byEdit: map[string][2]int{}}
	began, top := time.Now(), t.TempDir()
	var guest *trial.Guest
	if strings.HasPrefix(cc, cross) {
		var err error
		if guest, err = trial.StartGuest(t.Context(), testkit.Root(t), top); err != nil {
			t.Fatal(err)
		}
		defer guest.Stop()
	}
	for n := 0; n < pairs; n += batchSize {
		var samples []*sample
		for i := n; i < min(n+batchSize, pairs); i++ {
			samples = append(samples, newSample(seed+int64(i)))
		}
		dir, err := os.MkdirTemp(top, "batch")
		if err != nil {
			t.Fatal(err)
		}
		batch(t, dir, cc, []string{"pie", "nopie", "shared"}[(seed+int64(n))/batchSize%3], guest, samples)
		for _, s := range samples {
			c.add(s)
			if *staticsList {
				t.Logf("seed %d %s %s: %s %s", s.Seed, s.Edits, s.Flags, s.why, s.wrong)
			}
		}
		keepWrong(t, cc, samples)
		os.RemoveAll(dir)
		if n/batchSize%20 == 19 {
			t.Logf("%s: %d pairs, %d wrong", time.Since(began).Round(time.Second), c.pairs, len(c.wrong))
		}
	}
	return c
}

// keepWrong writes down the pairs that went wrong and how to repeat them.
func keepWrong(t testing.TB, cc string, samples []*sample) {
	for _, s := range samples {
		if s.wrong == "" && !*staticsList {
			continue
		}
		if s.wrong != "" {
			t.Errorf("seed %d %s %s: %s\n\tmake statics N=1 SEED=%d COMPILERS=%s", s.Seed, s.Edits, s.Flags, s.wrong, s.Seed, cc)
		}
		if *staticsKeep == "" {
			continue
		}
		dir := filepath.Join(*staticsKeep, fmt.Sprint(s.Seed))
		for i, p := range s.parts {
			before, after := s.Source(i)
			testkit.WriteFile(t, filepath.Join(dir, p.source+".orig"), before)
			testkit.WriteFile(t, filepath.Join(dir, p.source), after)
		}
		testkit.WriteFile(t, filepath.Join(dir, "flags"), strings.Join(s.Flags, " ")+"\n"+s.wrong+"\n")
	}
}

// TestStatics patches programs with static locals in the middle of their run: each must go on as its source says, with
// the value of every variable that is still the same one, or have been refused.
func TestStatics(t *testing.T) {
	testkit.Require(t, "gcc", "as", "diff", "ptrace")
	pairs := *staticsPairs
	for _, cc := range strings.Fields(*staticsCC) {
		t.Run(cc, func(t *testing.T) {
			testkit.Require(t, cc)
			c := runStatics(t, cc, *staticsSeed, pairs)
			t.Logf("seed %d, %s", *staticsSeed, c)
			if len(c.wrong) > 0 {
				t.Errorf("%d wrong", len(c.wrong))
			}
		})
		pairs = (pairs + 7) / 8
	}
}
