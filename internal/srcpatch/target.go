package srcpatch

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"

	"gocare/internal/fault"
)

// target is where one file's patch goes, as paths in the tree.
type target struct {
	from string // "" for a new file
	to   string // "" for a deleted file
}

// checkNames refuses patches with names that leave the tree at any strip level.
func checkNames(p *Patch) error {
	for _, f := range p.Files {
		for _, name := range []string{f.Old, f.New} {
			if path.IsAbs(name) || hasDotDot(name) {
				return fault.Refuse(fault.PatchPath, fmt.Sprintf("%s:%d", p.Name, f.Line), "the file name %q leaves the tree", name).
					WithHint("name files relative to the root of the sources")
			}
		}
	}
	return nil
}

func hasDotDot(name string) bool {
	for _, part := range strings.Split(name, "/") {
		if part == ".." {
			return true
		}
	}
	return false
}

// checkPath refuses names below symbolic links that lead out of the tree.
func checkPath(tree fs.FS, name string) error {
	for dir := path.Dir(name); dir != "." && dir != "/"; dir = path.Dir(dir) {
		info, err := fs.Lstat(tree, dir)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			continue
		}
		to, err := fs.ReadLink(tree, dir)
		if err != nil || path.IsAbs(to) || strings.HasPrefix(path.Join(path.Dir(dir), to)+"/", "../") {
			return fault.Refuse(fault.PatchPath, name, "the symbolic link %s leads out of the tree", dir)
		}
	}
	return nil
}

func isNotDir(err error) bool { return errors.Is(err, syscall.ENOTDIR) }

// stripName cuts level leading directories off name, "" when it has fewer. "./" in front does not count.
func stripName(name string, level int) string {
	name = path.Clean(name)
	for ; level > 0; level-- {
		_, rest, ok := strings.Cut(name, "/")
		if !ok {
			return ""
		}
		name = rest
	}
	return name
}

// stripLevel finds the number of leading directories to cut: the one git's prefixes ask for, else the lowest, at which
// every file the patch expects exists. Where no level satisfies all files, the best one is taken and the missing
// file becomes the error.
func (st *state) stripLevel(p *Patch) (int, error) {
	best, most := 0, -1
	for _, level := range levels(p) {
		n, want, err := st.found(p, level)
		if err != nil {
			return 0, err
		}
		if n == want && (want > 0 || st.parentsExist(p, level)) {
			return level, nil
		}
		if n > most {
			best, most = level, n
		}
	}
	return best, nil
}

// levels lists the strip levels worth trying, best first.
func levels(p *Patch) []int {
	deepest := 0
	for _, f := range p.Files {
		deepest = max(deepest, strings.Count(path.Clean(f.Old), "/"), strings.Count(path.Clean(f.New), "/"))
	}
	var all []int
	if prefixed(p) {
		all = append(all, 1)
	}
	for n := 0; n <= deepest; n++ {
		if n != 1 || !prefixed(p) {
			all = append(all, n)
		}
	}
	return all
}

// prefixed tells whether all names carry the a/ and b/ (or i/, w/, c/, o/) that git puts in front.
func prefixed(p *Patch) bool {
	has := func(name string) bool {
		return name == "" || len(name) > 2 && name[1] == '/' && strings.ContainsRune("abciow", rune(name[0]))
	}
	for _, f := range p.Files {
		if !has(f.Old) || !has(f.New) || f.Old != "" && f.New != "" && f.Old[0] == f.New[0] {
			return false
		}
	}
	return true
}

// found counts the file patches that need an existing file and those whose file exists at a strip level. Files that an
// earlier part of the same patch makes count as existing.
func (st *state) found(p *Patch, level int) (n, want int, err error) {
	made := map[string]bool{}
	for i := range p.Files {
		f := &p.Files[i]
		if f.New != "" && (f.Old == "" || f.Rename || f.Copy) {
			made[stripName(f.New, level)] = true
		}
		if f.Old == "" || f.makes() {
			continue
		}
		want++
		for _, name := range f.candidates(level) {
			there, err := st.look(name)
			if err != nil {
				return 0, 0, err
			}
			if there.exists || made[name] {
				n++
				break
			}
		}
	}
	return n, want, nil
}

// parentsExist tells, for a patch that only makes files, whether their directories exist at a strip level.
func (st *state) parentsExist(p *Patch, level int) bool {
	if prefixed(p) && level == 1 {
		return true
	}
	for _, f := range p.Files {
		name := stripName(f.New, level)
		if name == "" {
			return false
		}
		if info, err := fs.Stat(st.tree, path.Dir(name)); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}

// candidates lists the names under which the file to patch may exist, likeliest first: of two names the one with fewer
// directories, then the shorter base name, then the shorter name, then the old one, as POSIX and GNU patch choose.
func (f *FilePatch) candidates(level int) []string {
	old, fresh := "", ""
	if f.Old != "" {
		old = stripName(f.Old, level)
	}
	if f.New != "" && !f.Rename && !f.Copy {
		fresh = stripName(f.New, level)
	}
	switch {
	case old == "" && fresh == "":
		return nil
	case old == "" || fresh == "" || old == fresh:
		return []string{pick(old, fresh)}
	case likelier(fresh, old):
		return []string{fresh, old}
	}
	return []string{old, fresh}
}

func likelier(a, b string) bool {
	if x, y := strings.Count(a, "/"), strings.Count(b, "/"); x != y {
		return x < y
	}
	if x, y := len(path.Base(a)), len(path.Base(b)); x != y {
		return x < y
	}
	return len(a) < len(b)
}

// target finds the paths for one file's patch. Both are empty when the file to patch does not exist.
func (st *state) target(f *FilePatch, level int) (target, error) {
	if f.Old == "" {
		return target{to: stripName(f.New, level)}, nil
	}
	from, err := st.existing(f, level)
	if err != nil {
		return target{}, err
	}
	switch {
	case from == "" && f.makes() && f.New != "": // no time stamp, but nothing to start from either
		return target{to: stripName(f.New, level)}, nil
	case from == "":
		return target{}, nil
	case f.New == "":
		return target{from: from}, nil
	case f.Rename || f.Copy:
		return target{from: from, to: stripName(f.New, level)}, nil
	}
	return target{from: from, to: from}, nil
}

// existing returns the first candidate that exists and takes the hunks, else the first that exists, else "".
func (st *state) existing(f *FilePatch, level int) (string, error) {
	first := ""
	for _, name := range f.candidates(level) {
		there, err := st.look(name)
		if err != nil {
			return "", err
		}
		if !there.exists {
			continue
		}
		if _, rej := patched(there, f); rej == nil {
			return name, nil
		}
		if first == "" {
			first = name
		}
	}
	return first, nil
}

// rejectMissing is the error for a file that does not exist at any strip level.
func rejectMissing(p *Patch, f *FilePatch, level int) error {
	where := stripName(f.Old, level)
	if f.Old == "" {
		where = f.New
	}
	return fault.Refuse(fault.PatchTarget, pick(where, f.Old), "%s (line %d) changes this file, but the tree has none of that name", p.Name, f.Line)
}

// resultMode is the mode of the patched file: git knows only whether it is executable.
func resultMode(old *file, f *FilePatch) fs.FileMode {
	switch {
	case f.NewMode == 0 && old.exists:
		return old.mode
	case f.NewMode == 0:
		return 0o644
	case !old.exists:
		return f.NewMode
	case f.NewMode&0o111 != 0:
		return old.mode | old.mode&0o444>>2
	}
	return old.mode &^ 0o111
}
