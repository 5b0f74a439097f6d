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
	"slices"
	"strings"
	"syscall"
	"time"
)

// config is how the programs of a row are made.
type config struct{ compiler, level, shape string }

// trial is one program made in one way.
type trial struct {
	env *environment
	config
	sample
	dir string
}

// outcome says what became of a program.
type outcome string

const (
	unfit   outcome = "unfit"   // does not compile or pass without a patch
	passed  outcome = "passed"  // with its patch, as without
	refused outcome = "refused" // no patch, for a reason with a name
	same    outcome = "same"    // the edit changes no code
	wrong   outcome = "wrong"   // anything else
)

// verdict is the outcome of a trial.
type verdict struct {
	outcome
	detail string // what was refused, or what went wrong
	functions
}

func failed(format string, args ...any) verdict {
	return verdict{outcome: wrong, detail: fmt.Sprintf(format, args...)}
}

// timeout ends any one command.
const timeout = 3 * time.Minute

// result is how a command ended.
type result struct {
	status   int // -1: by a signal, or stopped by us
	out, err string
}

func (r result) String() string {
	return strings.TrimSpace(fmt.Sprintf("status %d %s%s", r.status, r.out, r.err))
}

// run runs a command in the trial's directory, in a process group of its own, so that nothing of it is left.
func (t *trial) run(ctx context.Context, name string, args ...string) result {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.dir, &out, &errs
	cmd.Env = append(os.Environ(), "KPATCH_ASM_DIR="+filepath.Join(t.dir, ".gocare"), "KPCCREAL="+t.compiler, "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // fails when none of it is left, as it should be
	}
	r := result{status: -1, out: out.String(), err: errs.String()}
	if cmd.ProcessState != nil {
		r.status = cmd.ProcessState.ExitCode()
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		r.err += err.Error()
	} else if r.status < 0 {
		r.err += cmd.ProcessState.String()
	}
	return r
}

// host is the program around a library.
const host = "int torture_main(); int main(int n, char **v) { return torture_main(n, v); }\n"

// compile is the shell command that makes the trial's program from a source.
func (t *trial) compile() string {
	flags := strings.Join(append([]string{"-w", "-" + t.level, "-I" + t.sample.dir}, t.options...), " ")
	files := strings.Join(append(append([]string{"prog.c"}, t.sample.files...), t.env.tail, "-lm"), " ")
	switch t.shape {
	case "nopie":
		flags += " -fno-pie -no-pie"
	case "library":
		return "carecc " + flags + " -fPIC -shared -Dmain=torture_main -o libprog.so " + files + " && " +
			"carecc -o prog host.c -L. -lprog -Wl,-rpath,'$ORIGIN'"
	}
	return "carecc " + flags + " -o prog " + files
}

// try makes a trial of each kind asked for.
func (t *trial) try(ctx context.Context) map[string]verdict {
	verdicts := map[string]verdict{}
	want, err := t.original(ctx)
	for _, kind := range t.env.kinds {
		switch {
		case err != nil:
			verdicts[kind] = verdict{outcome: unfit, detail: err.Error()}
		case kind == identity:
			verdicts[kind] = t.patch(ctx, want, nil, "--identity", "*")
		default:
			verdicts[kind] = t.edit(ctx, want)
		}
	}
	return verdicts
}

// original builds the program and returns what it does.
func (t *trial) original(ctx context.Context) (want result, err error) {
	if err = errors.Join(os.RemoveAll(t.dir), os.MkdirAll(t.dir, 0o755)); err != nil {
		return want, err
	}
	err = errors.Join(t.write("prog.c", t.source), t.write("host.c", []byte(host)))
	if err != nil {
		return want, err
	}
	if r := t.run(ctx, "sh", "-c", t.compile()); r.status != 0 {
		return want, errors.New("does not compile")
	}
	if want = t.run(ctx, "./prog"); want.status != 0 {
		return want, errors.New("does not pass without a patch")
	}
	return want, nil
}

func (t *trial) write(name string, data []byte) error {
	return os.WriteFile(filepath.Join(t.dir, name), data, 0o644)
}

// edit patches the program with an edit of one of its functions.
func (t *trial) edit(ctx context.Context, want result) verdict {
	e, ok := newEdit(t.source, fmt.Sprint(t.env.seed, t.name))
	if !ok {
		return verdict{outcome: unfit, detail: "has no function to edit"}
	}
	if err := t.write("fix.patch", e.patch); err != nil {
		return failed("%v", err)
	}
	v := t.patch(ctx, want, &e, "fix.patch")
	if v.outcome != wrong {
		return v
	}
	other := *t
	other.dir, other.source = filepath.Join(t.dir, "edited"), e.source
	if got, err := other.original(ctx); err != nil || got.out != want.out {
		return verdict{outcome: unfit, detail: "is another program with the edit"}
	}
	return v
}

// patch makes a patch and runs the program with it, what it replaces overwritten by traps.
func (t *trial) patch(ctx context.Context, want result, e *edit, args ...string) verdict {
	if err := os.RemoveAll(filepath.Join(t.dir, "patchroot")); err != nil {
		return failed("%v", err)
	}
	args = append([]string{
		"--json", "--build-cmd", "[ prog -nt prog.c ] || { " + t.compile() + "; }",
		"--install-cmd", `mkdir -p "$DESTDIR" && cp prog $(ls | grep '\.so$') "$DESTDIR"`,
	}, args...)
	made := t.run(ctx, "patchmake", args...)
	explained := t.run(ctx, "patchmake", "explain", "--json")
	f, err := count([]byte(explained.out), e)
	if made.status != 0 {
		return judge(f, made)
	}
	if err != nil {
		return failed("patchmake explain: %v: %v", err, explained)
	}
	got := t.run(ctx, t.env.traps, "run", "patchroot", "--", "lpmake/prog")
	if got.status != 0 || got.out != want.out && t.run(ctx, "./prog").out == want.out { // else it prints addresses
		return verdict{wrong, fmt.Sprintf("patched: %v", got), f}
	}
	return verdict{passed, "", f}
}

// judge reads why no patch was made.
func judge(f functions, made result) verdict {
	var document struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(made.out), &document); err != nil {
		return failed("patchmake: %v", made)
	}
	switch why := document.Error; why.Code {
	case "", "bug", "failed", "environment", "usage", "build-failed":
		return failed("patchmake: %v", made)
	case "nothing-changed":
		return verdict{same, "", functions{}}
	default:
		f.patched, f.leftOut = 0, map[string]int{why.Code: f.total}
		return verdict{refused, why.Code + ": " + why.Message, f}
	}
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
