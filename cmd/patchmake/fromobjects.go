package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/meter"
	"gocare/internal/ui"
	"gocare/kpatch"
	"gocare/patcher"
	"gocare/planner"
)

// objectFlags are those of the subcommands that make a patch of what builds left, without a record.
func objectFlags(more ...cli.Flag) []cli.Flag {
	return append(append(more,
		&cli.StringSliceFlag{Name: "target", Usage: "make the patch for the installed binary `FILE`, once the one given is proved to be the same"},
		&cli.StringFlag{Name: "id", Aliases: []string{"i"}, Value: "0001", Usage: "patch `ID`"},
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "patchroot", Usage: "write the patch into `DIR`"},
		&cli.StringFlag{Name: "as", Value: "as", Usage: "assemble with `PROGRAM`"},
		&cli.StringFlag{Name: "objdump", Value: "objdump", Usage: "disassemble with `PROGRAM`"},
		&cli.StringFlag{Name: "message", Aliases: []string{"m"}, Usage: "description `TEXT` kept in the patch"},
		cveFlag(),
		&cli.StringSliceFlag{Name: "allow", Usage: "override refusals with reason `CODE` (may repeat)"},
		&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Usage: "do everything but write the patch"},
	), outputFlags()...)
}

// fromObjects makes a patch of pairs of objects, and of the binary that was linked from the originals.
func fromObjects(c *cli.Context, u *ui.UI) error {
	from := planner.Objects{Binary: c.String("binary")}
	orig, patched := c.StringSlice("orig"), c.StringSlice("patched")
	switch {
	case c.NArg() > 0:
		return usage("from-objects takes no arguments: %q", c.Args().First())
	case len(orig) == 0:
		return usage("from-objects needs --orig FILE")
	case len(orig) != len(patched):
		return usage("from-objects needs a --patched FILE for each --orig FILE, in the same order: %d and %d are given", len(patched), len(orig))
	case from.Binary == "":
		return usage("from-objects needs --binary FILE")
	}
	for i := range orig {
		from.Pairs = append(from.Pairs, planner.ObjectPair{Orig: orig[i], Patched: patched[i]})
	}
	return makeFromObjects(c, u, from, planner.PlanObjects)
}

// fromBinaries makes a patch of two versions of a program.
func fromBinaries(c *cli.Context, u *ui.UI) error {
	orig, patched := c.String("orig"), c.String("patched")
	switch {
	case c.NArg() > 0:
		return usage("from-binaries takes no arguments: %q", c.Args().First())
	case orig == "":
		return usage("from-binaries needs --orig FILE")
	case patched == "":
		return usage("from-binaries needs --patched FILE")
	}
	return makeFromObjects(c, u, planner.Objects{}, func(ctx context.Context, o planner.Objects) (*planner.Plan, error) {
		return planner.PlanBinaries(ctx, planner.Binaries{Objects: o, Orig: orig, Patched: patched})
	})
}

// makeFromObjects compares the units, and makes the patch as patchmake does.
func makeFromObjects(c *cli.Context, u *ui.UI, from planner.Objects, compare func(context.Context, planner.Objects) (*planner.Plan, error)) error {
	w, err := objectWorkspace(c, u)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "patchmake-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if from.Store, err = buildtree.CreateStore(filepath.Join(dir, "objects")); err != nil {
		return err
	}
	for _, tool := range []struct {
		name string
		path *string
	}{{c.String("as"), &from.As}, {c.String("objdump"), &from.Objdump}} {
		if *tool.path, err = exec.LookPath(tool.name); err != nil {
			return fault.New(fault.Environment, tool.name, "cannot run it").WithCause(err).WithHint("install binutils")
		}
	}
	from.Allow = w.o.allows
	ctx, m := meter.With(c.Context)
	plan, err := compare(ctx, from)
	if err != nil {
		return fault.Leaves(err, "no patch written")
	}
	list, err := patcher.Make(ctx, from.Store, plan, patcher.Options{
		ID: w.o.ID, Shipped: w.shipped, Description: w.o.Description, CVEs: w.o.CVEs, BuildTime: w.o.BuildTime, Allow: w.o.allows,
	})
	if err != nil {
		return err
	}
	made := products{list, plan.Overridden}
	w.reportChoices(w.filter, made)
	if err := made.check(w.filter, w.o, ""); err != nil {
		return err
	}
	if err := w.write(made); err != nil {
		return err
	}
	took := m.Read()
	u.Progress("%s", took)
	return u.Result(w.report(made, w.filter, took))
}

// objectWorkspace checks the flags that have nothing to do with what is compared.
func objectWorkspace(c *cli.Context, u *ui.UI) (*workspace, error) {
	w := &workspace{u: u, filter: &filter{}, o: options{
		ID: c.String("id"), Description: c.String("message"), CVEs: c.StringSlice("cve"), Allow: c.StringSlice("allow"), Targets: c.StringSlice("target"),
		DryRun: c.Bool("dry-run"), PatchRoot: c.String("output"),
	}}
	if err := kpatch.ValidID(w.o.ID); err != nil {
		return nil, usage("--id: %v", err).WithHint("%s", fault.As(err).Hint)
	}
	if err := checkCVEs(w.o.CVEs); err != nil {
		return nil, err
	}
	if err := checkAllowed(w.o.Allow); err != nil {
		return nil, err
	}
	var err error
	if w.o.BuildTime, err = buildTime(os.Getenv("SOURCE_DATE_EPOCH")); err != nil {
		return nil, err
	}
	w.shipped, err = planner.LoadShipped(w.o.Targets)
	return w, err
}
