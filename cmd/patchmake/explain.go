package main

import (
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
	"gocare/internal/ui"
	"gocare/patcher"
)

// lastRun is what explain reads and, with --json, prints: the decisions of the last run in a tree.
type lastRun struct {
	Targets []lastTarget `json:"targets"`
	Same    []string     `json:"same"` // sources compiled to the same object
}

type lastTarget struct {
	Path    string        `json:"path"`
	Units   []lastUnit    `json:"units"`
	Skipped []lastSkipped `json:"skipped,omitempty"` // not in the patch though chosen
}

type lastUnit struct {
	Source    string         `json:"source"`
	Functions []lastFunction `json:"functions"` // all of the unit
	InPatch   []string       `json:"in_patch"`  // names of those that are in the patch
	LeftOut   []string       `json:"left_out"`  // names of changed ones that the filter left out
}

// lastFunction is a diffasm.Function.
type lastFunction struct {
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

type lastSkipped struct {
	Unit     string `json:"unit"`
	Function string `json:"function"`
	Reason   string `json:"reason"`
}

const runFile = "run.json"

// save keeps what a run decided for explain.
func (made products) save(store *buildtree.Store, p *patcher.Plan) error {
	run := lastRun{Same: p.Same}
	for _, m := range made.list {
		t := lastTarget{Path: m.Target.Path}
		for _, u := range m.Units {
			t.Units = append(t.Units, newLastUnit(u))
		}
		for _, s := range m.Skipped {
			t.Skipped = append(t.Skipped, lastSkipped(s))
		}
		run.Targets = append(run.Targets, t)
	}
	data, err := json.Marshal(run)
	if err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(store.Dir(), runFile), data, 0o644)
}

func newLastUnit(u patcher.UnitReport) lastUnit {
	l := lastUnit{Source: u.Source, Functions: []lastFunction{}, InPatch: u.InPatch, LeftOut: u.LeftOut}
	for _, f := range u.Functions {
		l.Functions = append(l.Functions, lastFunction(f))
	}
	return l
}

func loadRun(store string) (*lastRun, error) {
	data, err := os.ReadFile(filepath.Join(store, runFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Refused, store, "no run of patchmake is recorded here").WithHint("run patchmake in this tree first")
	}
	if err != nil {
		return nil, err
	}
	run := &lastRun{}
	return run, json.Unmarshal(data, run)
}

// explain prints the last run's decisions, one function a line.
func explain(u *ui.UI) error {
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	store, err := buildtree.FindStore(cwd, os.Getenv)
	if err != nil {
		return err
	}
	run, err := loadRun(store)
	if err != nil {
		return err
	}
	for _, t := range run.Targets {
		u.Info("%s", t.Path)
		for _, unit := range t.Units {
			for _, f := range unit.Functions {
				for _, line := range explanation(unit, f) {
					u.Info("  %s", line)
				}
			}
		}
	}
	for _, source := range run.Same {
		u.Info("%s: unchanged (compiled to the same object)", source)
	}
	return u.Result(run)
}

// explanation says what became of a function: "t_zset.c: zaddGenericCommand: changed (edit, t_zset.c:1834)". For a changed
// one, the first instruction that differs follows, as it was and as it is.
func explanation(u lastUnit, f lastFunction) []string {
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
		lines = append(lines, "  was: "+orNone(f.Before), "  now: "+orNone(f.After)+at)
	}
	return lines
}
