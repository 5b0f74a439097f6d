package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocare/internal/test/trial"
)

// sampleTrial is one program made in one way.
type sampleTrial struct {
	env *environment
	trial.Trial
	sample
}

// verdict is the outcome of a trial.
type verdict struct {
	trial.Outcome
	detail string // what was refused, or what went wrong
	functions
}

func failed(format string, args ...any) verdict {
	return verdict{Outcome: trial.Wrong, detail: fmt.Sprintf(format, args...)}
}

// newTrial makes a trial in a directory, or the trial of another source.
func (e *environment) newTrial(c trial.Config, s sample, dir string) *sampleTrial {
	t := &sampleTrial{env: e, sample: s}
	t.Programs, t.Config, t.Dir = e.programs, c, dir
	t.Flags = append([]string{"-I" + s.dir}, s.options...)
	t.Files = append([]string{"prog.c"}, s.files...)
	return t
}

// try makes a trial of each kind asked for.
func (t *sampleTrial) try(ctx context.Context) map[string]verdict {
	verdicts := map[string]verdict{}
	want, err := t.original(ctx)
	for _, kind := range t.env.kinds {
		switch {
		case err != nil:
			verdicts[kind] = verdict{Outcome: trial.Unfit, detail: err.Error()}
		case kind == identity:
			verdicts[kind] = t.patch(ctx, want, nil, "--identity", "*")
		default:
			verdicts[kind] = t.edit(ctx, want)
		}
	}
	return verdicts
}

// original builds the program and returns what it does.
func (t *sampleTrial) original(ctx context.Context) (want trial.Result, err error) {
	if err = errors.Join(os.RemoveAll(t.Dir), os.MkdirAll(t.Dir, 0o755)); err == nil {
		err = t.write("prog.c", t.source)
	}
	if err != nil {
		return want, err
	}
	if r := t.Record(ctx); r.Status != 0 {
		return want, errors.New("does not compile")
	}
	if want = t.RunProgram(ctx, trial.Limit, "./prog"); want.Status != 0 {
		return want, errors.New("does not pass without a patch")
	}
	return want, nil
}

func (t *sampleTrial) write(name string, data []byte) error {
	return os.WriteFile(filepath.Join(t.Dir, name), data, 0o644)
}

// edit patches the program with an edit of one of its functions.
func (t *sampleTrial) edit(ctx context.Context, want trial.Result) verdict {
	e, ok := newEdit(t.source, fmt.Sprint(t.env.seed, t.name))
	if !ok {
		return verdict{Outcome: trial.Unfit, detail: "has no function to edit"}
	}
	if err := t.write("fix.patch", e.patch); err != nil {
		return failed("%v", err)
	}
	v := t.patch(ctx, want, &e, "fix.patch")
	if v.Outcome != trial.Wrong {
		return v
	}
	with := t.sample
	with.source = e.source
	if got, err := t.env.newTrial(t.Config, with, filepath.Join(t.Dir, "edited")).original(ctx); err != nil || got.Out != want.Out {
		return verdict{Outcome: trial.Unfit, detail: "is another program with the edit"}
	}
	return v
}

// patch makes a patch and runs the program with it, what it replaces overwritten by traps.
func (t *sampleTrial) patch(ctx context.Context, want trial.Result, e *edit, args ...string) verdict {
	made := t.Make(ctx, args...)
	explained := t.Patchmake(ctx, "explain", "--json")
	f, err := count([]byte(explained.Out), e)
	if made.Status != 0 {
		return judge(f, made)
	}
	if err != nil {
		return failed("patchmake explain: %v: %v", err, explained)
	}
	got := t.RunPatched(ctx, trial.Limit)
	if got.Status != 0 || got.Out != want.Out && t.RunProgram(ctx, trial.Limit, "./prog").Out == want.Out { // else it prints addresses
		return verdict{trial.Wrong, fmt.Sprintf("patched: %v", got), f}
	}
	return verdict{trial.Passed, "", f}
}

// judge reads why no patch was made.
func judge(f functions, made trial.Result) verdict {
	outcome, why := trial.Judge(made)
	switch outcome {
	case trial.Wrong:
		return failed("patchmake: %v", made)
	case trial.Refused:
		f.patched, f.leftOut = 0, map[string]int{why.Code: f.total}
		return verdict{outcome, why.Code + ": " + why.Message, f}
	}
	return verdict{outcome, "", functions{}}
}

// functions tells what became of a program's functions.
type functions struct {
	total, patched int
	leftOut        map[string]int // by reason
	others         []string       // in the patch of an edit, but not edited; with the reason
}

// count reads what patchmake did with each function; e is the edit, if there was one.
func count(document []byte, e *edit) (f functions, err error) {
	var run struct {
		Targets []struct {
			Units []struct {
				Functions []struct{ Name, Reason string }
				InPatch   []string `json:"in_patch"`
			}
			Skipped []struct{ Function, Reason string }
		}
	}
	f.leftOut = map[string]int{}
	if err := json.Unmarshal(document, &run); err != nil {
		return f, err
	}
	for _, t := range run.Targets {
		left := map[string]bool{}
		for _, s := range t.Skipped {
			left[s.Function] = true
			f.leftOut[anonymous(s.Reason)]++
		}
		for _, u := range t.Units {
			f.total += len(u.Functions)
			for _, fn := range u.Functions {
				if !slices.Contains(u.InPatch, fn.Name) || left[fn.Name] {
					continue
				}
				f.patched++
				if name, _, _ := strings.Cut(fn.Name, "."); e != nil && name != e.function {
					f.others = append(f.others, fmt.Sprintf("%s (%s)", fn.Name, fn.Reason))
				}
			}
		}
	}
	return f, nil
}
