package planner

import (
	"cmp"
	"path/filepath"
	"slices"

	"gocare/buildtree"
	"gocare/internal/fault"
)

// reconfiguredLink is a link that the patched build made in another way.
type reconfiguredLink struct {
	path          string // of the installed binary
	orig, patched *buildtree.Link
	differences   []buildtree.Difference
}

// otherLinks lists the links of which options or files differ that matter to what runs, and warns of options that will not matter before
// the program is started again.
func (c optionCheck) otherLinks(links []pairedLink) (found []reconfiguredLink) {
	for _, l := range links {
		pair := c.pairs[l.link.Output]
		if pair == nil || pair.Orig.OutputID != l.link.OutputID {
			continue
		}
		r := reconfiguredLink{path: l.path, orig: pair.Orig, patched: pair.Patched, differences: linkDifferences(pair.Orig, pair.Patched)}
		r.differences = slices.DeleteFunc(r.differences, func(d buildtree.Difference) bool { return c.b.addsNames(pair.Patched, d) })
		if len(r.differences) > 0 {
			found = append(found, r)
		}
		if atStart := startDifferences(pair); len(atStart) > 0 && c.b.reconfigures() {
			c.b.Warn("%s: linked %s, which matters only when the program is started again", l.path, atStart[0])
		}
	}
	return found
}

// filesPatched refuses a link that reads a file which the source patch changes and that the patched build did not make again: the build does
// not know of the file.
func (c optionCheck) filesPatched(links []pairedLink) error {
	changed := map[string]bool{}
	for _, f := range c.b.Change.Files {
		changed[filepath.Join(c.b.Dirs.Source, cmp.Or(f.New, f.Old))] = true
		changed[filepath.Join(c.b.Dirs.Source, cmp.Or(f.Old, f.New))] = true
	}
	for _, l := range links {
		if c.pairs[l.link.Output] != nil || c.b.Allow(fault.OtherLink) {
			continue
		}
		for _, f := range l.link.Files {
			if changed[f.Path] {
				return fault.Refuse(fault.OtherLink, l.path, "its link reads %s, which the patch changes, and the build does not link it again", f.Path)
			}
		}
	}
	return nil
}

func startDifferences(pair *buildtree.LinkPair) []buildtree.Difference {
	return buildtree.DifferentOptions(pair.Orig.ShapingOptions(buildtree.AtStart), pair.Patched.ShapingOptions(buildtree.AtStart))
}

// linkDifferences compares what shapes two links beside objects: options, files, and the order of the libraries that both have, in which
// the program looks for symbols.
func linkDifferences(a, b *buildtree.Link) []buildtree.Difference {
	d := buildtree.DifferentOptions(a.ShapingOptions(buildtree.Always), b.ShapingOptions(buildtree.Always))
	if a.Files != nil && b.Files != nil {
		d = append(d, buildtree.DifferentOptions(a.FileOptions(), b.FileOptions())...)
	}
	x, y := common(librariesOf(a), librariesOf(b)), common(librariesOf(b), librariesOf(a))
	if !slices.Equal(x, y) {
		d = append(d, buildtree.Difference{Key: "libraries", A: x, B: y})
	}
	return d
}

// common keeps what another list has too.
func common(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return !slices.Contains(other, s) })
}

// patchedLinks refuses the links which the same command makes otherwise without the patch: the patch is the cause.
func patchedLinks(found []reconfiguredLink, unpatched *buildtree.Record) error {
	for _, r := range found {
		made := unpatched.LinkByOutput(r.orig.Output)
		if made == nil {
			return refuseLink(r.path, r.differences[0])
		}
		if d := linkDifferences(made, r.patched); len(d) > 0 {
			return refuseLink(r.path, d[0])
		}
	}
	return nil
}

func refuseLink(path string, d buildtree.Difference) *fault.Error {
	switch {
	case d.Key == "libraries":
		return fault.Refuse(fault.OtherLink, path, "the patched build links its libraries in another order: %v, not %v", d.B, d.A)
	case len(d.Key) > 0 && d.Key[0] == '/' && len(d.A) > 0 && len(d.B) > 0:
		return fault.Refuse(fault.OtherLink, path, "%s, which its link reads, is another in the patched build", d.Key)
	case len(d.Key) > 0 && d.Key[0] == '/' && len(d.B) > 0:
		return fault.Refuse(fault.OtherLink, path, "the patched build links it with %s", d.Key)
	case len(d.Key) > 0 && d.Key[0] == '/':
		return fault.Refuse(fault.OtherLink, path, "the patched build links it without %s", d.Key)
	}
	return fault.Refuse(fault.OtherLink, path, "the patched build links it %s", d)
}
