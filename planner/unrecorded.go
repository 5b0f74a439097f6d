package planner

import (
	"bytes"
	"cmp"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/isolate"
)

// CheckRecord refuses, before the patched version is built, what the record of the original shows cannot be patched: nothing that is
// installed has a record of its link, or one without has the code of a source that the patch changes.
func CheckRecord(ctx context.Context, b Builds) error {
	orig, err := b.Store.Load(buildtree.Original)
	if err != nil {
		return err
	}
	files, err := installedFiles(b.Dirs)
	if err != nil {
		return err
	}
	v := inventory{&b, orig}
	recorded, unrecorded := v.split(files)
	if len(recorded) > 0 && !slices.ContainsFunc(recorded, func(f installed) bool { return !f.foreign() }) {
		return refuseForeign(recorded[0])
	}
	if len(unrecorded) == 0 {
		return nil
	}
	if len(recorded) == 0 {
		return v.refuseAll(unrecorded)
	}
	return v.refuseHolders(ctx, unrecorded)
}

// inventory is what is installed, and the record of the build that made it.
type inventory struct {
	b    *Builds
	orig *buildtree.Record
}

// refuseAll refuses an install of which nothing has a record.
func (v inventory) refuseAll(files []installed) error {
	return v.refuseUnrecorded(files[0], "no record of the link with BuildID %s", cmp.Or(files[0].buildID, "none"))
}

// split tells installed files of which the link is recorded from the others.
func (v inventory) split(files []installed) (recorded, unrecorded []installed) {
	for _, f := range files {
		if v.linkOf(f) == nil {
			unrecorded = append(unrecorded, f)
		} else {
			recorded = append(recorded, f)
		}
	}
	return recorded, unrecorded
}

// refuseHolders refuses files without a record that hold the code of a recorded unit whose source the patch changes.
func (v inventory) refuseHolders(ctx context.Context, files []installed) error {
	changed := map[string]bool{}
	for _, f := range v.b.Change.Files {
		changed[filepath.Join(v.b.Dirs.Source, f.Old)] = f.Old != ""
	}
	for i := range v.orig.Units {
		u := &v.orig.Units[i]
		if !changed[sourcePath(u)] {
			continue
		}
		object, err := v.objectOf(ctx, u)
		if err != nil {
			continue // what the patched build makes is looked at once more
		}
		for _, f := range files {
			data, err := os.ReadFile(f.path)
			if err != nil {
				return err
			}
			if holdsCode(data, object) {
				return v.refuseUnrecorded(f, "%s, which the patch changes, is linked into it, and there is no record of that link", v.b.sourceName(u))
			}
		}
	}
	return nil
}

// objectOf returns the object of a unit: as it stands in the tree, as a link recorded it, or assembled anew.
func (v inventory) objectOf(ctx context.Context, u *buildtree.Unit) ([]byte, error) {
	if data, err := v.objectAsIs(u); err == nil {
		return data, nil
	}
	text, err := v.b.Store.Blob(u.AsmID)
	if err != nil {
		return nil, err
	}
	return Assemble(ctx, v.b.Store, u, text)
}

// objectAsIs returns the object of a unit as it stands in the tree, or as a link recorded it.
func (v inventory) objectAsIs(u *buildtree.Unit) ([]byte, error) {
	if data, err := os.ReadFile(u.Object); err == nil && buildtree.DigestOf(data) == u.ObjectID {
		return data, nil
	}
	return v.b.Store.Blob(u.ObjectID)
}

// judgeUnrecorded refuses installed files without a record that are others in the patched install.
func (v inventory) judgeUnrecorded(ctx context.Context, files []installed) error {
	if len(files) == 0 {
		return nil
	}
	patched, err := v.patchedDigests(ctx, files)
	if err != nil {
		return err
	}
	for _, f := range files {
		if now := patched[f.path]; now != "" && now != f.digest {
			return v.refuseUnrecorded(f, "it is another in the patched build, and there is no record of its link")
		}
		v.b.Warn("%s: no record of its link: not looked at (built without carecc?)", f.path)
	}
	return nil
}

