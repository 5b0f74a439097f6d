// Package gobuild builds carecc, patchmake and carectl for tests, oracle and torture, and carectl for other machines.
//
// Input: a directory, and the sources of the module that the working directory is in. Output: the programs, in that directory.
package gobuild

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Programs builds the three programs into dir, which it makes if need be.
func Programs(ctx context.Context, dir string) error {
	return build(ctx, dir, variant{}, "gocare/cmd/carecc", "gocare/cmd/patchmake", "gocare/cmd/carectl")
}

// Traps builds the carectl that leaves traps in the code that patches replace, and returns its path, dir/traps/carectl.
func Traps(ctx context.Context, dir string) (string, error) { return traps(ctx, dir, "") }

// Carectl builds the carectls of another machine, as Go names it: dir/carectl, and dir/traps/carectl, which leaves traps.
func Carectl(ctx context.Context, dir, machine string) error {
	if err := build(ctx, dir, variant{machine: machine}, "gocare/cmd/carectl"); err != nil {
		return err
	}
	_, err := traps(ctx, dir, machine)
	return err
}

// VM builds the program that runs the virtual machine of aarch64 and returns its path.
func VM(ctx context.Context, dir string) (string, error) {
	return filepath.Join(dir, "vm"), build(ctx, dir, variant{}, "gocare/internal/test/vm")
}

func traps(ctx context.Context, dir, machine string) (string, error) {
	dir = filepath.Join(dir, "traps")
	return filepath.Join(dir, "carectl"), build(ctx, dir, variant{machine, ",traporacle"}, "gocare/cmd/carectl")
}

// variant is how to build.
type variant struct {
	machine string // as Go names it, "" for ours
	tags    string // more of them, each behind a comma
}

// build links packages as make build does: without cli's writer of manual pages, which takes time at every start.
func build(ctx context.Context, dir string, v variant, packages ...string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-buildvcs=false", "-tags=urfave_cli_no_docs" + v.tags, "-ldflags=-s -w", "-o", dir + "/"}, packages...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if v.machine != "" {
		cmd.Env = append(cmd.Env, "GOARCH="+v.machine)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}
