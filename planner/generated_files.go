package planner

import (
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/fault"
)

// make makes what it generates anew only where the rule names the file that changed. This file finds what it left: a file that units read, or an
// object that is linked, whose recipe, or a script in that, names a file which the patch changes, while the rule does not.

// rule is one of a makefile, with what is done for it.
type rule struct {
	targets, needs []string
	recipe         string
}

// changedUnread names the files that the source patch changes and that no unit reads.
func (c *comparison) changedUnread() (changed []string) {
	for _, f := range c.b.Change.Files {
		if f.Old != "" && f.New != "" && !c.isRead(filepath.Join(c.b.Dirs.Source, f.New)) {
			changed = append(changed, f.New)
		}
	}
	return changed
}

// refuseUnmade refuses files that units read or links have, and that the patched build should have made again, as the patch changes some
// files.
func (c *comparison) refuseUnmade(changed []string) error {
	if len(changed) == 0 {
		return nil
	}
	for _, file := range slices.Sorted(maps.Keys(c.drift.before.Names)) {
		if !isMakefile(file) {
			continue
		}
		text, err := c.b.patchedText(file)
		if err != nil {
			continue
		}
		for _, r := range rulesOf(string(text)) {
			if made, from := c.unmade(filepath.Dir(file), r, changed); made != "" {
				return fault.Refuse(fault.NoRecord, c.relative(file), "%s is made from %s, which the patch changes, and the patched build did not make it again", c.relative(made), from).
					WithState("no patch written").WithHint("let the rule for it name that file, in the source patch, too")
			}
		}
	}
	return nil
}

// unmade returns what a rule of a makefile in a directory makes from a changed file that it does not name, and that file.
func (c *comparison) unmade(dir string, r rule, changed []string) (made, from string) {
	made = c.readTarget(dir, r.targets)
	if made == "" || c.drift.before.Changed[made] != c.drift.after.Changed[made] {
		made = c.linkedTarget(dir, r.targets)
	}
	if made == "" {
		return "", ""
	}
	for _, f := range changed {
		if !namesFile(strings.Join(r.needs, " "), f) && (namesFile(r.recipe, f) || c.inScript(dir, r.recipe, f)) {
			return made, f
		}
	}
	return "", ""
}

// readTarget returns the path of the target that a unit reads, "" if none does.
func (c *comparison) readTarget(dir string, targets []string) string {
	for _, t := range targets {
		if file := filepath.Join(dir, t); c.drift.before.Digests[file] != "" && c.isRead(file) {
			return file
		}
	}
	return ""
}

// linkedTarget returns the path of the target that a link has as an object, and of which the patched build has the same; "" if there is none.
func (c *comparison) linkedTarget(dir string, targets []string) string {
	for _, t := range targets {
		file := filepath.Join(dir, t)
		isOf := func(u buildtree.Unit) bool { return u.Object == file }
		was := linkedObject(c.orig, file)
		if is := linkedObject(c.patched, file); was != "" && (is == "" || is == was) && !slices.ContainsFunc(c.patched.Units, isOf) {
			return file
		}
	}
	return ""
}

// linkedObject returns the digest of an object that a link of a record has, "" if none has it.
func linkedObject(r *buildtree.Record, file string) buildtree.Digest {
	name := filepath.Base(file)
	for i := len(r.Links) - 1; i >= 0; i-- {
		for _, in := range r.Links[i].Inputs {
			if in.Member == "" && strings.HasSuffix(in.Path, name) && buildtree.ReadPath(r.Links[i].Dir, in.Path) == file {
				return in.ObjectID
			}
		}
	}
	return ""
}

// isRead reports whether a unit of the original reads a file.
func (c *comparison) isRead(file string) bool {
	for _, u := range c.b.Before.units {
		for _, r := range u.files {
			if r.Path == file {
				return true
			}
		}
	}
	return false
}

// inScript reports whether a file of the tree that a recipe names, in the makefile's directory, names a file in turn.
func (c *comparison) inScript(dir, recipe, file string) bool {
	for _, word := range strings.Fields(recipe) {
		script := filepath.Join(dir, strings.NewReplacer("$(srcdir)", ".", "$(top_srcdir)", c.b.Dirs.Source).Replace(strings.Trim(word, `"';`)))
		// What configure writes has the names of all that it makes, one at a time.
		if !c.drift.before.Names[script] || filepath.Base(script) == "config.status" {
			continue
		}
		if text, err := c.b.patchedText(script); err == nil && namesFile(string(text), file) {
			return true
		}
	}
	return false
}

// relative names a file of the tree as people do.
func (c *comparison) relative(file string) string {
	if name, err := filepath.Rel(c.b.Dirs.Tree, file); err == nil {
		return name
	}
	return file
}

// isMakefile goes by the name of a file.
func isMakefile(file string) bool {
	base := filepath.Base(file)
	return slices.Contains([]string{"Makefile", "makefile", "GNUmakefile"}, base) || filepath.Ext(base) == ".mk"
}

// namesFile reports whether a text has the base name of a file as a word.
func namesFile(text, file string) bool {
	if !strings.Contains(text, path.Base(file)) {
		return false
	}
	return regexp.MustCompile(`(^|[^\w.-])` + regexp.QuoteMeta(path.Base(file)) + `($|[^\w.-])`).MatchString(text)
}

// rulesOf reads the rules of a makefile that have a recipe.
func rulesOf(text string) (rules []rule) {
	var now rule
	end := func() {
		if now.recipe != "" {
			rules = append(rules, now)
		}
		now = rule{}
	}
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		switch targets, needs, isRule := strings.Cut(line, ":"); {
		case strings.HasPrefix(line, "\t"):
			now.recipe += line
		case strings.TrimSpace(line) == "" || line[0] == '#':
		case isRule && !strings.ContainsAny(targets, "=#") && !strings.HasPrefix(needs, "="):
			end()
			needs, recipe, _ := strings.Cut(needs, ";")
			now = rule{strings.Fields(targets), strings.Fields(needs), recipe}
		default:
			end()
		}
	}
	end()
	return rules
}
