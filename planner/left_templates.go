package planner

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/isolate"
	"gocare/internal/jobs"
)

// What configure makes of templates, such as config.h of config.h.in, is made again only where a build runs it once more. This file finds
// what was left as it was, though the patch changes the template: no compile would show that.

// templateSuffixes are what generators take away for the name of what they make.
var templateSuffixes = []string{".in", ".am", ".cmake", ".cmake.in", ".meson", ".template", ".tmpl"}

// refuseLeftTemplates refuses templates that the patch changes, and of which the patched build has what was made before. Rules that name
// one are trusted: see refuseUnmade.
func (c *comparison) refuseLeftTemplates(ctx context.Context, changed []string) error {
	made := map[string]string{} // templates, by what is made of them
	for _, f := range changed {
		if !slices.ContainsFunc(templateSuffixes, func(s string) bool { return strings.HasSuffix(f, s) }) {
			continue
		}
		template := filepath.Join(c.b.Dirs.Source, f)
		for file := range c.drift.before.Names {
			if strings.HasPrefix(filepath.Base(template), filepath.Base(file)+".") && slices.Contains(c.templatesOf(file), template) && c.counts(file) && !c.patches(file) && !c.ruled(file, f) {
				made[file] = template
			}
		}
	}
	if len(made) == 0 {
		return nil
	}
	files := slices.Sorted(maps.Keys(made))
	now, err := jobs.Look(ctx, c.b.View.Command, withoutCompileVars(c.b.Env), jobs.Question{Files: slices.Concat(files, slices.Collect(maps.Values(made)))})
	if err != nil {
		return err
	}
	for _, file := range files {
		if t := made[file]; now.Digests[file] != "" && now.Changed[file] < now.Changed[t] {
			return fault.Refuse(fault.NoRecord, c.relative(t), "the patch changes it, but the patched build has %s as it was made of it before", c.relative(file)).
				WithState("no patch written").
				WithHint("name a build command that makes it again, such as --build-cmd './config.status && make', or change %s in the source patch, too", c.relative(file))
		}
	}
	return nil
}

// templatesOf returns the templates that a file may be made of, by their names: those beside it, else those in its place in the source tree.
// A file above that is of another project.
func (c *comparison) templatesOf(file string) (list []string) {
	if dir := filepath.Dir(file); dir != c.b.Dirs.Source && isolate.Within(c.b.Dirs.Source, dir) {
		return nil
	}
	for _, name := range tails(c.relative(file)) {
		for _, suffix := range templateSuffixes {
			if t := filepath.Join(c.b.Dirs.Source, name+suffix); c.drift.before.Names[t] {
				list = append(list, t)
			}
		}
		if list != nil {
			break
		}
	}
	return list
}

// tails lists a path and what is left of it without its first directories.
func tails(path string) []string {
	list := []string{path}
	for i, r := range path {
		if r == filepath.Separator {
			list = append(list, path[i+1:])
		}
	}
	return list
}

// counts reports whether what is built depends on a file: a unit reads it, a link does, or make.
func (c *comparison) counts(file string) bool {
	if isMakefile(file) || c.isRead(file) {
		return true
	}
	return slices.ContainsFunc(c.orig.Links, func(l buildtree.Link) bool {
		return slices.ContainsFunc(buildtree.VersionScripts(l.Argv), func(s string) bool { return buildtree.ReadPath(l.Dir, s) == file })
	})
}

// patches reports whether the source patch changes a file.
func (c *comparison) patches(file string) bool {
	for _, f := range c.b.Change.Files {
		if f.New != "" && filepath.Join(c.b.Dirs.Source, f.New) == file {
			return true
		}
	}
	return false
}

// ruled reports whether a rule of a makefile beside what is made, or above it, names its template as what it needs, or what cmake and meson
// wrote does.
func (c *comparison) ruled(made, template string) bool {
	for name := range c.drift.before.Names {
		generated := slices.Contains([]string{"build.ninja", "Makefile.cmake"}, filepath.Base(name))
		if !generated && !(isMakefile(name) && isolate.Within(made, filepath.Dir(name))) {
			continue
		}
		text, err := c.b.patchedText(name)
		if err == nil && (generated && namesFile(string(text), template) || slices.ContainsFunc(rulesOf(string(text)), func(r rule) bool { return r.dependsOn(template) })) {
			return true
		}
	}
	return false
}

// dependsOn reports whether a rule is for what is made of a file.
func (r rule) dependsOn(file string) bool {
	needs, _, _ := strings.Cut(strings.Join(r.needs, " "), "#")
	return namesFile(needs, file)
}
