package srcpatch

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"sort"

	"gocare/internal/fault"
)

// Apply applies the patches in order to tree, in memory, and returns what they change.
func Apply(tree fs.FS, patches []*Patch) (*Change, error) {
	st := newState(tree)
	for _, p := range patches {
		if err := st.apply(p); err != nil {
			return nil, err
		}
	}
	return st.change(), nil
}

// file is one file as the patches so far leave it.
type file struct {
	lines  []string
	origin []int // parallel to lines, see FileChange.origin
	mode   fs.FileMode
	exists bool
	source string // the path in the tree that origin counts in, "" when the file is new
}

// state is the tree with the effect of the patches so far.
type state struct {
	tree  fs.FS
	files map[string]*file // every file looked at so far, by path
}

func newState(tree fs.FS) *state { return &state{tree: tree, files: map[string]*file{}} }

// look returns the file at name as it is now; one that does not exist has exists false. Unreadable files are errors.
func (st *state) look(name string) (*file, error) {
	if f := st.files[name]; f != nil {
		return f, nil
	}
	f, err := st.load(name)
	if err != nil {
		return nil, err
	}
	st.files[name] = f
	return f, nil
}

func (st *state) load(name string) (*file, error) {
	if err := checkPath(st.tree, name); err != nil {
		return nil, err
	}
	info, err := fs.Lstat(st.tree, name)
	if missing(err) || err == nil && info.IsDir() {
		return &file{}, nil
	}
	if err != nil {
		return nil, fault.New(fault.Environment, name, "cannot read the file").WithCause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fault.Refuse(fault.PatchPath, name, "not a regular file").
			WithHint("patch the file that a symbolic link points to")
	}
	data, err := fs.ReadFile(st.tree, name)
	if err != nil {
		return nil, fault.New(fault.Environment, name, "cannot read the file").WithCause(err)
	}
	f := &file{lines: splitLines(string(data)), mode: info.Mode().Perm(), exists: true, source: name}
	for i := range f.lines {
		f.origin = append(f.origin, i+1)
	}
	return f, nil
}

// missing tells whether err says that there is no such file; fs.ErrInvalid stands for names that no tree can hold.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) || isNotDir(err)
}

// apply applies one patch or leaves the state as it was.
func (st *state) apply(p *Patch) error {
	if err := checkNames(p); err != nil {
		return err
	}
	strip, err := st.stripLevel(p)
	if err != nil {
		return err
	}
	for i := range p.Files {
		if err := st.applyFile(p, &p.Files[i], strip); err != nil {
			return err
		}
	}
	return nil
}

// applyFile applies the part of a patch for one file.
func (st *state) applyFile(p *Patch, fp *FilePatch, strip int) error {
	t, err := st.target(fp, strip)
	if err != nil {
		return err
	}
	if t.from == "" && t.to == "" {
		return rejectMissing(p, fp, strip)
	}
	old, err := st.look(pick(t.from, t.to))
	if err != nil {
		return err
	}
	if t.to != "" && t.to != t.from {
		if err := st.checkFree(p, fp, t.to); err != nil {
			return err
		}
	}
	next, rej := patched(old, fp)
	if rej != nil {
		return rej.fault(p, fp, pick(t.from, t.to))
	}
	return st.store(p, fp, t, next)
}

// store puts the result of one file's patch in place.
func (st *state) store(p *Patch, fp *FilePatch, t target, next *file) error {
	if t.to == "" {
		if len(next.lines) > 0 {
			return fault.Refuse(fault.PatchReject, t.from, "%s deletes the file, but its content differs from the patch", p.Name).
				WithHint("make the patch against these sources")
		}
		st.files[t.from] = &file{source: next.source}
		return nil
	}
	next.exists = true
	if t.from != "" && t.from != t.to && !fp.Copy {
		st.files[t.from] = &file{source: st.files[t.from].source}
	}
	if t.from == "" || fp.Copy {
		next.source, next.origin = st.reborn(t.to, next)
	}
	st.files[t.to] = next
	return nil
}

// reborn gives a file made by the patches no origin, or that of a file which earlier patches removed at this path.
func (st *state) reborn(name string, next *file) (string, []int) {
	source := ""
	if f := st.files[name]; f != nil {
		source = f.source
	}
	return source, make([]int, len(next.lines))
}

// checkFree refuses to make a file where one with content stands.
func (st *state) checkFree(p *Patch, fp *FilePatch, name string) error {
	f, err := st.look(name)
	if err != nil {
		return err
	}
	if !f.exists || len(f.lines) == 0 && fp.Old == "" {
		return nil
	}
	e := fault.Refuse(fault.PatchReject, name, "%s makes this file, but it exists already", p.Name).
		WithHint("make the patch against these sources")
	if want, rej := patched(&file{}, fp); rej == nil && equalLines(want.lines, f.lines) {
		e.WithHint("already applied: the file has the content the patch gives it; leave this patch out")
	}
	return e
}

func pick(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// change compares what the patches left with the tree.
func (st *state) change() *Change {
	c := &Change{}
	kept := map[string]bool{} // tree paths whose content lives on somewhere
	for _, f := range st.files {
		if f.exists && f.source != "" {
			kept[f.source] = true
		}
	}
	for name, f := range st.files {
		if fc, ok := st.fileChange(name, f, kept); ok {
			c.Files = append(c.Files, fc)
		}
	}
	sort.Slice(c.Files, func(i, j int) bool { return c.Files[i].path() < c.Files[j].path() })
	c.Files = renamings(c.Files)
	return c
}

func (c FileChange) path() string { return pick(c.New, c.Old) }

// fileChange describes one path, ok only when the patches have an effect there.
func (st *state) fileChange(name string, f *file, kept map[string]bool) (FileChange, bool) {
	before, err := st.load(name)
	if err != nil {
		before = &file{}
	}
	if !f.exists {
		gone := before.exists && !kept[name]
		return FileChange{Old: name, Before: join(before.lines), Mode: before.mode, OldMode: before.mode}, gone
	}
	if f.source != "" && f.source != name {
		before, _ = st.load(f.source)
	}
	fc := FileChange{
		Old: f.source, New: name, Before: join(before.lines), After: join(f.lines),
		Mode: f.mode, OldMode: before.mode, origin: f.origin,
	}
	if f.source == "" {
		fc.Before, fc.OldMode = nil, 0
		return fc, true
	}
	return fc, fc.Old != fc.New || fc.Mode != fc.OldMode || !bytes.Equal(fc.Before, fc.After)
}

func join(lines []string) []byte {
	var b bytes.Buffer
	for _, l := range lines {
		b.WriteString(l)
	}
	return b.Bytes()
}

func equalLines(a, b []string) bool {
	return bytes.Equal(join(a), join(b))
}

// fault turns a hunk that does not fit into an error that names it.
func (r *reject) fault(p *Patch, fp *FilePatch, name string) error {
	h := fp.Hunks[r.hunk]
	e := fault.Refuse(fault.PatchReject, fmt.Sprintf("%s:%d", name, max(r.line, 1)),
		"hunk %d of %d of %s (line %d of the patch) does not apply", r.hunk+1, len(fp.Hunks), p.Name, h.Line)
	if r.applied {
		return e.WithHint("already applied: the file has the lines the hunk would write; leave this patch out or start from the unpatched sources")
	}
	return e.WithHint("make the patch against these sources; the lines it names must match exactly, only their position may differ")
}
