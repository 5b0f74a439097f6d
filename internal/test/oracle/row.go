package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The goals of a row, in percent.
const (
	patchedGoal = 98
	ranGoal     = 60
)

// row is one program at one level.
type row struct {
	program, level string
	total, patched int
	leftOut        map[string]int // by reason
	counted        bool           // there is a coverage build
	ran            int            // of the patched ones, in the coverage build
	tests          int
	passed         [2]int // in the plain round, with traps
	problems       []string
	took, busy     time.Duration // by the clock and of the processors, without the coverage build
}

// row makes a row. What goes wrong is a problem of it.
func (e *environment) row(ctx context.Context, program, level string) *row {
	r := &row{program: program, level: level, leftOut: map[string]int{}}
	b := e.build(program, level)
	if err := r.make(ctx, b); err != nil {
		r.problems = append(r.problems, err.Error())
	}
	if os.Getenv("ORACLE_WORK") == "" {
		_ = os.RemoveAll(b.dir) // the whole work directory goes in the end
	}
	return r
}

func (r *row) make(ctx context.Context, b *build) error {
	covered, err := b.env.covered(ctx, r.program)
	if err != nil {
		return fmt.Errorf("coverage: %w", err)
	}
	r.counted = covered != nil
	start, used := time.Now(), processorTime()
	defer func() {
		r.took, r.busy = time.Since(start).Round(time.Second), (processorTime() - used).Round(time.Second)
	}()
	if err := b.prepare(ctx); err != nil {
		return err
	}
	p, err := b.patch(ctx)
	if err != nil {
		return err
	}
	r.total, r.patched = len(p.In)+len(p.Out), len(p.In)
	for _, reason := range p.Out {
		r.leftOut[reason]++
	}
	for f := range p.In {
		if covered.ran(f) {
			r.ran++
		}
	}
	check := b.checks
	if b.env.guest != nil {
		check = b.guestChecks
	}
	results, err := check(ctx)
	if err != nil {
		return err
	}
	want := results[unpatched]
	r.tests = len(want)
	for i, name := range rounds[1:] {
		r.compare(name, i, want, results[name])
	}
	return nil
}

const unpatched = "unpatched"

// rounds are the runs of a recipe's tests.
var rounds = []string{unpatched, "patched", "traps"}

// checks runs the recipe's tests in each round. It returns what each test printed, by round.
func (b *build) checks(ctx context.Context) (results map[string]map[string]string, err error) {
	results = map[string]map[string]string{}
	for i, carectl := range []string{"", filepath.Join(b.env.bin, "carectl"), b.env.traps} {
		if results[rounds[i]], err = b.check(ctx, rounds[i], carectl); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// processorTime is what all commands have used that have ended and were waited for.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u); err != nil {
		return 0 // never, with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// check runs the recipe's tests, with patches applied where there is a carectl, and returns what each printed.
func (b *build) check(ctx context.Context, name, carectl string) (map[string]string, error) {
	out, scratch := filepath.Join(b.dir, "out-"+name), filepath.Join(b.dir, "scratch")
	for _, dir := range []string{out, scratch} {
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, err
		}
	}
	env := []string{"OUT=" + out, "TREE=" + b.tree(), "CARECTL=" + carectl, "PATCHES=" + b.patches()}
	if err := b.step(ctx, "oracle_check", scratch, env...); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return results(name, out)
}

// results reads what the tests of a round printed.
func results(name, out string) (map[string]string, error) {
	results := map[string]string{}
	files, err := os.ReadDir(out)
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(out, f.Name()))
		if err != nil {
			return nil, err
		}
		results[f.Name()] = string(text)
	}
	if err == nil && len(results) == 0 {
		err = fmt.Errorf("%s: no tests", name)
	}
	return results, err
}

// compare counts the tests of a round that gave what they give without a patch.
func (r *row) compare(name string, round int, want, got map[string]string) {
	for _, test := range slices.Sorted(maps.Keys(want)) {
		if got[test] == want[test] {
			r.passed[round]++
			continue
		}
		r.problems = append(r.problems, fmt.Sprintf("%s: %s: %s", name, test, difference(want[test], got[test])))
	}
	for _, test := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[test]; !ok {
			r.problems = append(r.problems, fmt.Sprintf("%s: %s: not run without a patch", name, test))
		}
	}
}

// difference shows the first lines that differ.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d: %.200q, want %.200q", i+1, b[i], a[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d; the last is %.200q", len(b), len(a), b[len(b)-1])
}

// missed lists the goals that a row does not reach.
func (r *row) missed() []string {
	var list []string
	if 100*r.patched < patchedGoal*r.total {
		list = append(list, fmt.Sprintf("less than %d %% of the functions are patched", patchedGoal))
	}
	if r.counted && 100*r.ran < ranGoal*r.patched && slices.Contains([]string{"lua", "sqlite", "redis", "expat"}, r.program) {
		list = append(list, fmt.Sprintf("less than %d %% of the patched functions ran", ranGoal))
	}
	if r.tests == 0 || r.passed[0] < r.tests || r.passed[1] < r.tests {
		list = append(list, "not every test passed")
	}
	return list
}

func percent(a, b int) string {
	if b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", float64(a)*100/float64(b))
}

// print writes the row and what is behind its figures.
func (r *row) print(w io.Writer) {
	fmt.Fprintf(w, "%s %s: %d of %d functions patched (%s); %d of these ran (%s); tests passed: %d of %d patched, %d of %d with traps; %v, %v of the processors\n",
		r.program, r.level, r.patched, r.total, percent(r.patched, r.total), r.ran, percent(r.ran, r.patched),
		r.passed[0], r.tests, r.passed[1], r.tests, r.took, r.busy)
	for _, reason := range slices.Sorted(maps.Keys(r.leftOut)) {
		fmt.Fprintf(w, "    left out: %d: %s\n", r.leftOut[reason], reason)
	}
	const most = 20
	for i, p := range r.problems {
		if i == most {
			fmt.Fprintf(w, "    problem: %d more\n", len(r.problems)-most)
			break
		}
		fmt.Fprintf(w, "    problem: %s\n", strings.ReplaceAll(p, "\n", "\n        "))
	}
	for _, m := range r.missed() {
		fmt.Fprintf(w, "    missed: %s\n", m)
	}
}

// summary prints all rows as a table, and is an error if something is not as it should be.
func summary(w io.Writer, rows []*row) error {
	fmt.Fprintf(w, "\n%-12s %-5s %9s %9s %8s %8s %7s %9s %9s %8s %8s\n", "program", "level", "functions", "patched", "", "ran", "tests", "patched", "traps", "time", "busy")
	bad := 0
	for _, r := range rows {
		fmt.Fprintf(w, "%-12s %-5s %9d %9d %8s %8s %7d %9d %9d %8v %8v\n", r.program, r.level, r.total, r.patched, percent(r.patched, r.total),
			percent(r.ran, r.patched), r.tests, r.passed[0], r.passed[1], r.took, r.busy)
		if len(r.missed()) > 0 || len(r.problems) > 0 {
			bad++
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d rows fail", bad, len(rows))
	}
	return nil
}
