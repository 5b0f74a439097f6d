package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"gocare/builder"
	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/meter"
	"gocare/internal/srcpatch"
	"gocare/internal/ui"
	"gocare/patcher"
	"gocare/planner"
)

// workspace is what a run that makes patches works with.
type workspace struct {
	o       options
	u       *ui.UI
	filter  *filter
	shipped []planner.Shipped // given with --target
	tree    *builder.Tree
	beside  sync.WaitGroup // see workBeside
	unread  bool           // no unit is known to read what the source patch changes
}

// makeAll makes the patches: every line is a stage, every stage hands one value to the next.
func makeAll(ctx context.Context, o options, stdin io.Reader, u *ui.UI) (err error) {
	ctx, m := meter.With(ctx)
	w := &workspace{o: o, u: u}
	if w.shipped, err = planner.LoadShipped(o.Targets); err != nil {
		return err
	}
	if w.tree, err = builder.Open(w.buildOptions()); err != nil {
		return err
	}
	defer w.tree.Close()
	defer w.prune(ctx)
	if w.filter, err = loadFilter(o); err != nil {
		return err
	}
	plan, err := w.planFor(ctx, stdin)
	if err != nil {
		return err
	}
	named, err := w.named()
	if err != nil {
		return err
	}
	u.Heading("MAKING PATCHES")
	shown := u.Working("making patches", nil)
	list, err := patcher.Make(ctx, w.tree.Store, plan, w.patchOptions())
	shown()
	err = w.outdated(err)
	if saved := patcher.Decided(plan, list).Save(w.tree.Store); err != nil || saved != nil {
		return errors.Join(err, saved)
	}
	made := products{list, plan.Overridden}
	w.reportChoices(w.filter, made)
	if err := made.check(w.filter, w.o, named); err != nil {
		return w.unreadHint(err)
	}
	if err := w.write(made); err != nil {
		return err
	}
	took := m.Read()
	u.Progress("%s", took)
	return u.Result(w.report(made, w.filter, took))
}

// outdated says what to do where --update comes to what the record no longer has.
func (w *workspace) outdated(err error) error {
	if !w.o.Update || !errors.Is(err, buildtree.ErrNoBlob) {
		return err
	}
	return fault.Refuse(fault.NoRecord, w.tree.Store.Dir(), "the last builds are no longer recorded whole").WithCause(err).
		WithState("no patch written").WithHint("run patchmake with the patches again, without --update")
}

// unreadHint says of a patch that changes nothing that what it changes is not built, where the record shows that.
func (w *workspace) unreadHint(err error) error {
	e := fault.As(err)
	if !w.unread || e == nil || e.Code != fault.NothingChanged {
		return err
	}
	return e.WithHint("no unit linked into them is known to read a file that the source patch changes: the build is configured without that part, " +
		"or it is another program's or another machine's")
}

// prune takes from the record what earlier runs made. It can wait for the next run, as can what is packed meanwhile when the user does not wait.
func (w *workspace) prune(ctx context.Context) {
	if ctx.Err() == nil {
		w.beside.Wait()
	}
	if _, err := patcher.Prune(w.tree.Store); err != nil {
		w.u.Progress("the record keeps what it no longer needs: %v", err)
	}
}

// named returns the BuildID that --buildid gives if a binary of this build has it, else "": it overrides nothing then, and says which binary
// has to be among those that change.
func (w *workspace) named() (string, error) {
	if w.o.BuildID == "" {
		return "", nil
	}
	ours, err := planner.Installed(w.dirs(), w.o.BuildID)
	if err != nil || !ours {
		return "", err
	}
	named := w.o.BuildID
	w.o.BuildID = ""
	return named, nil
}

// planFor builds both stages and compares their records, or with --update takes the last run's.
func (w *workspace) planFor(ctx context.Context, stdin io.Reader) (p *planner.Plan, err error) {
	if !w.o.Update {
		if err := planner.ForgetPlan(w.tree.Store); err != nil {
			return nil, err
		}
	}
	switch {
	case w.o.Update:
		p, err = planner.LoadPlan(w.tree.Store)
	case len(w.o.Identity) > 0:
		p, err = w.planIdentity(ctx)
	default:
		p, err = w.planPatches(ctx, stdin)
	}
	if err != nil {
		return nil, errors.Join(err, patcher.Undecided(err).Save(w.tree.Store))
	}
	return p, p.Save(w.tree.Store)
}

// planIdentity builds the original only.
func (w *workspace) planIdentity(ctx context.Context) (*planner.Plan, error) {
	if err := w.original(ctx); err != nil {
		return nil, err
	}
	return planner.CompareIdentity(ctx, w.builds())
}

// maxRemakes is how often files are made once more for the record: what goes into them may have none, either.
const maxRemakes = 3

// original builds the original, and completes its record.
func (w *workspace) original(ctx context.Context) error {
	if err := w.tree.Original(ctx); err != nil {
		return err
	}
	for range maxRemakes {
		unmade, err := planner.ListUnmade(w.builds())
		if err != nil {
			return fault.Leaves(err, "no patch written")
		}
		var files, touch []string
		for _, u := range unmade {
			files, touch = append(files, u.Path), append(touch, u.Touch)
		}
		if taken, err := w.tree.Remake(ctx, files, touch); err != nil || taken == 0 {
			return err
		}
	}
	return nil
}

