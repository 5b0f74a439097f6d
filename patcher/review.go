package patcher

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/lazyregexp"
	"gocare/planner"
)

// Review is what a reviewer of a run wants to see: the edits, and of every function that they changed its code as it was and as it is.
type Review struct {
	Compiler  string
	Patches   []string // names of the source patches
	Files     []ReviewFile
	Targets   []ReviewTarget
	Undecided []string
	Same      []string // sources compiled to the same object
	Refused   []Refusal
}

// ReviewFile is a file that the patches change.
type ReviewFile struct {
	Name string
	Rows []Row
}

// ReviewTarget is a binary with its changed units.
type ReviewTarget struct {
	Path, BuildID string
	Units         []ReviewUnit
	Imports       []string // what the patch takes from the process
	Refused       []Refusal
}

// ReviewUnit is a unit with its functions that changed, or that something became of.
type ReviewUnit struct {
	Source    string
	Functions []ReviewFunction
	Unchanged int // functions that are left out
	Refused   []Refusal
}

// ReviewFunction is a function with its code. Rows are empty where there is none, or only line numbers differ.
type ReviewFunction struct {
	Name, Status, Why, Fate string
	InPatch                 bool
	Before, After           string // the first instruction that differs
	At                      string
	Rows                    []Row
}

// Refusal is why something was not made.
type Refusal = refusalDecision

// NewReview reads what the last run in a tree left.
func NewReview(store *buildtree.Store) (*Review, error) {
	run, err := LoadDecisions(store.Dir())
	if err != nil {
		return nil, err
	}
	r := &Review{Undecided: run.Undecided, Same: run.Same, Refused: run.Refused}
	plan, err := planner.LoadPlan(store)
	if err != nil || len(run.Targets) == 0 { // refused before there was one: an older run's says nothing
		plan = &planner.Plan{}
	}
	r.Compiler = plan.Compiler
	for _, p := range plan.Patches {
		r.Patches = append(r.Patches, p.Name)
	}
	if r.Files, err = reviewFiles(store, plan.Files); err != nil {
		return nil, err
	}
	for i := range run.Targets {
		t, err := reviewTarget(store, plan, &run.Targets[i])
		if err != nil {
			return nil, err
		}
		r.Targets = append(r.Targets, t)
	}
	return r, nil
}

func reviewFiles(store *buildtree.Store, files []planner.SourceFile) (list []ReviewFile, err error) {
	same := func(line string) string { return line }
	for _, f := range files {
		name := f.New
		switch {
		case f.New == "":
			name = f.Old + " (removed)"
		case f.Old == "":
			name += " (new)"
		case f.Old != f.New:
			name = f.Old + " → " + f.New
		}
		before, err := store.Blob(f.Before)
		if err != nil {
			return nil, err
		}
		after, err := store.Blob(f.After)
		if err != nil {
			return nil, err
		}
		list = append(list, ReviewFile{Name: name, Rows: excerpt(sideBySide(textLines(before), textLines(after), same))})
	}
	return list, nil
}

func textLines(text []byte) []string {
	if len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func reviewTarget(store *buildtree.Store, plan *planner.Plan, d *targetDecisions) (ReviewTarget, error) {
	t := ReviewTarget{Path: d.Path, Imports: d.Imports, Refused: d.Refused}
	var planned planner.Target
	if i := slices.IndexFunc(plan.Targets, func(t planner.Target) bool { return t.Path == d.Path }); i >= 0 {
		planned = plan.Targets[i]
	}
	t.BuildID = planned.BuildID
	for i := range d.Units {
		u, err := reviewUnit(store, &planned, d, &d.Units[i])
		if err != nil {
			return ReviewTarget{}, err
		}
		t.Units = append(t.Units, u)
	}
	return t, nil
}

func reviewUnit(store *buildtree.Store, planned *planner.Target, t *targetDecisions, d *unitDecisions) (ReviewUnit, error) {
	u := ReviewUnit{Source: d.Source, Refused: d.Refused}
	var before, after map[string][]string
	if i := slices.IndexFunc(planned.Units, func(u planner.Unit) bool { return u.Source == d.Source }); i >= 0 {
		var err error
		if before, err = functionsOf(store, planned.Units[i].Orig); err != nil {
			return u, err
		}
		if after, err = functionsOf(store, planned.Units[i].Patched); err != nil {
			return u, err
		}
	}
	for _, f := range d.Functions {
		if !d.tells(f) {
			u.Unchanged++
			continue
		}
		fate := strings.TrimPrefix(d.fate(f, t.skipped(d.Source, f.Name)), ", ")
		rf := ReviewFunction{
			Name: f.Name, Status: string(f.Status), Why: whyChanged(f), Fate: fate, Before: f.Before, After: f.After, At: f.At,
			InPatch: slices.Contains(d.InPatch, f.Name),
		}
		if f.Status != diffasm.Same && f.Status != diffasm.LineOnly {
			was := f.Orig
			if was == "" && f.Status == diffasm.Changed {
				was = f.Name
			}
			rf.Rows = sideBySide(before[was], after[f.Name], withoutLabels)
		}
		u.Functions = append(u.Functions, rf)
	}
	return u, nil
}

// functionsOf splits assembly into the instructions and labels of its functions, by name. What is not in the store has none.
func functionsOf(store *buildtree.Store, asm buildtree.Digest) (map[string][]string, error) {
	text, err := store.Blob(asm)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	functions := map[string][]string{}
	name := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		label, isLabel := strings.CutSuffix(line, ":")
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), ".size"):
			name = ""
		case isLabel && name == "" && functionLabel.MatchString(label):
			name = label
		case name != "" && !ofDebugging.MatchString(line):
			functions[name] = append(functions[name], line)
		}
	}
	return functions, nil
}

var (
	functionLabel = lazyregexp.New(`^[A-Za-z_][\w.$]*$`)
	// ofDebugging finds the lines in a function that are no instructions, but for labels and data among them.
	ofDebugging = lazyregexp.New(`^\s*(#.*)?$|^\.(LVL|LFB|LFE|LBB|LBE|LBI|LVU|LPL|Ltmp|Lfunc)\w*:|^\s*\.(loc|cfi_\w+|file|p2align|align|type|globl|section|text|addrsig\w*)\b`)
	localLabel  = lazyregexp.New(`\.L[\w.]*\d`)
)

// withoutLabels leaves out the numbers of labels, which move with every edit above.
func withoutLabels(line string) string { return localLabel.ReplaceAllString(line, ".L") }
