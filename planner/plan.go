package planner

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"gocare/buildtree"
	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/srcpatch"
	"gocare/kpatch"
)

// Plan is everything that making patches needs from the two builds: kept in the store for a later run.
type Plan struct {
	Targets  []Target            `json:"targets"`
	Patches  []kpatch.SourceFile `json:"patches"`
	CVEs     []string            `json:"cves,omitempty"` // that the patches name, by order of these
	Compiler string              `json:"compiler"`
	Files    []SourceFile        `json:"files"`
	Same     []string            `json:"same"` // sources that the patched build compiled to the same object

	// Overridden are the refusals of the comparison as a whole that the user overrode; not kept in the store.
	Overridden []*fault.Error `json:"-"`
}

// Target is one installed binary with changed units.
type Target struct {
	Path    string            `json:"path"` // absolute, in the original install
	BuildID string            `json:"build_id"`
	Binary  buildtree.Digest  `json:"binary"` // as the linker wrote it
	Map     buildtree.Digest  `json:"map"`
	Inputs  []buildtree.Input `json:"inputs"`
	Sources []string          `json:"sources"` // parallel to Inputs: what an object that is gone was compiled from, else ""
	Shared  []string          `json:"shared"`  // shared libraries it was linked against
	Units   []Unit            `json:"units"`
	Wrapped []string          `json:"wrapped,omitempty"`  // symbols that the link redirects (--wrap)
	Machine elf.Machine       `json:"machine,omitempty"`  // 0 in older plans, which are for x86-64
	Own     string            `json:"own,omitempty"`      // option that binds a library's symbols to it
	NewLibs []Library         `json:"new_libs,omitempty"` // shared libraries that only the patched link has
	Later   []Library         `json:"later,omitempty"`    // patched versions of libraries that the original link has
	New     []Addition        `json:"new,omitempty"`      // inputs that only the patched link has
	Same    []SameUnit        `json:"same,omitempty"`     // units of which the assembly is the same and declarations differ, of other links of a process, too
	Gone    []GoneInput       `json:"gone,omitempty"`     // recorded ones that only the original link has
	Library bool              `json:"library,omitempty"`  // one that processes of other targets may load
	Unseen  bool              `json:"unseen,omitempty"`   // its link is not recorded: it may have other inputs, and Map is none
	Parts   []Part            `json:"parts,omitempty"`    // partial links whose inputs are among Inputs
}

// Part is a partial link (ld -r) of which the inputs stand in the place of its output.
type Part struct {
	Dir    string           `json:"dir"`  // absolute; its map names inputs from there
	Path   string           `json:"path"` // of its output, as the map of the link that took it in spells it
	Member string           `json:"member,omitempty"`
	Map    buildtree.Digest `json:"map"`
	Parts  []Part           `json:"parts,omitempty"`
}

// Unit is one changed unit of a target.
type Unit struct {
	Source  string           `json:"source"` // relative to the source directory when below it
	SHA256  string           `json:"sha256"` // of the original source, "" if it is not a file of the tree
	Input   int              `json:"input"`  // index into the target's inputs, or NoInput
	Orig    buildtree.Digest `json:"orig"`   // assembly of the original unit
	Patched buildtree.Digest `json:"patched"`
	Record  buildtree.Unit   `json:"record"` // of the patched compile: how to assemble

	Machine elf.Machine `json:"machine,omitempty"` // as of a target
	// Unshown says that it was compiled from what the source patch does not show: a source that the build made anew, other options.
	Unshown bool `json:"unshown,omitempty"`

	Object *ObjectUnit `json:"object,omitempty"` // of a unit that is known by its objects: Orig and Patched were written from them

	Late *Late `json:"late,omitempty"` // of a unit that was made when the program was linked

	// Linked is the assembly of what runs, where Orig and Patched were compiled on the side, see nameVariables; and Alone the same
	// without a look at callees.
	Linked buildtree.Digest `json:"linked,omitempty"`
	Alone  buildtree.Digest `json:"alone,omitempty"`
	// Unnamed is why a unit that would need such a compile has none.
	Unnamed string `json:"unnamed,omitempty"`

	SideVersions
}

// NoInput is the input of a unit that the original link does not have.
const NoInput = -1