// planPatches builds both stages.
func (w *workspace) planPatches(ctx context.Context, stdin io.Reader) (p *planner.Plan, err error) {
	patches, err := readPatches(w.o.Patches, stdin)
	if err != nil {
		return nil, fault.Leaves(err, "tree unchanged")
	}
	change, err := w.tree.Apply(patches)
	if err != nil {
		return nil, fault.Leaves(err, "tree unchanged")
	}
	if err := w.original(ctx); err != nil {
		return nil, err
	}
	w.workBeside(change)
	b := w.builds()
	b.Change = change
	if err := w.checkOriginal(ctx, b); err != nil {
		return nil, fault.Leaves(err, "no patch written")
	}
	shown := w.u.Working("looking at what the units read", nil)
	b.Before, err = planner.ReadOriginal(ctx, b)
	shown()
	if err != nil {
		return nil, fault.Leaves(err, "no patch written")
	}
	affected := b.Before.Affected(change, w.o.SourceDir)
	w.unread = affected == 0
	w.tree.Expect(affected)
	view, change, err := w.tree.Patched(ctx, patches)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, view.Close()) }()
	for _, line := range w.tree.RecordErrors() {
		w.u.Warn("recording: %s", line)
	}
	b.View, b.Change, b.Patches = view, change, patches
	b.Build = func(ctx context.Context, stage buildtree.Stage) error {
		return w.tree.Rebuild(ctx, view, "the build to tell options apart", cmp.Or(stage, builder.Unrecorded))
	}
	defer w.u.Working("comparing", nil)()
	p, err = planner.Compare(ctx, b)
	return p, fault.Leaves(err, "no patch written")
}

// workBeside begins what need not wait until the patched build is done, and leaves a processor idle: to read the assembly that the comparison
// is going to ask for, and to pack that of the original build.
func (w *workspace) workBeside(change *srcpatch.Change) {
	sources := map[string]bool{}
	for _, f := range change.Files {
		sources[filepath.Join(w.o.SourceDir, f.Old)] = f.Old != ""
	}
	w.beside.Go(func() {
		w.tree.Store.Foresee(sources)
		_ = w.tree.Store.Pack() // else what is loose stays so
	})
}

// checkOriginal refuses, before the patched version is built, what the original alone shows cannot be patched.
func (w *workspace) checkOriginal(ctx context.Context, b planner.Builds) error {
	if err := planner.CheckRecord(ctx, b); err != nil {
		return err
	}
	others, err := planner.CheckShipped(w.dirs(), w.shipped)
	if err != nil {
		return err
	}
	for _, other := range others {
		w.u.Warn("%v; no patch can be made for it", other)
	}
	return w.checkFilter(b)
}

// checkFilter refuses, before the patched version is built, a filter that can leave nothing.
func (w *workspace) checkFilter(b planner.Builds) error {
	if !w.filter.active() {
		return nil
	}
	matches, err := planner.FilterMatches(b, w.filter.keeps)
	if err != nil || matches {
		return err
	}
	return fault.Refuse(fault.FilterEmpty, w.filter.Source, "the filter leaves nothing: it matches no function of the installed binaries or of the patched sources").
		WithHint("names are matched as a whole; nm lists those of a binary")
}

func (w *workspace) buildOptions() builder.Options {
	return builder.Options{
		BuildDir: w.o.BuildDir, SourceDir: w.o.SourceDir, Commands: w.o.Commands, Clean: w.o.Clean, Isolation: w.o.Isolation,
		Original: builder.Output{Dir: w.o.OriginalDir, Variable: "LPMAKE_ORIGINAL_DIR", Written: !w.o.Update},
		Patched:  builder.Output{Dir: w.o.PatchedDir, Variable: "LPMAKE_PATCHED_DIR", Written: !w.o.Update},
		Patches:  builder.Output{Dir: w.o.PatchRoot, Variable: "LPMAKE_PATCHROOT", Written: !w.o.DryRun},
		Environ:  os.Environ(), Output: os.Stderr, Say: w.u,
	}
}

// builds is what the library has to know of the two builds.
func (w *workspace) builds() planner.Builds {
	return planner.Builds{
		Store: w.tree.Store, Dirs: w.dirs(), Env: w.tree.Environ(builder.Unrecorded), Clean: w.o.Clean, NoRestore: w.o.NoLineCompile, Allow: w.o.allows,
		Progress: w.u.Progress, Warn: w.u.Warn,
	}
}

func (w *workspace) dirs() planner.Dirs {
	return planner.Dirs{Tree: w.tree.Root, Source: w.o.SourceDir, Installed: w.o.OriginalDir, Patched: w.o.PatchedDir, InstallVar: w.o.Commands.DestVar}
}

// patchOptions is what the library has to know of the patches to make.
func (w *workspace) patchOptions() patcher.Options {
	o := patcher.Options{
		ID: w.o.ID, BuildID: w.o.BuildID, Shipped: w.shipped, Description: w.o.Description, CVEs: w.o.CVEs, Bases: w.o.Bases, BuildTime: w.o.BuildTime,
		Keep: w.filter.keeps, Allow: w.o.allows, NoRestore: w.o.NoLineCompile, Dirs: w.dirs(),
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
