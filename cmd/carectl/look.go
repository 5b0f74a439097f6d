package main

import (
	"fmt"
	"slices"
	"strings"

	"gocare/engine"
	"gocare/engine/inspect"
	"gocare/internal/plain"
	"gocare/internal/ui"
)

// keptFiles bounds the ELF files that are kept for the next process, in bytes.
const keptFiles = 24 << 20

// looker looks at processes for info: a glance has to do for most of them.
type looker struct {
	*command
	library *engine.Library // nil: no patches were given
	known   map[inspect.MappedFile]bool
	cache   inspect.Cache
	signed  map[string]string // by path of a patch, see objectRow
}

// infoOne says what runs in a process.
func infoOne(c *command) (func(pid int) (answer, error), error) {
	l := &looker{command: c, known: map[inspect.MappedFile]bool{}, cache: inspect.Cache{Bytes: keptFiles}, signed: map[string]string{}}
	if len(c.args) > 0 {
		check, err := c.lookAtSignatures(l.signed)
		if err != nil {
			return nil, err
		}
		if l.library, err = engine.OpenLibrary(c.args, check); err != nil {
			return nil, err
		}
	}
	return l.look, nil
}

func (l *looker) look(pid int) (answer, error) {
	if l.all {
		if g, err := inspect.GlanceAt(pid); err == nil && !l.interesting(g) {
			return answer{}, nil
		}
	}
	p, closer, err := open(pid)
	if err != nil {
		return answer{}, err
	}
	defer closer.Close()
	h := &hostRow{PID: pid, Comm: p.Comm, UID: p.UID, Outdated: outdated(p)}
	if h.Patches, err = l.applied(p); err != nil {
		return answer{}, fmt.Errorf("pid %d: %w", pid, err)
	}
	if h.Objects, err = l.standings(p); err != nil {
		return answer{}, fmt.Errorf("pid %d: %w", pid, err)
	}
	h.Begun = l.begun(p)
	l.learn(p)
	if len(h.Patches)+len(h.Begun)+len(h.Objects)+len(h.Outdated) == 0 {
		return answer{}, nil
	}
	return answer{Host: h}, nil
}

// interesting reports whether a glance asks for a second look.
func (l *looker) interesting(g inspect.Glance) bool {
	if g.Patched || g.Unclear {
		return true
	}
	return slices.ContainsFunc(g.Files, func(f inspect.MappedFile) bool {
		concerned, known := l.known[f]
		return f.Deleted() || concerned || !known && l.library != nil
	})
}

// learn keeps which files of a process a patch is for.
func (l *looker) learn(p *inspect.Process) {
	if l.library == nil {
		return
	}
	for i := range p.Mappings {
		if f := p.Mappings[i].File(); p.Mappings[i].Exec && f.Inode != 0 && !l.known[f] {
			l.known[f] = false
		}
	}
	for i := range p.Objects {
		o := &p.Objects[i]
		l.known[o.File()] = o.BuildID == "" && o.Err != nil || l.library.Concerns(o.BuildID)
	}
}

// applied lists the patches in a process, or those that fix a CVE.
func (l *looker) applied(p *inspect.Process) (rows []infoRow, err error) {
	list, err := engine.List(p)
	if err != nil {
		return nil, err
	}
	for _, i := range list {
		if l.cve != "" && !slices.ContainsFunc(i.CVEs, l.asked) {
			continue
		}
		rows = append(rows, infoRow{
			i.PID, i.Comm, i.Target, i.BuildID, i.Number, i.ID, i.Description, i.CVEs, fmt.Sprintf("%#x", i.Region), i.Functions, i.Inactive, i.Foreign,
		})
	}
	return rows, nil
}

// begun lists what carectls that were killed have left of patches, or of those that fix a CVE.
func (l *looker) begun(p *inspect.Process) []begunRow {
	return begunRows(p.PID, slices.DeleteFunc(engine.ListBegun(p), func(b engine.Begun) bool {
		return l.cve != "" && !slices.ContainsFunc(b.CVEs, l.asked)
	}))
}

func (l *looker) asked(cve string) bool { return strings.EqualFold(cve, l.cve) }

// standings says how a process stands to the patches given.
func (l *looker) standings(p *inspect.Process) (rows []objectRow, err error) {
	if l.library == nil {
		return nil, nil
	}
	list, err := engine.Survey(p, l.library, l.cve, l.load)
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		row := objectRow{
			Target: plain.Line(s.Object.Name), Path: plain.Line(s.Object.Path), BuildID: s.Object.BuildID, ID: s.File.Patch.ID, File: s.File.Path,
			CVEs: s.File.Patch.Meta.Fixes(), Signed: l.signed[s.File.Path], State: vulnerable, By: s.By,
		}
		if s.Fixed {
			row.State = patched
		}
		if s.Why != nil {
			row.Obstacle = ui.FailureOf(s.Why)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// load reads the ELF files of a process, or takes them from the cache.
func (l *looker) load(p *inspect.Process) {
	for i := range p.Objects {
		o := &p.Objects[i]
		l.reads(o.FileSize())
		o.Err = l.cache.Load(o)
	}
}

// outdated lists the objects of a process that run from a file which was deleted or replaced.
func outdated(p *inspect.Process) (rows []outdatedRow) {
	for i := range p.Objects {
		o := &p.Objects[i]
		state, now := p.OnDisk(o)
		if state == inspect.InPlace {
			continue
		}
		path := strings.TrimSuffix(plain.Line(o.Path), " (deleted)")
		rows = append(rows, outdatedRow{Target: plain.Line(o.Name), Path: path, BuildID: o.BuildID, State: state, DiskBuildID: now})
	}
	return rows
}
