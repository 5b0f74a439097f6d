package builder

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/isolate"
	"gocare/internal/meter"
	"gocare/wrapper"
)

// step is a command of a build.
type step struct {
	what  string // for people: "the patched install"
	name  string // as Commands.line takes it
	stage buildtree.Stage
	env   []string // besides that of the stage
}

// place makes a command that runs a shell line in the tree or in a view of it.
type place func(ctx context.Context, c isolate.Cmd) *exec.Cmd

// plain is the tree itself.
func (t *Tree) plain(ctx context.Context, c isolate.Cmd) *exec.Cmd { return isolate.Command(ctx, c) }

// readOnly is the tree itself, with the rest of the system read-only where the kernel lets us.
func (t *Tree) readOnly(writable string) place {
	return func(ctx context.Context, c isolate.Cmd) *exec.Cmd {
		cmd, err := isolate.ReadOnlyCommand(ctx, t.Root, t.outside(writable, t.Store.Dir()), c)
		if err != nil {
			t.o.Say.Warn("%v: an install that ignores %s could write there", err, t.o.Commands.DestVar)
			return t.plain(ctx, c)
		}
		return cmd
	}
}

// readOnlyIn is a view of the tree, with the rest of the system read-only.
func (t *Tree) readOnlyIn(view *isolate.Sandbox, writable string) place {
	return func(ctx context.Context, c isolate.Cmd) *exec.Cmd {
		c.ReadOnly, c.Writable = true, t.outside(writable)
		return view.Command(ctx, c)
	}
}

// outside keeps the directories that are not in the tree, which is writable anyway.
func (t *Tree) outside(dirs ...string) []string {
	return slices.DeleteFunc(dirs, func(dir string) bool { return isolate.Within(dir, t.Root) })
}

// run runs one step of a build.
func (t *Tree) run(ctx context.Context, s step, in place) error {
	line, err := t.o.Commands.line(s.name, t.o.BuildDir)
	if err != nil {
		return err
	}
	done, err := wrapper.Announce(t.Store.Dir(), s.stage)
	if err != nil {
		return recordFailure(t.Store.Dir(), err)
	}
	defer done()
	cmd := in(ctx, isolate.Cmd{Dir: t.o.BuildDir, Env: t.Environ(s.stage, s.env...), Args: []string{"/bin/sh", "-c", line}})
	cmd.Stdout, cmd.Stderr = t.o.Output, t.o.Output
	t.o.Say.Progress("%s: %s", s.what, line)
	ended, shown := meter.Other(ctx), t.o.Say.Working(s.what, t.unitsDone(s))
	err = cmd.Run()
	shown()
	ended()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fault.New(fault.Refused, "", "interrupted during %s", s.what).WithCause(context.Cause(ctx)).WithState("no patch written")
	case errors.As(err, &exit):
		return t.failed(s, line, exit)
	}
	return fmt.Errorf("%s: %q: %w", s.what, line, err)
}

// unitsDone counts what a build records from now on; nil for an install.
func (t *Tree) unitsDone(s step) func() string {
	if s.name != "" {
		return nil
	}
	before, known := t.Store.Recorded(), t.known
	if s.stage == buildtree.Unpatched {
		known = 0 // what it compiles is for the record alone
	}
	return func() string {
		n := t.Store.Recorded() - before
		if n > 0 && known >= n {
			return fmt.Sprintf("%d of %d units", n, known)
		}
		if n > 0 {
			return fmt.Sprintf("%d units", n)
		}
		return ""
	}
}

func (t *Tree) failed(s step, line string, exit *exec.ExitError) error {
	e := fault.Refuse(fault.BuildFailed, "", "%s failed: %q: %v", s.what, line, exit).WithState("sources unchanged, no patch written")
	switch patched := strings.HasPrefix(s.what, "the patched "); {
	case patched && (t.o.Clean || s.name == "install"): // else make may have had nothing to do
		return e.WithHint("the output above says why; the same worked without the patch")
	case patched:
		return e.WithHint("the output above says why; --clean shows whether the same works without the patch")
	}
	if s.name == "install" {
		return e.WithHint("the output above says why; an install may write to the tree, $%s and /tmp only: see --destdir and --install-cmd", t.o.Commands.DestVar)
	}
	return e.WithHint("the output above says why; run %q by hand in %s", line, t.o.BuildDir)
}
