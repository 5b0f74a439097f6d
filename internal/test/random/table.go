package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"gocare/internal/test/trial"
)

// row counts what became of the pairs made in one way.
type row struct {
	trial.Config
	count   map[trial.Outcome]int
	changed int // of those that passed
}

// table counts what became of all pairs.
type table struct {
	rows    []*row
	refused map[string]int    // by code
	unfit   map[string]int    // by reason
	example map[string]string // of each code and reason: a seed, and what was said
	all     bool              // print what becomes of every pair
}

func newTable(rows []trial.Config) *table {
	t := &table{refused: map[string]int{}, example: map[string]string{}, unfit: map[string]int{}}
	for _, c := range rows {
		t.rows = append(t.rows, &row{Config: c, count: map[trial.Outcome]int{}})
	}
	return t
}

// add counts a pair, and prints what went wrong.
func (t *table) add(w io.Writer, p *pair, v verdict) {
	for _, r := range t.rows {
		if r.Compiler == p.Compiler && r.Level == p.Level {
			r.count[v.Outcome]++
			if v.changed {
				r.changed++
			}
		}
	}
	if t.all {
		fmt.Fprintf(w, "%d: %s, changed %v (%s): %s\n", p.seed, v.Outcome, v.changed, strings.Join(p.edits(), ", "), v.why)
	}
	switch v.Outcome {
	case trial.Wrong:
		fmt.Fprintf(w, "wrong: %s\n    %s -%s %s %s: %s\n    %s\n",
			p.repeat(), p.Compiler, p.Level, p.Shape, strings.Join(p.Flags, " "), strings.Join(p.edits(), ", "), v.why)
	case trial.Refused, trial.Unfit:
		what, why, _ := strings.Cut(v.why, ": ")
		counts := map[trial.Outcome]map[string]int{trial.Refused: t.refused, trial.Unfit: t.unfit}[v.Outcome]
		if counts[what]++; t.example[what] == "" {
			why, _, _ = strings.Cut(why, "\n")
			t.example[what] = fmt.Sprintf("seed %d (%s): %s", p.seed, strings.Join(p.edits(), ", "), why)
		}
	}
}

const (
	heading = "%-21s %-5s %7s %8s %8s %8s %6s %10s %6s\n"
	line    = "%-21s %-5s %7d %8d %8d %8d %6d %10d %6d\n"
)

// summary prints the table, and is an error if something is not as it should be.
func (t *table) summary(w io.Writer) error {
	fmt.Fprintf(w, heading, "compiler", "level", "pairs", "patched", "changed", "refused", "same", "discarded", "wrong")
	all := &row{Config: trial.Config{Compiler: "all"}, count: map[trial.Outcome]int{}}
	for _, r := range t.rows {
		r.print(w)
		for outcome, n := range r.count {
			all.count[outcome] += n
		}
		all.changed += r.changed
	}
	all.print(w)
	list(w, "refused", t.refused, t.example)
	list(w, "discarded", t.unfit, t.example)
	switch {
	case all.count[trial.Wrong] > 0:
		return fmt.Errorf("%d of %d pairs go wrong", all.count[trial.Wrong], all.pairs())
	case all.changed == 0 && all.pairs() >= 8: // one alone may be of any kind
		return fmt.Errorf("no patch of %d pairs changes what a program does", all.pairs())
	}
	return nil
}

func (r *row) pairs() (n int) {
	for _, k := range r.count {
		n += k
	}
	return n
}

func (r *row) print(w io.Writer) {
	fmt.Fprintf(w, line, r.Compiler, r.Level, r.pairs(), r.count[trial.Passed], r.changed,
		r.count[trial.Refused], r.count[trial.Same], r.count[trial.Unfit], r.count[trial.Wrong])
}

// list prints what was counted, the most frequent first, with an example of each.
func list(w io.Writer, what string, counts map[string]int, examples map[string]string) {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(counts[b]-counts[a], strings.Compare(a, b)) })
	for _, key := range keys {
		fmt.Fprintf(w, "%s: %4d  %s\n", what, counts[key], strings.TrimSpace(key+"  "+examples[key]))
	}
}