// patchedDigests tells for the paths of installed files what the patched install has in their place, as far as there is such a file.
func (v inventory) patchedDigests(ctx context.Context, files []installed) (map[string]buildtree.Digest, error) {
	digests := map[string]buildtree.Digest{}
	if v.b.View == nil {
		return digests, nil
	}
	for _, f := range files {
		rel, err := filepath.Rel(v.b.Dirs.Installed, f.path)
		if err != nil {
			return nil, err
		}
		cmd := v.b.View.Command(ctx, isolate.Cmd{Dir: v.b.Dirs.Tree, Env: v.b.Env, Args: []string{"sha256sum", "--", filepath.Join(v.b.Dirs.Patched, rel)}})
		out, err := cmd.Output()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if digest, _, ok := bytes.Cut(out, []byte(" ")); err == nil && ok {
			digests[f.path] = buildtree.Digest(strings.TrimPrefix(string(digest), `\`))
		}
	}
	return digests, nil
}

// hintHidden is for builds that patchmake ran and of which nothing could be recorded.
const hintHidden = "the build hides its compiler: it clears the environment (env -i), or looks for as and ld elsewhere (gcc -B); let it call carecc in " +
	"the place of its compiler, with -B where it needs that, or keep PATH and COMPILER_PATH"

// refuseUnrecorded refuses a file without a record. The shortest way to one is to have it linked anew: a build that patchmake runs is
// recorded.
func (v inventory) refuseUnrecorded(f installed, format string, args ...any) *fault.Error {
	e := fault.Refuse(fault.NoRecord, f.path, format, args...).WithState("no patch written")
	made := v.madeAs(f)
	switch data, _ := os.ReadFile(made); {
	case len(v.orig.Units) == 0 && v.b.Clean, v.b.Store.Remade(made, buildtree.DigestOf(data)) == buildtree.MadeUnrecorded:
		return e.WithHint(hintHidden)
	case len(v.orig.Units) == 0 || made == "":
		return e.WithHint("the tree was built without carecc, or the build cleans its environment: run patchmake --clean, or build with CC=carecc first")
	}
	if object := v.objectIn(f); object != "" {
		return e.WithHint("remove %s, touch %s and run patchmake again: the build links it anew and that is recorded; nothing has to be compiled", made, object)
	}
	return e.WithHint("remove %s and run patchmake again: the build makes it anew, and its link is recorded", made)
}

// objectIn finds an object of the tree of which a file holds code, "" if there is none.
func (v inventory) objectIn(f installed) string {
	data, err := os.ReadFile(f.path)
	if err != nil {
		return ""
	}
	for _, u := range v.orig.Units {
		object, err := os.ReadFile(u.Object)
		if err == nil && isolate.Within(u.Object, v.b.Dirs.Tree) && holdsCode(data, object) {
			return u.Object
		}
	}
	return ""
}

// madeAs finds the file of the tree that was installed, "" if there is none.
func (v inventory) madeAs(f installed) (made string) {
	_ = filepath.WalkDir(v.b.Dirs.Tree, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || made != "":
			return filepath.SkipAll
		case d.IsDir() && (path == v.b.Dirs.Installed || strings.HasPrefix(d.Name(), ".") && d.Name() != ".libs" && path != v.b.Dirs.Tree):
			return filepath.SkipDir
		case d.Type().IsRegular() && sameProgram(path, f):
			made = path
		}
		return nil
	})
	return made
}

// sameProgram reports whether a file is what was installed, before strip perhaps.
func sameProgram(path string, f installed) bool {
	if filepath.Base(path) != filepath.Base(f.path) {
		return false
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	return buildtree.DigestOf(data) == f.digest || f.buildID != "" && buildIDOf(data) == f.buildID
}
