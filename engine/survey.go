package engine

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocare/engine/inspect"
	"gocare/engine/trace"
	"gocare/internal/fault"
	"gocare/internal/kpname"
	"gocare/kpatch"
)

// Standing is how an object of a process stands to a patch that is for it.
type Standing struct {
	File   *File
	Object *inspect.Object
	Fixed  bool     // what the patch changes is in effect
	By     []string // ids of the patches that have it, this one or others which contain it
	Why    error    // what speaks against applying it now; nil if nothing does, or it is fixed
}

// Survey says how a process stands to the patches of a library that are for its objects, or that name a CVE ("" for all). load reads
// the ELF files of the process, as far as they are needed.
func Survey(p *inspect.Process, library *Library, cve string, load func(*inspect.Process)) ([]Standing, error) {
	files, err := library.For(p)
	if err != nil {
		return nil, err
	}
	regions, err := liveRegions(p)
	if err != nil {
		return nil, err
	}
	var list []Standing
	for _, f := range files {
		if cve != "" && !f.Patch.Meta.Names(cve) {
			continue
		}
		for i := range p.Objects {
			if o := &p.Objects[i]; o.BuildID == f.Patch.BuildID {
				list = append(list, standing(p, f, o, regions))
			}
		}
	}
	if slices.ContainsFunc(list, func(s Standing) bool { return !s.Fixed }) {
		load(p)
	}
	for i := range list {
		if s := &list[i]; !s.Fixed {
			s.Why = obstacle(p, s.File)
		}
	}
	return list, nil
}

// standing compares a patch with those that are applied to an object: it is fixed if in each function that the patch replaces the version of
// one that has its changes is what runs. Not all that was made from the same sources replaces all functions.
func standing(p *inspect.Process, f *File, o *inspect.Object, regions []live) Standing {
	s := Standing{File: f, Object: o}
	active := map[inspect.Addr]bool{}
	for i := range regions {
		l := &regions[i]
		if l.Object != o || !l.has(f, l.meta(p)) {
			continue
		}
		s.By = append(s.By, l.ID)
		for _, fn := range l.Functions {
			active[fn.Old] = active[fn.Old] || fn.Via == 0 && fn.Hooked && l.reachable(fn.Old)
		}
	}
	s.Fixed = len(s.By) > 0
	for _, fn := range f.Patch.Functions {
		if !fn.IsNew() && !fn.IsGate() {
			old := o.Addr(inspect.LinkAddr(f.Patch.Sections[fn.Old.Section].Addr + fn.Old.Offset))
			landing := p.Machine.LandingSize // the hook may be behind it
			s.Fixed = s.Fixed && (active[old] || int(fn.OldSize) > landing && active[old+inspect.Addr(landing)])
		}
	}
	return s
}

// has reports whether a live patch has what a file changes: it was made from that file, from all of its source patches, or to be applied
// over it. What others applied says no more than its id.
func (l *live) has(f *File, m *kpatch.Meta) bool {
	switch {
	case l.ours && l.state.digest == f.Digest:
		return true
	case !l.ours:
		return l.ID == f.Patch.ID
	case m == nil:
		return false
	}
	return slices.Contains(m.Bases(), f.Patch.ID) || f.Patch.Meta != nil && hasAll(m.Sources, f.Patch.Meta.Sources)
}

// obstacle says what speaks against applying a patch. Only its application shows whether threads stand in the way.
func obstacle(p *inspect.Process, f *File) error {
	tracer := trace.Tracer(p.PID)
	switch {
	case tracer != 0:
		return fault.Refuse(fault.Traced, "", "is traced by pid %d", tracer)
	case os.Geteuid() != 0 && trace.AllFiltered(p.PID): // one thread without is enough to make calls
		return fault.Refuse(fault.Seccomp, "", "each of its threads has a seccomp filter, which only root may suspend")
	}
	_, err := NewPlan(p, Request{Files: []*File{f}})
	switch e := fault.As(err); {
	case errors.As(err, new(*needResolver)):
		return nil // what applies the patch has the process choose
	case e != nil && e.Code == fault.AlreadyApplied:
		return fault.Refuse(fault.AlreadyApplied, "", "another version of patch %s is applied", f.Patch.ID).
			WithHint("apply this one with --replace %s", f.Patch.ID)
	}
	return err
}

// Naming reports whether the library has a patch that names a CVE. It reads all of its directories.
func (l *Library) Naming(cve string) (bool, error) {
	for _, f := range l.files {
		if f.Patch.Meta.Names(cve) {
			return true, nil
		}
	}
	for _, dir := range l.dirs {
		found, err := l.namedIn(dir, cve)
		if found || err != nil {
			return found, err
		}
	}
	return false, nil
}

func (l *Library) namedIn(dir, cve string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, fault.New(fault.Environment, dir, "cannot read the directory").WithCause(err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name(), "latest", "kpatch.bin")
		if strings.HasSuffix(e.Name(), kpname.FileSuffix) {
			path = filepath.Join(dir, e.Name())
		}
		if _, err := os.Stat(path); err != nil {
			continue // a directory without a patch
		}
		f, err := LoadFile(path, l.check)
		if err != nil {
			return false, err
		}
		if f.Patch.Meta.Names(cve) {
			return true, nil
		}
	}
	return false, nil
}

// Concerns reports whether the library has a patch for a BuildID; a file of a directory that cannot be read counts.
func (l *Library) Concerns(buildID string) bool {
	for _, f := range l.files {
		if f.Patch.BuildID == buildID {
			return true
		}
	}
	for _, dir := range l.dirs {
		if f, err := l.find(dir, buildID); f != nil || err != nil {
			return true
		}
	}
	return false
}
