package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/diffasm"
)

// compileStamped compiles the original of units that may hold the time of their compile (__DATE__, __TIME__) once more, at
// the time at which the patched build was compiled: functions equal to that differ in the time only. The sources of the
// tree are those the original was compiled from if nothing but such text differs; else the unit is compared without.
func (c *comparison) compileStamped(targets []target) error {
	dir, err := os.MkdirTemp(c.w.store.Dir(), "stamped-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var units []*unit
	var jobs []job
	asm := func(i int) string { return filepath.Join(dir, fmt.Sprintf("%d.s", i)) }
	for i := range targets {
		for j := range targets[i].Units {
			u := &targets[i].Units[j]
			orig := c.orig.UnitFor(targets[i].link, targets[i].Inputs[u.Input])
			if orig == nil || !compilable(orig) || !c.stamped(u, orig) {
				continue
			}
			args := append([]string{orig.Driver}, orig.CompileArgs(orig.Source, asm(len(jobs)))...)
			units, jobs = append(units, u), append(jobs, job{orig.Dir, atTime(orig.Env, u.Record.Env), args})
		}
	}
	for i, o := range runHere(jobs, c.w.environ("configure")) {
		if o.Failed != "" {
			c.w.u.Progress("%s: compiling the original at the time of the patched build failed: %s", units[i].Source, o.Failed)
			continue
		}
		if err := c.keepStamped(units[i], asm(i)); err != nil {
			return err
		}
	}
	return nil
}

// stamped reports whether the two versions of a unit were compiled at different times, and may hold these.
func (c *comparison) stamped(u *unit, orig *buildtree.Unit) bool {
	if slices.Equal(atTime(orig.Env, orig.Env), atTime(orig.Env, u.Record.Env)) {
		return false
	}
	if source, err := os.ReadFile(sourcePath(orig)); err == nil && usesTime.Match(source) {
		return true
	}
	before, err := c.w.store.Blob(u.Orig)
	if err != nil {
		return false
	}
	after, err := c.w.store.Blob(u.Patched)
	return err == nil && !slices.Equal(diffasm.Stamps(before), diffasm.Stamps(after))
}

var usesTime = regexp.MustCompile(`\b__(DATE|TIME)__\b`)

// atTime is an environment for compiling with the time of another compile.
func atTime(env, other []string) (out []string) {
	const epoch = "SOURCE_DATE_EPOCH="
	is := func(v string) bool { return strings.HasPrefix(v, epoch) }
	out = slices.DeleteFunc(slices.Clone(env), is)
	if i := slices.IndexFunc(other, is); i >= 0 {
		out = append(out, other[i])
	}
	return out
}

func (c *comparison) keepStamped(u *unit, asm string) error {
	data, err := os.ReadFile(asm)
	if err != nil {
		return err
	}
	orig, err := c.w.store.Blob(u.Orig)
	if err != nil || !diffasm.SameButStamps(orig, data) {
		return err
	}
	u.Stamped, err = c.w.store.PutBlob(data)
	return err
}
