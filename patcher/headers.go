package patcher

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"gocare/internal/fault"
	"gocare/internal/jobs"
)

// headerUsers compiles the units that include a changed file and that the patched build did not compile again; it returns those whose
// code changed.
func (c *comparison) headerUsers(ctx context.Context, links []pairedLink) ([]pairedUnit, error) {
	changed, err := c.changedFiles()
	if err != nil || len(changed) == 0 {
		return nil, err
	}
	users, err := c.including(ctx, c.notRebuilt(links), changed)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		if l := links[u.link]; c.orig.IsLate(l.link, u.orig) {
			return nil, fault.Refuse(fault.LTO, u.orig.Source, "it includes a changed file and was not compiled again, and its code is made only when %s is linked (-flto)", l.link.Output).
				WithState("no patch written").WithHint("let the build know what it includes, or run patchmake --clean")
		}
	}
	requests := make([]request, len(users))
	for i, u := range users {
		c.b.Progress("%s includes a changed file and was not rebuilt: compiling it from the record", u.orig.Source)
		requests[i].unit = u.orig
	}
	results, err := c.b.compileInView(ctx, requests)
	if err != nil {
		return nil, err
	}
	var found []pairedUnit
	for i, u := range users {
		if results[i].err != nil {
			return nil, fault.Refuse(fault.BuildFailed, u.orig.Source, "compiling it again with a changed file failed").WithCause(results[i].err)
		}
		if u.asm = results[i].asm; u.asm != u.orig.AsmID {
			found = append(found, u)
		}
	}
	return found, nil
}

// notRebuilt lists the units of the links that the patched build left as they were, without assembly.
func (c *comparison) notRebuilt(links []pairedLink) []pairedUnit {
	var users []pairedUnit
	for i, l := range links {
		for index, in := range l.link.Inputs {
			if u := c.orig.UnitFor(l.link, in); u != nil && (compilable(u) || describable(u)) && !c.rebuilt[compileID(u)] {
				users = append(users, pairedUnit{link: i, input: index, orig: u, record: *u})
			}
		}
	}
	return users
}

// including keeps the units that include one of the files, as their compiler says (-M).
func (c *comparison) including(ctx context.Context, users []pairedUnit, files map[string]bool) ([]pairedUnit, error) {
	batch := make([]jobs.Job, len(users))
	for i, u := range users {
		batch[i] = jobs.Job{Dir: u.orig.Dir, Env: u.orig.Env, Args: append([]string{u.orig.Driver}, u.orig.DependArgs(u.orig.Source)...)}
	}
	outcomes, err := jobs.Run(ctx, c.b.View.Command, c.b.Env, batch)
	if err != nil {
		return nil, err
	}
	var found []pairedUnit
	for i, u := range users {
		if why := outcomes[i].Failed; why != "" {
			return nil, fault.Refuse(fault.NoRecord, u.orig.Source, "cannot tell whether it includes a changed file").WithCause(errors.New(why))
		}
		if dependsOn(string(outcomes[i].Stdout), u.orig.Dir, files) {
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
	for _, f := range c.b.Change.Files {
		if f.Old != "" && f.New != "" {
			files[filepath.Join(c.b.Dirs.Source, f.New)] = true
		}
	}
	sources := map[string]bool{}
	for _, u := range c.patched.Units {
		sources[sourcePath(&u)] = true
	}
	if !slices.ContainsFunc(slices.Collect(maps.Keys(files)), func(f string) bool { return sources[f] }) {
		return files, nil
	}
	names, known, err := includedNames(c.b.Dirs.Tree)
	if err != nil || !known {
		return files, err
	}
	maps.DeleteFunc(files, func(f string, _ bool) bool { return sources[f] && !names[filepath.Base(f)] })
	return files, nil
}
