// Package jobs runs batches of commands, as many at a time as there are processors, in the tree or in a view of it, and says
// what files hold there.
//
// Input: commands, or a Question, and what makes one command run where they are to run: a view runs one at a time, so that one
// runs many. Output: what each gave, in order; a Survey. A batch ends with the program that asked for it, and with its context.
package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"gocare/internal/fault"
	"gocare/internal/isolate"
	"gocare/internal/meter"
)

// Job is one command of a batch.
type Job struct {
	Dir  string
	Env  []string // NAME=value on top of the batch's environment
	Args []string
}

// Outcome is what a job gave.
type Outcome struct {
	Stdout []byte
	Failed string // how it failed, with its standard error; "" if it did not
}

// Place makes a command run somewhere: isolate.Command in the tree as it is, the method Command of a sandbox in its view.
type Place func(context.Context, isolate.Cmd) *exec.Cmd

// childMode is the argument that makes this program run a batch.
const childMode = "run-jobs"

// RunChild must be called at the start of main, behind isolate.RunChild. In a process that was started to run a batch or to
// answer a question it does that and never returns; in any other it returns at once.
func RunChild() {
	serves := map[string]func(io.Reader, io.Writer) error{childMode: serve, surveyMode: answer}
	if len(os.Args) != 2 || serves[os.Args[1]] == nil {
		return
	}
	if err := serves[os.Args[1]](os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Run runs a batch and returns the outcomes in the order of the jobs. A batch that its context ended is an error of its own: what its jobs
// gave says nothing.
func Run(ctx context.Context, at Place, env []string, batch []Job) ([]Outcome, error) {
	switch len(batch) {
	case 0:
		return nil, nil
	case 1:
		return runAlone(ctx, at, env, batch[0])
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	input, err := json.Marshal(batch)
	if err != nil {
		return nil, err
	}
	cmd := at(ctx, isolate.Cmd{Env: env, Args: []string{self, childMode}})
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &stderr
	defer meter.Other(ctx)()
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, interrupted(ctx, len(batch))
	}
	if err != nil {
		return nil, fmt.Errorf("running %d compiles: %w: %s", len(batch), err, stderr.Bytes())
	}
	var outcomes []Outcome
	if err := json.Unmarshal(out, &outcomes); err != nil || len(outcomes) != len(batch) {
		return nil, fmt.Errorf("running %d compiles: %d outcomes: %w", len(batch), len(outcomes), err)
	}
	return outcomes, nil
}

func interrupted(ctx context.Context, compiles int) error {
	return fault.New(fault.Refused, "", "interrupted during %d compiles for the comparison", compiles).WithCause(context.Cause(ctx))
}

// runAlone runs a job that needs no batch around it.
func runAlone(ctx context.Context, at Place, env []string, j Job) ([]Outcome, error) {
	if env == nil {
		env = os.Environ()
	}
	cmd := at(ctx, isolate.Cmd{Dir: j.Dir, Env: slices.Concat(env, j.Env), Args: j.Args})
	defer meter.Other(ctx)()
	outcome := outcomeOf(cmd)
	switch {
	case ctx.Err() != nil:
		return nil, interrupted(ctx, 1)
	case cmd.ProcessState == nil || isolate.NotSetUp(cmd.ProcessState):
		return nil, fmt.Errorf("running a compile: %s", outcome.Failed)
	}
	return []Outcome{outcome}, nil
}

// serve is the other end: jobs on standard input, outcomes on standard output.
func serve(stdin io.Reader, stdout io.Writer) error {
	var batch []Job
	if err := json.NewDecoder(stdin).Decode(&batch); err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(runAll(batch, os.Environ()))
}

func runAll(batch []Job, env []string) []Outcome {
	outcomes := make([]Outcome, len(batch))
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU())
	for i, j := range batch {
		g.Go(func() error {
			outcomes[i] = j.run(env)
			return nil
		})
	}
	_ = g.Wait() // outcomes hold the failures
	return outcomes
}

func (j Job) run(env []string) Outcome {
	cmd := exec.Command(j.Args[0], j.Args[1:]...)
	cmd.Dir, cmd.Env = j.Dir, slices.Concat(env, j.Env, []string{"PWD=" + j.Dir}) // as for a job alone
	return outcomeOf(cmd)
}

func outcomeOf(cmd *exec.Cmd) Outcome {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	o := Outcome{Stdout: out}
	if err != nil {
		o.Failed = fmt.Sprintf("%v: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return o
}

// InTree is the place of commands that run in the tree as it is.
func InTree(tree string) Place {
	return func(ctx context.Context, c isolate.Cmd) *exec.Cmd {
		if c.Dir == "" {
			c.Dir = tree
		}
		return isolate.Command(ctx, c)
	}
}
