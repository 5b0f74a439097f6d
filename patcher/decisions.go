package patcher

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/fault"
	"gocare/kpatch"
	"gocare/planner"
)

// Decisions are what a run decided about every function it compared, for people: kept in the store beside the plan. The names of their
// JSON fields are public.
type Decisions struct {
	Targets   []targetDecisions `json:"targets"`
	Undecided []string          `json:"undecided,omitempty"` // paths of targets behind the one that was refused
	Same      []string          `json:"same"`                // sources compiled to the same object
	Refused   []refusalDecision `json:"refused,omitempty"`   // why the run came to no functions
}

type targetDecisions struct {
	Path    string            `json:"path"`
	Units   []unitDecisions   `json:"units"`
	Imports []string          `json:"imports,omitempty"` // symbols that the patch takes from the process
	Skipped []skippedFunction `json:"skipped,omitempty"` // not in the patch though chosen
	Refused []refusalDecision `json:"refused,omitempty"` // why no patch was made, as far as that is about no unit
}

// refusalDecision is a *fault.Error.
type refusalDecision struct {
	Code     fault.Code `json:"code,omitempty"` // "" for what is no refusal
	Function string     `json:"function,omitempty"`
	Message  string     `json:"message"`
	Hint     string     `json:"hint,omitempty"`
}

type unitDecisions struct {
	Source    string             `json:"source"`
	Functions []functionDecision `json:"functions"` // all of the unit
	InPatch   []string           `json:"in_patch"`  // names of those that are in the patch
	LeftOut   []string           `json:"left_out"`  // names of changed ones that the filter left out
	Refused   []refusalDecision  `json:"refused,omitempty"`
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

	Refused []fault.Code `json:"refused,omitempty"` // codes of the unit's refusals that are about this function
}

type skippedFunction struct {
	Unit     string `json:"unit"`
	Function string `json:"function"`
	Reason   string `json:"reason"`
}

const decisionsFile = "run.json"

// Undecided is all that is known of a run that failed before it compared functions.
func Undecided(err error) *Decisions {
	return &Decisions{Targets: []targetDecisions{}, Same: []string{}, Refused: refusals(fault.All(err), err)}
}

// Decided collects what a run decided.
func Decided(p *planner.Plan, products []Product) *Decisions {
	d := &Decisions{Same: p.Same}
	for _, m := range products {
		t := targetDecisions{Path: m.Target.Path, Refused: refusals(m.Refused, nil)}
		for _, u := range m.Units {
			t.Units = append(t.Units, newUnitDecisions(u))
		}
		if m.Patch != nil {
			t.Imports = kpatch.Summarize(m.Patch).Imports
		}
		for _, s := range m.Skipped {
			t.Skipped = append(t.Skipped, skippedFunction(s))
		}
		d.Targets = append(d.Targets, t)
	}
	for _, t := range p.Targets[min(len(products), len(p.Targets)):] {
		d.Undecided = append(d.Undecided, t.Path)
	}
	return d
}

// refusals describes errors; err stands for them where there is none.
func refusals(list []*fault.Error, err error) (out []refusalDecision) {
	for _, e := range list {
		out = append(out, refusalDecision{Code: e.Code, Function: e.Function, Message: e.Error(), Hint: e.Hint})
	}
	if out == nil && err != nil {
		out = append(out, refusalDecision{Message: err.Error()})
	}
	return out
}

func newUnitDecisions(u UnitReport) unitDecisions {
	l := unitDecisions{Source: u.Source, Functions: []functionDecision{}, InPatch: u.InPatch, LeftOut: u.LeftOut, Refused: refusals(u.Refused, nil)}
	for _, f := range u.Functions {
		d := functionDecision{
			Name: f.Name, Orig: f.Orig, Status: f.Status, Reason: f.Reason, File: f.File, Line: f.Line, Before: f.Before, After: f.After, At: f.At,
		}
		for _, e := range u.Refused {
			about := func(name string) bool { return name != "" && (name == e.Function || slices.Contains(e.Others, name)) }
			if about(f.Name) || about(f.Orig) {
				d.Refused = append(d.Refused, e.Code)
			}
		}
		l.Functions = append(l.Functions, d)
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