// Arch is the machine that a target is for.
func (t *Target) Arch() *arch.Target { return archOf(t.Machine) }

// Arch is the machine that a unit is for.
func (u *Unit) Arch() *arch.Target { return archOf(u.Machine) }

func archOf(m elf.Machine) *arch.Target {
	if t, known := arch.ByMachine(m); known {
		return t
	}
	return arch.Default()
}

// SideVersions are what a unit was compiled to besides, for the comparison alone. A digest is "" where a version does not matter, or
// could not be compiled.
type SideVersions struct {
	Indirect     buildtree.Digest `json:"indirect,omitempty"`   // assembly that reaches variables of libraries through the GOT only
	Restored     buildtree.Digest `json:"restored,omitempty"`   // assembly with the old line numbers
	Stamped      buildtree.Digest `json:"stamped,omitempty"`    // assembly of the original compiled at the patched one's time
	OrigTypes    buildtree.Digest `json:"orig_types,omitempty"` // objects with debugging information
	PatchedTypes buildtree.Digest `json:"patched_types,omitempty"`
	// Objects with the types of variables that other units define, where those above do not tell them; see compileProbes.
	OrigElsewhere    buildtree.Digest `json:"orig_elsewhere,omitempty"`
	PatchedElsewhere buildtree.Digest `json:"patched_elsewhere,omitempty"`

	OrigText buildtree.Digest `json:"orig_text,omitempty"` // the original source as the preprocessor leaves it, see preprocessCounts

	MovedCases []MovedCase `json:"moved_cases,omitempty"`

	OrigDebug    buildtree.Digest `json:"orig_debug,omitempty"` // assembly compiled with -g on the side, "" if the build has -g
	PatchedDebug buildtree.Digest `json:"patched_debug,omitempty"`

	// Assembly with functions that read some of the variables that neither version keeps, or write all, see compileUnstored.
	OrigRead       []buildtree.Digest `json:"orig_read,omitempty"`
	PatchedRead    []buildtree.Digest `json:"patched_read,omitempty"`
	PatchedWritten buildtree.Digest   `json:"patched_written,omitempty"`
	OrigKept       buildtree.Digest   `json:"orig_kept,omitempty"`      // with those that the patched version alone keeps
	PatchedLocals  buildtree.Digest   `json:"patched_locals,omitempty"` // with static locals kept that are not else, see compileLocals
}

// Library is a shared library of the patched link that the original has not, or not so.
type Library struct {
	Path   string           `json:"path"`
	Object buildtree.Digest `json:"object"`
}

// GoneInput is an input that the original link has and the patched link has not.
type GoneInput struct {
	Name   string           `json:"name"` // its source
	Object buildtree.Digest `json:"object"`
}

// Addition is an input that the patched link has and the original has not: a new source, or another member of an archive.
type Addition struct {
	Name   string           `json:"name"` // its source, else as the linker calls it
	Object buildtree.Digest `json:"object"`
	Asm    buildtree.Digest `json:"asm,omitempty"` // "" without a record of its compile
	Record buildtree.Unit   `json:"record"`

	SideVersions
}

// Save keeps a plan in a store.
func (p *Plan) Save(store *buildtree.Store) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(store.Dir(), buildtree.PlanFile), data, 0o644)
}

// ForgetPlan takes away the plan of an earlier run, which --update would make patches of though a later one was refused.
func ForgetPlan(store *buildtree.Store) error {
	err := os.Remove(filepath.Join(store.Dir(), buildtree.PlanFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// LoadPlan reads the plan that the last run in a tree kept.
func LoadPlan(store *buildtree.Store) (*Plan, error) {
	data, err := os.ReadFile(filepath.Join(store.Dir(), buildtree.PlanFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Refused, store.Dir(), "no recorded builds to update from: the last run was refused, or there was none").
			WithState("tree unchanged").WithHint("run patchmake with the patches, without --update, first")
	}
	if err != nil {
		return nil, err
	}
	p := &Plan{}
	return p, json.Unmarshal(data, p)
}

// SourceFile is one file that the patches change, as the plan keeps it.
type SourceFile struct {
	Old    string           `json:"old"`
	New    string           `json:"new"`
	Before buildtree.Digest `json:"before"`
	After  buildtree.Digest `json:"after"`
	Lines  []srcpatch.Run   `json:"lines"`
}
