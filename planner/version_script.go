package planner

import (
	"path/filepath"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/lazyregexp"
)

// addsNames reports whether a difference of two links is a version script that the source patch gives further names only: what is linked is
// the same, and running processes have no use for a name that a library shows besides.
func (b *Builds) addsNames(l *buildtree.Link, d buildtree.Difference) bool {
	script := func(name string) bool {
		if !filepath.IsAbs(name) {
			name = filepath.Join(l.Dir, name)
		}
		return filepath.Clean(name) == d.Key
	}
	if !slices.ContainsFunc(buildtree.VersionScripts(l.Argv), script) {
		return false
	}
	for _, f := range b.Change.Files {
		if f.Old != "" && f.New != "" && filepath.Join(b.Dirs.Source, f.New) == d.Key {
			return onlyMoreNames(string(f.Before), string(f.After))
		}
	}
	return false
}

// scriptToken is a comment or a token of a version script.
var scriptToken = lazyregexp.New(`(?s)/\*.*?\*/|#[^\n]*|"[^"]*"|[{};:]|[^\s{};:"#]+`)

func scriptTokens(script string) []string {
	return slices.DeleteFunc(scriptToken.FindAllString(script, -1), func(t string) bool { return strings.HasPrefix(t, "/*") || strings.HasPrefix(t, "#") })
}

// onlyMoreNames reports whether a version script is another one with names added to what is global, none of which a pattern or a node has
// already. GNU ld 2.40, section 3.9, VERSION.
func onlyMoreNames(before, after string) bool {
	was, is := scriptTokens(before), scriptTokens(after)
	patterns := false // in what is global
	global := true
	for i, t := range was {
		global = sectionBehind(was, i, global)
		patterns = patterns || global && isPattern(t)
	}
	global = true
	i := 0
	for j := 0; j < len(is); j++ {
		if i < len(was) && is[j] == was[i] {
			global = sectionBehind(is, j, global)
			i++
			continue
		}
		if patterns || !global || j+1 >= len(is) || is[j+1] != ";" || isPattern(is[j]) || strings.ContainsAny(is[j], `{};:"`) || slices.Contains(was, is[j]) {
			return false
		}
		j++
	}
	return i == len(was)
}

// sectionBehind reports whether names behind token i are global, if those before it are or not.
func sectionBehind(tokens []string, i int, global bool) bool {
	switch {
	case tokens[i] == "{":
		return true
	case tokens[i] == ":" && i > 0:
		return tokens[i-1] == "global"
	}
	return global
}

func isPattern(name string) bool { return strings.ContainsAny(name, "*?[") }
