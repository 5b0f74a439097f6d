package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"gocare/buildtree"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/isolate"
	"gocare/internal/srcpatch"
	"gocare/kpatch"
)

// plan is everything that making patches needs from the two builds: kept in the store for --update.
type plan struct {
	Targets  []target            `json:"targets"`
	Patches  []kpatch.SourceFile `json:"patches"`
	Compiler string              `json:"compiler"`
	Files    []sourceFile        `json:"files"`
	Same     []string            `json:"same"` // sources that the patched build compiled to the same object
}

// target is one installed binary with changed units.
type target struct {
	Path    string            `json:"path"` // absolute, in the original install
	BuildID string            `json:"build_id"`
	Binary  buildtree.Digest  `json:"binary"` // as the linker wrote it
	Map     buildtree.Digest  `json:"map"`
	Inputs  []buildtree.Input `json:"inputs"`
	Shared  []string          `json:"shared"` // shared libraries it was linked against
	Units   []unit            `json:"units"`
	Wrapped []string          `json:"wrapped,omitempty"`  // symbols that the link redirects (--wrap)
	Own     string            `json:"own,omitempty"`      // option that binds a library's symbols to it
	NewLibs []newLibrary      `json:"new_libs,omitempty"` // shared libraries that only the patched link has
	New     []addition        `json:"new,omitempty"`      // inputs that only the patched link has

	link *buildtree.Link // the original link, while comparing
}

// unit is one changed unit of a target.
type unit struct {
	Source       string           `json:"source"` // relative to the source directory when below it
	SHA256       string           `json:"sha256"` // of the original source, "" if it is not a file of the tree
	Input        int              `json:"input"`  // index into the target's inputs
	Orig         buildtree.Digest `json:"orig"`   // assembly of the original unit
	Patched      buildtree.Digest `json:"patched"`
	Indirect     buildtree.Digest `json:"indirect,omitempty"`   // assembly that reaches variables of libraries through the GOT only; "" if not needed
	Restored     buildtree.Digest `json:"restored,omitempty"`   // assembly with the old line numbers; "" if that could not be compiled
	Record       buildtree.Unit   `json:"record"`               // of the patched compile: how to assemble
	Stamped      buildtree.Digest `json:"stamped,omitempty"`    // assembly of the original compiled at the patched one's time; "" if that is no matter
	OrigTypes    buildtree.Digest `json:"orig_types,omitempty"` // objects with debugging information, "" where types do not matter
	PatchedTypes buildtree.Digest `json:"patched_types,omitempty"`
	OrigDebug    buildtree.Digest `json:"orig_debug,omitempty"` // assembly compiled with -g on the side, "" if the build has -g
	PatchedDebug buildtree.Digest `json:"patched_debug,omitempty"`
}

// newLibrary is a shared library that the patched link has and the original has not.
type newLibrary struct {
	Path   string           `json:"path"`
	Object buildtree.Digest `json:"object"`
}

// addition is an input that the patched link has and the original has not: a new source, or another member of an archive.
type addition struct {
	Name   string           `json:"name"` // its source, else as the linker calls it
	Object buildtree.Digest `json:"object"`
	Asm    buildtree.Digest `json:"asm,omitempty"` // "" without a record of its compile
	Record buildtree.Unit   `json:"record"`

	Indirect buildtree.Digest `json:"indirect,omitempty"` // as of a unit
}

const planFile = "plan.json"

func (w *workspace) savePlan(p *plan) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(w.store.Dir(), planFile), data, 0o644)
}

func (w *workspace) loadPlan() (*plan, error) {
	data, err := os.ReadFile(filepath.Join(w.store.Dir(), planFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Refused, w.store.Dir(), "no recorded builds to update from").
			WithState("tree unchanged").WithHint("run patchmake with the patches, without --update, first")
	}
	if err != nil {
		return nil, err
	}
	p := &plan{}
	return p, json.Unmarshal(data, p)
}

// compareBuilds pairs the two stages' records and compiles what the comparison needs besides.
func (w *workspace) compareBuilds(ctx context.Context, box *isolate.Sandbox, change *srcpatch.Change, patches []*srcpatch.Patch) (*plan, error) {
	for _, line := range w.recordErrors() {
		w.u.Warn("recording: %s", line)
	}
	c, targets, err := w.compareRecords(change)
	if err != nil {
		return nil, err
	}
	if err := c.addHeaderUsers(ctx, box, targets); err != nil {
		return nil, err
	}
	targets = withUnits(targets)
	if err := c.addLayouts(ctx, box, targets); err != nil {
		return nil, err
	}
	if err := c.compileIndirect(ctx, box, targets); err != nil {
		return nil, err
	}
	if err := c.compileRestored(ctx, box, targets); err != nil {
		return nil, err
	}
	if err := c.compileStamped(targets); err != nil {
		return nil, err
	}
	p := &plan{Targets: targets, Same: c.same()}
	if p.Files, err = w.sourceFiles(change); err != nil {
		return nil, err
	}
	for _, patch := range patches {
		p.Patches = append(p.Patches, kpatch.SourceFile{Name: patch.Name, SHA256: patch.SHA256})
	}
	p.Compiler = compilerVersion(ctx, targets)
	return p, nil
}

func (w *workspace) recordErrors() []string {
	lines, err := w.store.Errors()
	if err != nil {
		return []string{err.Error()}
	}
	return lines
}

// compilerVersion is the first line of what the first unit's compiler says of itself.
func compilerVersion(ctx context.Context, targets []target) string {
	for _, t := range targets {
		for _, u := range t.Units {
			ended := others(ctx)
			out, err := exec.CommandContext(ctx, u.Record.Driver, "--version").Output()
			ended()
			if line, _, ok := strings.Cut(string(out), "\n"); err == nil && ok {
				return line
			}
		}
	}
	return ""
}

// installedFiles lists the ELF programs and libraries of the original install, in order of path.
func (w *workspace) installedFiles() ([]installed, error) {
	var files []installed
	err := filepath.WalkDir(w.o.OriginalDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil || !elfobj.IsELF(data) {
			return err
		}
		if f, err := elfobj.Parse(data); err == nil && (f.Type == elfExec || f.Type == elfDyn) {
			files = append(files, installed{Path: path, BuildID: f.BuildID(), Digest: buildtree.DigestOf(data)})
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(files) == 0 {
		return nil, fault.New(fault.Refused, w.o.OriginalDir, "the install step put no program or library there").
			WithState("no patch written").WithHint("the install command must honour $%s; see --destdir and --install-cmd", w.o.DestVar)
	}
	return files, err
}

func withUnits(targets []target) []target {
	kept := targets[:0]
	for _, t := range targets {
		if len(t.Units)+len(t.New) > 0 {
			kept = append(kept, t)
		}
	}
	return kept
}
