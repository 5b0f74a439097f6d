package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gocare/internal/test/gobuild"
)

// environment is what all rows share.
type environment struct {
	root, work string
	bin        string             // our programs
	traps      string             // the carectl that leaves traps
	guest      *guest             // the machine that the programs run on, nil for ours
	coverage   map[string]covered // by program
}

func (e *environment) buildPrograms(ctx context.Context) (err error) {
	if err = gobuild.Programs(ctx, e.bin); err == nil {
		e.traps, err = gobuild.Traps(ctx, e.bin)
	}
	if err == nil && e.guest != nil {
		err = e.guest.buildPrograms(ctx)
	}
	return err
}

// build is a program built in one way.
type build struct {
	env     *environment
	program string
	level   string // one of levels, or coverage
	dir     string // of everything of this build
}

const coverage = "coverage"

func (e *environment) build(program, level string) *build {
	return &build{env: e, program: program, level: level, dir: filepath.Join(e.work, program+"-"+level)}
}

func (b *build) tree() string    { return filepath.Join(b.dir, "tree") }
func (b *build) install() string { return filepath.Join(b.tree(), "lpmake") }
func (b *build) patches() string { return filepath.Join(b.tree(), "patchroot") }

// step runs a function of the recipe in a directory; its output goes to a log, and to the error if it fails.
func (b *build) step(ctx context.Context, name, dir string, env ...string) error {
	return b.command(ctx, name, dir, env, "bash", filepath.Join(b.env.root, "testdata", "oracle", "lib.sh"), name)
}

// command runs a command in a process group of its own, so that nothing of it is left.
func (b *build) command(ctx context.Context, name, dir string, env []string, command string, args ...string) error {
	log, err := os.Create(filepath.Join(b.dir, name+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = append(append(b.variables(), env...), "TMPDIR="+b.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // fails when none of it is left, as it should be
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, lastLines(log.Name()))
	}
	return nil
}

func (b *build) variables() []string {
	return append(os.Environ(),
		"RECIPE="+b.program, "LEVEL="+b.level, "ROOT="+b.install(), "JOBS="+strconv.Itoa(runtime.NumCPU()), "LC_ALL=C.UTF-8", "TZ=UTC", "DL="+downloads(),
		"PATH="+b.env.bin+":"+os.Getenv("PATH"))
}

// downloads is where the corpus keeps source packages too.
func downloads() string {
	work := os.Getenv("CORPUS_WORK")
	if work == "" {
		work = filepath.Join(os.TempDir(), "gocare-corpus")
	}
	return filepath.Join(work, "dl")
}

func lastLines(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// prepare makes the source tree and configures it.
func (b *build) prepare(ctx context.Context) error {
	if err := os.RemoveAll(b.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return err
	}
	if err := b.step(ctx, "oracle_source", b.dir, "TREE="+b.tree()); err != nil {
		return err
	}
	return b.step(ctx, "oracle_configure", b.tree())
}

// unitFunction is a function of a unit.
type unitFunction struct{ Target, Unit, Name string }

// patched is what patchmake made.
type patched struct {
	In  map[unitFunction]bool
	Out map[unitFunction]string // the reason
}

// patch builds the program through patchmake, with an identity patch of all functions.
func (b *build) patch(ctx context.Context) (*patched, error) {
	script := "bash " + filepath.Join(b.env.root, "testdata", "oracle", "lib.sh") + " "
	err := b.command(ctx, "patchmake", b.tree(), nil, filepath.Join(b.env.bin, "patchmake"), "--clean", "--identity", "*", "--id", "oracle",
		"--clean-cmd", "true", "--build-cmd", script+"oracle_build", "--install-cmd", script+"oracle_install")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(b.env.bin, "patchmake"), "explain", "--json")
	var errs bytes.Buffer
	cmd.Dir, cmd.Stderr = b.tree(), &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("patchmake explain: %w\n%s", err, errs.String())
	}
	return readRun(out)
}

// leftOut is why a function is not patched that the target does not have: its linker kept the copy of another unit, or none.
const leftOut = "the linker left it out of the original"

// readRun reads what patchmake did with each function of the targets.
func readRun(document []byte) (*patched, error) {
	var run struct {
		Targets []struct {
			Path  string
			Units []struct {
				Source    string
				Functions []struct{ Name string }
				InPatch   []string `json:"in_patch"`
			}
			Skipped []struct{ Unit, Function, Reason string }
		}
	}
	if err := json.Unmarshal(document, &run); err != nil {
		return nil, err
	}
	p := &patched{In: map[unitFunction]bool{}, Out: map[unitFunction]string{}}
	for _, t := range run.Targets {
		target := filepath.Base(t.Path)
		for _, u := range t.Units {
			for _, f := range u.Functions {
				p.Out[unitFunction{target, u.Source, f.Name}] = "no reason given"
			}
			for _, name := range u.InPatch {
				p.In[unitFunction{target, u.Source, name}] = true
			}
		}
		for _, s := range t.Skipped {
			f := unitFunction{target, s.Unit, s.Function}
			delete(p.In, f)
			delete(p.Out, f)
			if s.Reason != leftOut {
				p.Out[f] = s.Reason
			}
		}
	}
	for f := range p.In {
		delete(p.Out, f)
	}
	if len(p.In) == 0 {
		return nil, errors.New("no function is in a patch")
	}
	return p, nil
}
