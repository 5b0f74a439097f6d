package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	"github.com/urfave/cli/v2"

	"gocare/builder"
	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/ui"
	"gocare/patcher"
)

// recordView is what record --json prints.
type recordView struct {
	Store   string            `json:"store"`
	Bytes   int64             `json:"bytes"`
	Units   []unitView        `json:"units"`
	Links   []linkView        `json:"links"`
	Missing []string          `json:"missing"` // what the record lacks
	Errors  []string          `json:"errors"`  // what could not be recorded
	Pruned  *buildtree.Pruned `json:"pruned,omitempty"`
}

type unitView struct {
	Source   string `json:"source"` // absolute; "" if it is not known, "-" for standard input
	Object   string `json:"object"`
	Language string `json:"language"`
	Compiler string `json:"compiler"` // "" where the assembler was run directly
}

type linkView struct {
	Output  string `json:"output"`
	BuildID string `json:"build_id"`
	Inputs  int    `json:"inputs"`
	Partial bool   `json:"partial,omitempty"` // ld -r
}

func recordCommand(begin beginner) *cli.Command {
	return &cli.Command{
		Name: "record", Usage: "list what is recorded of the build in this tree, and what is missing", ArgsUsage: " ",
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "prune", Usage: "take away what no longer is needed first"},
			&cli.BoolFlag{Name: "compile-commands", Usage: "write the compiles to compile_commands.json here, for tools that ask for it"},
		}, outputFlags()...),
		Action: func(c *cli.Context) error {
			u := begin(c)
			if c.NArg() > 0 {
				return usage("record takes no argument: %q", c.Args().First())
			}
			return showRecord(c.Bool("prune"), c.Bool("compile-commands"), u)
		},
	}
}

// showRecord prints the record; it fails if something is missing in it.
func showRecord(prune, commands bool, u *ui.UI) error {
	store, err := openRecord()
	if err != nil {
		return err
	}
	if from, err := builder.Follow(store, treeOf(store)); err != nil {
		return err
	} else if from != "" {
		u.Note("the record is of %s: it counts for %s from now on", from, store.Root())
	}
	var pruned *buildtree.Pruned
	if prune {
		if pruned, err = pruneRecord(store); err != nil {
			return err
		}
	}
	record, err := store.Load(buildtree.Original)
	if err != nil {
		return err
	}
	if commands {
		if err := writeCommands(record, u); err != nil {
			return err
		}
	}
	view, err := newRecordView(store, record)
	if err != nil {
		return err
	}
	view.Pruned = pruned
	view.print(u)
	return errors.Join(u.Result(view), view.complete())
}

// treeOf is the directory that a record is of: the one that holds it, wherever it is kept.
func treeOf(store *buildtree.Store) string { return filepath.Dir(store.Dir()) }

func openRecord() (*buildtree.Store, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	dir, err := buildtree.FindStore(cwd, os.Getenv)
	if err != nil {
		return nil, err
	}
	store, err := buildtree.OpenStore(dir)
	if err != nil {
		return nil, fault.Refuse(fault.NoRecord, dir, "no build is recorded here").WithHint("build with CC=carecc, or run patchmake, which builds")
	}
	return store, nil
}

// pruneRecord prunes while no patchmake works in the tree.
func pruneRecord(store *buildtree.Store) (*buildtree.Pruned, error) {
	unlock, err := builder.LockStore(store.Dir(), treeOf(store))
	if err != nil {
		return nil, err
	}
	defer unlock()
	p, err := patcher.Prune(store)
	if errors.Is(err, buildtree.ErrInUse) {
		return nil, fault.New(fault.Busy, store.Dir(), "%v", err).WithState("record unchanged").WithHint("wait until the build is done")
	}
	return &p, err
}

func writeCommands(record *buildtree.Record, u *ui.UI) error {
	data, err := json.MarshalIndent(record.CompileCommands(), "", "  ")
	if err != nil {
		return err
	}
	const name = "compile_commands.json"
	if err := renameio.WriteFile(name, append(data, '\n'), 0o644); err != nil {
		return fault.New(fault.Environment, name, "cannot write it").WithCause(err).WithHint("run patchmake record in a directory that can be written to, below the tree's")
	}
	u.Note("the compiles are in %s", name)
	return nil
}

func newRecordView(store *buildtree.Store, record *buildtree.Record) (*recordView, error) {
	v := &recordView{Store: store.Dir(), Units: []unitView{}, Links: []linkView{}, Missing: append([]string{}, store.Missing(record, treeOf(store))...)}
	for i := range record.Units {
		unit := &record.Units[i]
		source := unit.Source
		if source != "" && source != "-" && !filepath.IsAbs(source) {
			source = filepath.Join(unit.Dir, source)
		}
		v.Units = append(v.Units, unitView{Source: source, Object: unit.Object, Language: unit.Lang, Compiler: unit.Driver})
	}
	for _, l := range record.Links {
		v.Links = append(v.Links, linkView{Output: l.Output, BuildID: l.BuildID, Inputs: len(l.Inputs), Partial: l.Partial})
	}
	lines, err := store.Errors()
	if err != nil {
		return nil, err
	}
	v.Errors = append([]string{}, lines...)
	v.Bytes, err = store.Size()
	return v, err
}

func (v *recordView) print(u *ui.UI) {
	for _, unit := range v.Units {
		u.Info("unit %s: %s -> %s", unit.Language, unit.Source, unit.Object)
	}
	for _, l := range v.Links {
		kind := "link"
		if l.Partial {
			kind = "partial link"
		}
		u.Info("%s %s: %d inputs, BuildID %s", kind, l.Output, l.Inputs, cmp.Or(l.BuildID, "none"))
	}
	for _, line := range v.Errors {
		u.Info("not recorded: %s", line)
	}
	for _, line := range v.Missing {
		u.Info("missing: %s", line)
	}
	if v.Pruned != nil {
		u.Info("pruned: %d blobs and %d lines, %.1f MB", v.Pruned.Blobs, v.Pruned.Lines, megabytes(v.Pruned.Bytes))
	}
	u.Info("%s: %d units, %d links, %.1f MB", v.Store, len(v.Units), len(v.Links), megabytes(v.Bytes))
}

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }

// complete fails if the record lacks something.
func (v *recordView) complete() error {
	if len(v.Units)+len(v.Links) == 0 {
		return fault.Refuse(fault.NoRecord, v.Store, "no build is recorded here").WithHint("build with CC=carecc, or run patchmake, which builds")
	}
	if n := len(v.Missing) + len(v.Errors); n > 0 {
		return fault.Refuse(fault.NoRecord, v.Store, "%d things are missing in the record", n).
			WithHint("a patch that needs none of them can be made; a build from clean through carecc records all")
	}
	return nil
}
