package main

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

	"gocare/internal/isolate"
)

// job is one command of a batch; outcome is what it gave.
type job struct {
	Dir  string
	Env  []string // NAME=value on top of the batch's environment
	Args []string
}

type outcome struct {
	Stdout []byte
	Failed string // how it failed, with its standard error; "" if it did not
}

// jobsMode is the argument that makes this program run a batch: a sandbox runs one command at a time, so that one runs
// many.
const jobsMode = "run-jobs"

// runJobs runs a batch in the box, as many at a time as there are processors, and returns the outcomes in order.
func runJobs(ctx context.Context, box *isolate.Sandbox, env []string, jobs []job) ([]outcome, error) {
	if len(jobs) == 0 {
		return nil, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	input, err := json.Marshal(jobs)
	if err != nil {
		return nil, err
	}
	cmd := box.Command(ctx, isolate.Cmd{Env: env, Args: []string{self, jobsMode}})
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &stderr
	defer others(ctx)()
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("running %d compiles in the view of the tree: %w: %s", len(jobs), err, stderr.Bytes())
	}
	var outcomes []outcome
	if err := json.Unmarshal(out, &outcomes); err != nil || len(outcomes) != len(jobs) {
		return nil, fmt.Errorf("running %d compiles in the view of the tree: %d outcomes: %w", len(jobs), len(outcomes), err)
	}
	return outcomes, nil
}

// serveJobs is the other end: jobs on standard input, outcomes on standard output.
func serveJobs(stdin io.Reader, stdout io.Writer) error {
	var jobs []job
	if err := json.NewDecoder(stdin).Decode(&jobs); err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(runHere(jobs, os.Environ()))
}

// runHere runs a batch in the tree as it is.
func runHere(jobs []job, env []string) []outcome {
	outcomes := make([]outcome, len(jobs))
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU())
	for i, j := range jobs {
		g.Go(func() error {
			outcomes[i] = j.run(env)
			return nil
		})
	}
	_ = g.Wait() // outcomes hold the failures
	return outcomes
}

func (j job) run(env []string) outcome {
	cmd := exec.Command(j.Args[0], j.Args[1:]...)
	cmd.Dir, cmd.Env = j.Dir, append(slices.Clip(env), j.Env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	o := outcome{Stdout: out}
	if err != nil {
		o.Failed = fmt.Sprintf("%v: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return o
}
