package patcher

import (
	"bytes"
	"fmt"
	"sync"

	"gocare/buildtree"
	"gocare/internal/elfobj"
	"gocare/ld"
	"gocare/planner"
)

// program is the original binary of a target with its link map and the inputs of its link. It is read once, when it is first asked for.
type program struct {
	facts  func() (*facts, error)
	isLate func(buildtree.Input) (bool, error) // whether an input is no object, but holds code or is not known
}

// facts is what a program that was read tells.
type facts struct {
	linkFacts
	original *ld.Original // nil in tests of the rules
	index    []int        // inputs of the target -> inputs of linkFacts, -1 for those that it does not have
}

// linkFacts are the questions that the rules ask of a link: ld.Original answers them.
type linkFacts interface {
	Users(name string) []int                    // inputs that look for a symbol in others
	Outside(input int, name string) string      // how a function is reached by what is no input
	DefinedAgain(input int, name string) string // another input that defines a symbol, too
	// Displaced names another input of which the linker might no longer take the definition.
	Displaced(input int, name string, by ld.Strength) string
	// Seeker names a library that looks for a symbol at run time, and says whether the binary shows it one.
	Seeker(name string) (library string, shown bool)
	Keeper(name string) int                         // the input whose definition of a symbol the original has, -1 if that is not known
	InLibrary(name string) bool                     // whether a shared library defines it
	DataSize(name string) (size uint64, found bool) // of a variable that can be written, of an input or a library
	InputName(input int) string
	HasOwnPath() bool       // whether it is a library that says where it looks for others
	Named(name string) bool // whether the binary defines a symbol for others, or looks for it
}

func (m *maker) program(t *planner.Target) *program {
	return &program{
		facts:  sync.OnceValues(func() (*facts, error) { return m.openProgram(t) }),
		isLate: func(in buildtree.Input) (bool, error) { return isLate(m.store, in) },
	}
}

func (m *maker) openProgram(t *planner.Target) (*facts, error) {
	bin, err := planner.LoadObject(m.store, t.Binary)
	if err != nil {
		return nil, fmt.Errorf("%s: binary in the record: %w", t.Path, err)
	}
	objects, index, err := m.openInputs(t, bin)
	if err != nil {
		return nil, err
	}
	lm, err := m.linkMap(t, bin, objects)
	if err != nil {
		return nil, err
	}
	o, err := ld.Open(bin, lm, objects)
	return &facts{linkFacts: o, original: o, index: index}, err
}

// linkMap reads the map of a target's link; where there is no record of it, the map is what the symbols tell.
func (m *maker) linkMap(t *planner.Target, bin *elfobj.File, objects []ld.Object) (*ld.Map, error) {
	if t.Unseen {
		return unseenMap(bin, objects)
	}
	data, err := m.store.Blob(t.Map)
	if err != nil {
		return nil, fmt.Errorf("%s: link map in the record: %w", t.Path, err)
	}
	lm, err := ld.ReadMap(data)
	if err != nil {
		return nil, fmt.Errorf("%s: link map: %w", t.Path, err)
	}
	lm.Wrapped, lm.Own = t.Wrapped, t.Own
	return lm, m.expand(lm, t.Parts)
}

// openInputs reads the objects of the original link, then its shared libraries as far as they are still there.
func (m *maker) openInputs(t *planner.Target, bin *elfobj.File) (objects []ld.Object, index []int, err error) {
	index = make([]int, len(t.Inputs))
	late := lateParts{unit: late(t)}
	for i, in := range t.Inputs {
		index[i] = -1
		if in.ObjectID == "" || in.AllocID == "" { // vanished, or bitcode
			continue
		}
		f, err := planner.LoadObject(m.store, in.ObjectID)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: object %s in the record: %w", t.Path, in, err)
		}
		if late.takes(i, in, f) {
			continue
		}
		index[i] = len(objects)
		o := ld.Object{Path: in.Path, Member: in.Member, File: f}
		if len(t.Sources) > i {
			o.Source = t.Sources[i]
		}
		objects = append(objects, o)
	}
	if late.unit != nil {
		for _, i := range late.unit.Partitions {
			index[i] = len(objects)
		}
		objects = append(objects, late.object(t))
	}
	libraries, err := m.libraries(t, bin)
	return append(objects, libraries...), index, err
}

// isLate reports whether an input is no object, but holds code or is not known.
func isLate(store *buildtree.Store, in buildtree.Input) (bool, error) {
	if in.ObjectID == "" || in.AllocID != "" {
		return in.ObjectID == "" && !in.IsDebug(), nil
	}
	data, err := store.Blob(in.ObjectID)
	return elfobj.IsELF(data) || bytes.HasPrefix(data, []byte("BC")), err
}
