package patcher

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/fault"
)

// Decisions are what a run decided about every function it compared, for people: kept in the store beside the plan. The names of their
// JSON fields are public.
type Decisions struct {
	Targets []targetDecisions `json:"targets"`
	Same    []string          `json:"same"` // sources compiled to the same object
}

type targetDecisions struct {
	Path    string            `json:"path"`
	Units   []unitDecisions   `json:"units"`
	Skipped []skippedFunction `json:"skipped,omitempty"` // not in the patch though chosen
}

type unitDecisions struct {
	Source    string             `json:"source"`
	Functions []functionDecision `json:"functions"` // all of the unit
	InPatch   []string           `json:"in_patch"`  // names of those that are in the patch
	LeftOut   []string           `json:"left_out"`  // names of changed ones that the filter left out
}

// functionDecision is a diffasm.Function.
type functionDecision struct {
	Name   string         `json:"name"`
	Orig   string         `json:"orig"` // "" if new
	Status diffasm.Status `json:"status"`
	Reason string         `json:"reason"`
	File   string         `json:"file"`
	Line   int            `json:"line"` // 0 if not known
	Before string         `json:"before"`
	After  string         `json:"after"`
	At     string         `json:"at"`
}

type skippedFunction struct {
	Unit     string `json:"unit"`
	Function string `json:"function"`
	Reason   string `json:"reason"`
}

const decisionsFile = "run.json"

// Decided collects what a run decided.
func Decided(p *Plan, products []Product) *Decisions {
	d := &Decisions{Same: p.Same}
	for _, m := range products {
		t := targetDecisions{Path: m.Target.Path}
		for _, u := range m.Units {
			t.Units = append(t.Units, newUnitDecisions(u))
		}
		for _, s := range m.Skipped {
			t.Skipped = append(t.Skipped, skippedFunction(s))
		}
		d.Targets = append(d.Targets, t)
	}
	return d
}

func newUnitDecisions(u UnitReport) unitDecisions {
	l := unitDecisions{Source: u.Source, Functions: []functionDecision{}, InPatch: u.InPatch, LeftOut: u.LeftOut}
	for _, f := range u.Functions {
		l.Functions = append(l.Functions, functionDecision(f))
	}
	return l
}

// Save keeps the decisions in a store.
func (d *Decisions) Save(store *buildtree.Store) error {
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(store.Dir(), decisionsFile), data, 0o644)
}

// LoadDecisions reads those that the last run kept in the store in directory dir.
func LoadDecisions(dir string) (*Decisions, error) {
	data, err := os.ReadFile(filepath.Join(dir, decisionsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Refused, dir, "no run of patchmake is recorded here").WithHint("run patchmake in this tree first")
	}
	if err != nil {
		return nil, err
	}
	d := &Decisions{}
	return d, json.Unmarshal(data, d)
}

// Lines says what became of every function, a target with its functions indented below it; then which sources are unchanged.
func (d *Decisions) Lines() (lines []string) {
	for _, t := range d.Targets {
		lines = append(lines, t.Path)
		for _, u := range t.Units {
			for _, f := range u.Functions {
				for _, line := range u.explanation(f) {
					lines = append(lines, "  "+line)
				}
			}
		}
	}
	for _, source := range d.Same {
		lines = append(lines, source+": unchanged (compiled to the same object)")
	}
	return lines
}

// explanation says what became of a function: "t_zset.c: zaddGenericCommand: changed (edit, t_zset.c:1834)". For a changed
// one, the first instruction that differs follows, as it was and as it is.
func (u unitDecisions) explanation(f functionDecision) []string {
	line := fmt.Sprintf("%s: %s: %s", u.Source, f.Name, f.Status)
	why := f.Reason
	switch {
	case f.Status == diffasm.LineOnly:
		line = fmt.Sprintf("%s: %s: %s", u.Source, f.Name, diffasm.Same)
	case f.Status != diffasm.Same && f.Line > 0 && why == "header":
		why += fmt.Sprintf(" %s:%d", filepath.Base(f.File), f.Line)
	case f.Status != diffasm.Same && f.Line > 0:
		why += fmt.Sprintf(", %s:%d", filepath.Base(f.File), f.Line)
	}
	if why != "" {
		line += " (" + why + ")"
	}
	if slices.Contains(u.LeftOut, f.Name) {
		line += ", left out by the filter"
	}
	lines := []string{line}
	if f.Status == diffasm.Changed {
		at := ""
		if f.At != "" {
			at = "  (" + filepath.Base(f.At) + ")"
		}
		lines = append(lines, "  was: "+cmp.Or(f.Before, "none"), "  now: "+cmp.Or(f.After, "none")+at)
	}
	return lines
}
