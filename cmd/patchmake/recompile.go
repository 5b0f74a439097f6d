package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/isolate"
	"gocare/internal/srcpatch"
)

// This file compiles, from the record, what the builds did not: users of changed headers, and the comparison's own
// versions of changed units.

// user is a unit of the original that the patched build did not compile again.
type user struct {
	target, input int
	unit          *buildtree.Unit
}

// addHeaderUsers recompiles units that include a changed file and that the build did not rebuild.
func (c *comparison) addHeaderUsers(ctx context.Context, box *isolate.Sandbox, targets []target) error {
	changed, err := c.changedFiles()
	if err != nil || len(changed) == 0 {
		return err
	}
	users, err := c.including(ctx, box, c.notRebuilt(targets), changed)
	if err != nil {
		return err
	}
	units := make([]*buildtree.Unit, len(users))
	for i, u := range users {
		c.w.u.Progress("%s includes a changed file and was not rebuilt: compiling it from the record", u.unit.Source)
		units[i] = u.unit
	}
	asm, err := c.compileAll(ctx, box, units)
	if err != nil {
		return err
	}
	for i, u := range users {
		if asm[i].err != nil {
			return fault.Refuse("build-failed", u.unit.Source, "compiling it again with a changed file failed").WithCause(asm[i].err)
		}
		if t := &targets[u.target]; asm[i].id != u.unit.AsmID {
			t.Units = append(t.Units, c.unit(u.input, u.unit, *u.unit, asm[i].id))
			slices.SortFunc(t.Units, func(a, b unit) int { return cmp.Compare(a.Input, b.Input) })
		}
	}
	return nil
}

// notRebuilt lists the units of the targets that the patched build left as they were.
func (c *comparison) notRebuilt(targets []target) []user {
	var users []user
	for i, t := range targets {
		for index, in := range t.Inputs {
			if u := c.orig.UnitFor(t.link, in); u != nil && compilable(u) && !c.rebuilt[compiled(u)] {
				users = append(users, user{i, index, u})
			}
		}
	}
	return users
}

func compilable(u *buildtree.Unit) bool {
	return u.Source != "-" && u.Source != "" && u.Lang != "asm" && u.Lang != "lto"
}

// including keeps the units that include one of the files, as their compiler says (-M).
func (c *comparison) including(ctx context.Context, box *isolate.Sandbox, users []user, files map[string]bool) ([]user, error) {
	jobs := make([]job, len(users))
	for i, u := range users {
		jobs[i] = job{u.unit.Dir, u.unit.Env, append([]string{u.unit.Driver}, u.unit.DependArgs(u.unit.Source)...)}
	}
	outcomes, err := runJobs(ctx, box, c.w.environ("configure"), jobs)
	if err != nil {
		return nil, err
	}
	var found []user
	for i, u := range users {
		if why := outcomes[i].Failed; why != "" {
			return nil, fault.Refuse("no-record", u.unit.Source, "cannot tell whether it includes a changed file").WithCause(errors.New(why))
		}
		if dependsOn(string(outcomes[i].Stdout), u.unit.Dir, files) {
			found = append(found, u)
		}
	}
	return found, nil
}

// dependsOn reads the make rule that -M prints.
func dependsOn(rule, dir string, files map[string]bool) bool {
	for _, word := range strings.Fields(strings.ReplaceAll(rule, "\\\n", " ")) {
		if !filepath.IsAbs(word) {
			word = filepath.Join(dir, word)
		}
		if files[filepath.Clean(word)] {
			return true
		}
	}
	return false
}

// changedFiles are the files that changed and that a unit of the original may include. The source of a unit that the
// patched build compiled is one only if something in the tree includes a file of that name.
func (c *comparison) changedFiles() (map[string]bool, error) {
	files := map[string]bool{}
	for _, f := range c.change.Files {
		if f.Old != "" && f.New != "" {
			files[filepath.Join(c.w.o.SourceDir, f.New)] = true
		}
	}
	sources := map[string]bool{}
	for _, u := range c.patched.Units {
		sources[sourcePath(&u)] = true
	}
	if !slices.ContainsFunc(slices.Collect(maps.Keys(files)), func(f string) bool { return sources[f] }) {
		return files, nil
	}
	names, known, err := includedNames(c.w.tree)
	if err != nil || !known {
		return files, err
	}
	maps.DeleteFunc(files, func(f string, _ bool) bool { return sources[f] && !names[filepath.Base(f)] })
	return files, nil
}

// compileRestored compiles every changed unit once more from sources whose unchanged lines keep their old numbers. A
// unit that does not compile that way is compared without.
func (c *comparison) compileRestored(ctx context.Context, box *isolate.Sandbox, targets []target) error {
	if c.w.o.NoLineCompile {
		return nil
	}
	if err := box.WriteFiles(c.w.contents(c.change, srcpatch.FileChange.RestoreLines)); err != nil {
		return err
	}
	var units []*unit
	var records []*buildtree.Unit
	for i := range targets {
		for j := range targets[i].Units {
			if u := &targets[i].Units[j]; compilable(&u.Record) {
				units, records = append(units, u), append(records, &u.Record)
			}
		}
	}
	asm, err := c.compileAll(ctx, box, records)
	if err != nil {
		return err
	}
	for i, u := range units {
		if u.Restored = asm[i].id; asm[i].err != nil {
			c.w.u.Progress("%s: the compile with old line numbers failed: %v", u.Source, asm[i].err)
		}
	}
	return nil
}

// compiledAsm is a unit's assembly in the store, or why there is none.
type compiledAsm struct {
	id  buildtree.Digest
	err error
}

// compileAll compiles recorded units to assembly in the box, with flags besides their own, without recording.
func (c *comparison) compileAll(ctx context.Context, box *isolate.Sandbox, units []*buildtree.Unit, flags ...string) ([]compiledAsm, error) {
	dir, err := os.MkdirTemp(c.w.store.Dir(), "compile-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	jobs := make([]job, len(units))
	outputs := make([]string, len(units))
	for i, u := range units {
		outputs[i] = filepath.Join(dir, fmt.Sprintf("%d.s", i))
		jobs[i] = job{u.Dir, u.Env, slices.Concat([]string{u.Driver}, u.CompileArgs(u.Source, outputs[i]), flags)}
	}
	outcomes, err := runJobs(ctx, box, c.w.environ("configure"), jobs)
	if err != nil {
		return nil, err
	}
	results := make([]compiledAsm, len(units))
	for i, o := range outcomes {
		if o.Failed != "" {
			results[i].err = errors.New(o.Failed)
			continue
		}
		data, err := os.ReadFile(outputs[i])
		if err != nil {
			return nil, err
		}
		if results[i].id, err = c.w.store.PutBlob(data); err != nil {
			return nil, err
		}
	}
	return results, nil
}
