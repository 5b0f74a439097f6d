package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gocare/internal/test/trial"
)

// goal is how many of the functions an identity patch must hold, in percent.
const goal = 98

// row is the whole suite made in one way and patched in one.
type row struct {
	trial.Config
	kind  string
	count map[trial.Outcome]int
	functions
}

// rows makes the rows of a config and prints what did not pass as it comes.
func (e *environment) rows(ctx context.Context, c trial.Config, list []sample) ([]*row, error) {
	rows := map[string]*row{}
	for _, kind := range e.kinds {
		rows[kind] = &row{Config: c, kind: kind, count: map[trial.Outcome]int{}, functions: functions{leftOut: map[string]int{}}}
	}
	dir := filepath.Join(e.work, strings.Join([]string{"trials", c.Compiler, c.Level, c.Shape}, "-"))
	for _, s := range list {
		t := e.newTrial(c, s, filepath.Join(dir, strings.ReplaceAll(s.name, "/", "+")))
		verdicts, keep := t.try(ctx), false
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, kind := range e.kinds {
			rows[kind].add(os.Stdout, s.name, verdicts[kind])
			keep = keep || e.keep && verdicts[kind].Outcome == trial.Wrong
		}
		if !keep {
			if err := os.RemoveAll(t.Dir); err != nil {
				return nil, err
			}
		}
	}
	var made []*row
	for _, kind := range e.kinds {
		rows[kind].print(os.Stdout)
		made = append(made, rows[kind])
	}
	return made, nil
}

func (r *row) String() string {
	return fmt.Sprintf("%-8s -%-3s %-8s %-9s", r.Compiler, r.Level, r.Shape, r.kind)
}

// add counts a verdict, and prints it where it is worth reading.
func (r *row) add(w io.Writer, name string, v verdict) {
	r.count[v.Outcome]++
	if v.Outcome == trial.Wrong || v.Outcome == trial.Refused {
		fmt.Fprintf(w, "%v%s: %s: %s\n", r, name, v.Outcome, strings.ReplaceAll(v.detail, "\n", "\n    "))
	}
	r.total += v.total
	r.patched += v.patched
	for reason, n := range v.leftOut {
		r.leftOut[reason] += n
	}
	if len(v.others) > 0 {
		fmt.Fprintf(w, "%v%s: also in the patch: %s\n", r, name, strings.Join(v.others, ", "))
	}
}

var accidental = regexp.MustCompile(`"[^"]*"|\d+`)

// anonymous is a reason without names and numbers.
func anonymous(reason string) string {
	return accidental.ReplaceAllStringFunc(reason, func(s string) string {
		if s[0] == '"' {
			return "NAME"
		}
		return "N"
	})
}

const (
	heading = "%-32s %8s %7s %8s %6s %6s %10s %8s\n"
	line    = "%v %8d %7d %8d %6d %6d %10d %8d\n"
)

// print writes the row and what was left out.
func (r *row) print(w io.Writer) {
	r.line(w)
	for _, reason := range slices.Sorted(maps.Keys(r.leftOut)) {
		if n := r.leftOut[reason]; n > 0 {
			fmt.Fprintf(w, "    left out: %d: %s\n", n, reason)
		}
	}
}

func (r *row) line(w io.Writer) {
	programs := r.count[trial.Passed] + r.count[trial.Refused] + r.count[trial.Same] + r.count[trial.Wrong]
	fmt.Fprintf(w, line, r, programs, r.count[trial.Passed], r.count[trial.Refused], r.count[trial.Same], r.count[trial.Wrong], r.total, r.patched)
}

// good reports whether the row is as it should be.
func (r *row) good() bool {
	return r.count[trial.Wrong] == 0 && r.count[trial.Passed] > 0 && (r.kind != identity || 100*r.patched >= goal*r.total)
}

// summary prints all rows as a table, and is an error if something is not as it should be.
func summary(w io.Writer, rows []*row) error {
	fmt.Fprintf(w, "\n"+heading, "", "programs", "passed", "refused", "same", "wrong", "functions", "patched")
	bad := 0
	for _, r := range rows {
		r.line(w)
		if !r.good() {
			bad++
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d rows fail", bad, len(rows))
	}
	return nil
}
