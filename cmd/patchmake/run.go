package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/meter"
	"gocare/internal/ui"
	"gocare/internal/version"
	"gocare/patcher"
)

const usageText = `patchmake [OPTION...] PATCH...
patchmake from-asm --orig FILE.s --patched FILE.s --binary FILE [-i ID] -o FILE.kpatch
patchmake inspect FILE.kpatch
patchmake explain [CODE]`

// run is the program: it returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	out := ui.New("patchmake", stdout, stderr, ui.Normal, false)
	app, reordered, err := newApp(args, stdin, stdout, stderr, &out)
	if err != nil {
		out = ui.New("patchmake", stdout, stderr, ui.Normal, slices.Contains(args, "--json"))
		return out.Fail(err)
	}
	return out.Fail(app.RunContext(ctx, reordered))
}

// newApp builds the command line interface and reorders args for it. *out becomes the UI that the flags ask for.
func newApp(args []string, stdin io.Reader, stdout, stderr io.Writer, out **ui.UI) (*cli.App, []string, error) {
	begin := func(c *cli.Context) *ui.UI {
		level := ui.Normal
		switch {
		case c.Bool("quiet"):
			level = ui.Quiet
		case c.Bool("verbose"):
			level = ui.Verbose
		}
		*out = ui.New("patchmake", stdout, stderr, level, c.Bool("json"))
		return *out
	}
	app := &cli.App{
		Name: "patchmake", Usage: "make live patches from source patches", UsageText: usageText, Version: version.String,
		Flags: append(makeFlags(), outputFlags()...), Commands: subcommands(begin),
		EnableBashCompletion: true, BashComplete: func(c *cli.Context) { completeMake(c, args) },
		DisableSliceFlagSeparator: true, HideHelpCommand: true, Writer: stdout, ErrWriter: stderr, ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError: func(_ *cli.Context, err error, _ bool) error {
			*out = ui.New("patchmake", stdout, stderr, ui.Normal, slices.Contains(args, "--json"))
			return usage("%v", err)
		},
		Action: func(c *cli.Context) error {
			u := begin(c)
			cwd, err := os.Getwd()
			if err != nil {
				return err
			}
			o, err := parseOptions(c, cwd, os.Getenv)
			if err != nil {
				return err
			}
			return makeAll(c.Context, o, stdin, u)
		},
	}
	cli.VersionFlag = &cli.BoolFlag{Name: "version", Usage: "print the version"}
	reordered, err := reorder(app, args)
	return app, reordered, err
}

// reorder puts the options first; a subcommand's name is the first argument that is no option.
func reorder(app *cli.App, args []string) ([]string, error) {
	flags := append(app.Flags, cli.VersionFlag)
	if len(args) < 2 {
		return args, nil
	}
	var names []string
	for _, c := range app.Commands {
		names = append(names, c.Name)
	}
	if name, rest := ui.Command(args[1:], flags, names); name != "" {
		rest, err := ui.Permute(rest, app.Command(name).Flags)
		return append([]string{args[0], name}, rest...), err
	}
	rest, err := ui.Permute(args[1:], flags)
	return append([]string{args[0]}, rest...), err
}

// makeAll makes the patches: every line is a stage, every stage hands one value to the next.
func makeAll(ctx context.Context, o options, stdin io.Reader, u *ui.UI) error {
	ctx, m := meter.With(ctx)
	w, err := openWorkspace(o, u)
	if err != nil {
		return err
	}
	defer w.forget()
	filter, err := loadFilter(o)
	if err != nil {
		return err
	}
	plan, err := w.planFor(ctx, stdin)
	if err != nil {
		return err
	}
	u.Heading("MAKING PATCHES")
	made, err := patcher.Make(ctx, w.store, plan, w.patchOptions(filter))
	run := products{made, plan.Overridden}
	if saved := run.save(w.store, plan); err != nil || saved != nil {
		return errors.Join(err, saved)
	}
	w.reportChoices(filter, run)
	if err := run.check(filter, o); err != nil {
		return err
	}
	if err := w.write(run); err != nil {
		return err
	}
	took := m.Read()
	u.Progress("%s", took)
	return u.Result(w.report(run, filter, took))
}

