package engine

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"gocare/engine/inspect"
	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/kpname"
	"gocare/kpatch"
)

// File is a patch file.
type File struct {
	Path   string
	Digest [sha256.Size]byte // of the whole file
	Patch  *kpatch.Patch
}

// Check is what the bytes of a patch file must pass before anything is made of them; nil is none.
type Check func(path string, data []byte) error

// LoadFile reads and checks a patch file. It reads it once: what was checked is what is applied.
func LoadFile(path string, check Check) (*File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		e := fault.New(fault.Environment, "", "cannot read the patch").WithCause(err)
		e.Code = fault.NoPatchFile
		return nil, e.WithState("no process was touched").WithHint("name a .kpatch file or a directory of them")
	}
	if check != nil {
		if err := check(path, data); err != nil {
			return nil, fault.Leaves(err, "no process was touched")
		}
	}
	if target, known := arch.ByMachine(kpatch.Machine(data)); known && target != arch.Host() {
		e := fault.Refuse(fault.FormatMachine, path, "made for %s, not for %s", target.Name, arch.HostName())
		return nil, e.WithState("no process was touched")
	}
	p, err := kpatch.Decode(data)
	if err != nil {
		if e := fault.As(err); e != nil && e.State == "" {
			e.WithState("no process was touched")
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &File{Path: path, Digest: sha256.Sum256(data), Patch: p}, nil
}

// Library is the patch files and directories of a command line.
type Library struct {
	files []*File
	dirs  []string
	seen  map[string]*File // by path, of the directories
	check Check
}

// OpenLibrary loads the files among paths; directories are searched when a process is at hand.
func OpenLibrary(paths []string, check Check) (*Library, error) {
	l := &Library{seen: map[string]*File{}, check: check}
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			l.dirs = append(l.dirs, path)
			continue
		}
		f, err := LoadFile(path, l.check)
		if err != nil {
			return nil, err
		}
		l.files = append(l.files, f)
	}
	return l, nil
}

// LoadAll loads all that the directories have, for whichever process it is.
func (l *Library) LoadAll() error {
	for _, dir := range l.dirs {
		ids, err := kpname.BuildIDs(dir)
		if err != nil {
			return fault.New(fault.Environment, dir, "cannot read the directory").WithCause(err).WithState("no process was touched")
		}
		for _, id := range ids {
			if _, err := l.find(dir, id); err != nil {
				return fault.Leaves(err, "no process was touched")
			}
		}
	}
	return nil
}

// For returns the patches for objects of a process, in the order of the command line. A directory holds
// BUILDID/latest/kpatch.bin, which is tried first, or BUILDID.kpatch.
func (l *Library) For(p *inspect.Process) ([]*File, error) {
	var list []*File
	for _, f := range l.files {
		if p.Object(f.Patch.BuildID) != nil {
			list = append(list, f)
		}
	}
	for _, dir := range l.dirs {
		for i := range p.Objects {
			f, err := l.find(dir, p.Objects[i].BuildID)
			if err != nil {
				return nil, err
			}
			if f != nil {
				list = append(list, f)
			}
		}
	}
	return list, nil
}

// find returns the patch for a BuildID in a directory, nil if there is none.
func (l *Library) find(dir, buildID string) (*File, error) {
	if buildID == "" {
		return nil, nil
	}
	for _, name := range kpname.Files(buildID) {
		path := filepath.Join(dir, name)
		if f := l.seen[path]; f != nil {
			return f, nil
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		f, err := LoadFile(path, l.check)
		if err != nil {
			return nil, err
		}
		if f.Patch.BuildID != buildID {
			return nil, fault.Refuse(fault.WrongBuildID, path, "is for BuildID %s, not for that of its name", f.Patch.BuildID).
				WithState("process unchanged and running")
		}
		l.seen[path] = f
		return f, nil
	}
	return nil, nil
}

// NotApplicable says that a process has no object any of the patches is for.
func (l *Library) NotApplicable(p *inspect.Process) error {
	e := fault.Refuse(fault.NotApplicable, fmt.Sprintf("pid %d", p.PID), "no patch is for an object of %q", p.Comm)
	e.WithState("process unchanged and running")
	for _, f := range l.files {
		if o := f.meant(p); o != nil {
			return e.WithHint("%s is for BuildID %s; %s has %s", f.Path, f.Patch.BuildID, o.Name, o.BuildID)
		}
	}
	return e.WithHint("patches are looked up by the BuildIDs of the executable and its libraries")
}

// meant returns the object of a process that has the name of what the patch was made for, else the executable, nil if none is seen.
func (f *File) meant(p *inspect.Process) (meant *inspect.Object) {
	for i := range p.Objects {
		o := &p.Objects[i]
		if f.Patch.Meta != nil && o.Name == filepath.Base(f.Patch.Meta.Target) {
			return o
		}
		if o.Main {
			meant = o
		}
	}
	return meant
}

// hasVariables reports whether code of a patch refers to variables in it. An encoded patch always has room for some.
func hasVariables(p *kpatch.Patch) bool {
	data := slices.IndexFunc(p.Sections, func(s kpatch.Section) bool { return s.Name == kpname.Data })
	return slices.ContainsFunc(p.Sections, func(s kpatch.Section) bool {
		return slices.ContainsFunc(s.Relocs, func(r kpatch.Reloc) bool {
			return data > 0 && r.Symbol < len(p.Symbols) && p.Symbols[r.Symbol].Section == data
		})
	})
}