// planFor builds both stages and compares their records, or with --update takes the last run's.
func (w *workspace) planFor(ctx context.Context, stdin io.Reader) (p *patcher.Plan, err error) {
	switch {
	case w.o.Update:
		return patcher.LoadPlan(w.store)
	case len(w.o.Identity) > 0:
		p, err = w.planIdentity(ctx)
	default:
		p, err = w.planPatches(ctx, stdin)
	}
	if err != nil {
		return nil, err
	}
	return p, p.Save(w.store)
}

// planIdentity builds the original only.
func (w *workspace) planIdentity(ctx context.Context) (*patcher.Plan, error) {
	if err := w.buildOriginal(ctx); err != nil {
		return nil, err
	}
	return patcher.CompareIdentity(ctx, w.builds())
}

// planPatches builds both stages.
func (w *workspace) planPatches(ctx context.Context, stdin io.Reader) (p *patcher.Plan, err error) {
	patches, err := readPatches(w.o.Patches, stdin)
	if err != nil {
		return nil, fault.Leaves(err, "tree unchanged")
	}
	change, err := w.apply(patches)
	if err != nil {
		return nil, fault.Leaves(err, "tree unchanged")
	}
	if err := w.buildOriginal(ctx); err != nil {
		return nil, err
	}
	b := w.builds()
	b.Change = change
	if err := patcher.CheckRecord(ctx, b); err != nil {
		return nil, fault.Leaves(err, "no patch written")
	}
	if err := patcher.CheckShipped(w.dirs(), w.shipped); err != nil {
		return nil, fault.Leaves(err, "no patch written")
	}
	box, change, err := w.buildPatched(ctx, patches)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, box.Close()) }()
	for _, line := range w.recordErrors() {
		w.u.Warn("recording: %s", line)
	}
	b.View, b.Change, b.Patches = box, change, patches
	b.Build = func(ctx context.Context, stage buildtree.Stage) error {
		return w.step(ctx, "the build to tell options apart", "", w.environ(cmp.Or(stage, "configure")), w.boxed(box))
	}
	p, err = patcher.Compare(ctx, b)
	return p, fault.Leaves(err, "no patch written")
}

// builds is what the library has to know of the two builds.
func (w *workspace) builds() patcher.Builds {
	return patcher.Builds{
		Store: w.store, Dirs: w.dirs(), Env: w.environ("configure"), NoRestore: w.o.NoLineCompile, Allow: w.o.allows,
		Progress: w.u.Progress, Warn: w.u.Warn,
	}
}

func (w *workspace) dirs() patcher.Dirs {
	return patcher.Dirs{Tree: w.tree, Source: w.o.SourceDir, Installed: w.o.OriginalDir, Patched: w.o.PatchedDir, InstallVar: w.o.DestVar}
}

// patchOptions is what the library has to know of the patches to make.
func (w *workspace) patchOptions(f *filter) patcher.Options {
	o := patcher.Options{
		ID: w.o.ID, BuildID: w.o.BuildID, Shipped: w.shipped, Description: w.o.Description, BuildTime: w.o.BuildTime,
		Keep: f.keeps, Allow: w.o.allows, NoRestore: w.o.NoLineCompile, Dirs: w.dirs(),
	}
	if len(w.o.Identity) > 0 {
		o.Identity = (&filter{Globs: w.o.Identity}).keeps
	}
	return o
}

// buildTime reads the value of SOURCE_DATE_EPOCH; without one it is 0: the same input gives the same file.
func buildTime(epoch string) (uint64, error) {
	if epoch == "" {
		return 0, nil
	}
	t, err := strconv.ParseUint(epoch, 10, 64)
	if err != nil {
		return 0, usage("SOURCE_DATE_EPOCH=%q: not a number of seconds", epoch)
	}
	return t, nil
}
