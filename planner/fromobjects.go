package planner

import (
	"bytes"
	"context"
	"debug/dwarf"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/toolexec"
)

// Objects are two versions of some of a program's units where nothing recorded their builds.
type Objects struct {
	Store   *buildtree.Store // for what the comparison makes
	Pairs   []ObjectPair
	Binary  string // linked from the originals and perhaps from more, with a symbol table
	As      string // assembler
	Objdump string // disassembler
	Allow   func(code fault.Code) bool
}

// ObjectPair is one unit: an object of the original and one of the patched version.
type ObjectPair struct{ Orig, Patched string }

// ObjectUnit is what a unit has that is known by its objects.
type ObjectUnit struct {
	Labels map[string]diffasm.ObjectPlace `json:"labels"` // places of data without a name in the original's object
}

// PlanObjects plans to compare units that are known by their objects. What a record says of the link and its other inputs is not known.
func PlanObjects(ctx context.Context, o Objects) (*Plan, error) {
	data, bin, err := readELF(o.Binary)
	if err != nil {
		return nil, err
	}
	t := Target{Path: o.Binary, BuildID: bin.BuildID(), Unseen: true}
	if t.BuildID == "" {
		return nil, fault.Refuse(fault.NoBuildID, o.Binary, "the binary has no BuildID").WithHint("link it with -Wl,--build-id")
	}
	if t.Binary, err = o.Store.PutBlob(data); err != nil {
		return nil, err
	}
	p := &Plan{}
	for _, pair := range o.Pairs {
		u, compiler, err := o.unit(ctx, pair)
		if err != nil {
			return nil, err
		}
		p.Compiler = compiler
		if e := refuseUntyped(u.Source, compiler); e != nil {
			if !o.Allow(e.Code) {
				return nil, e
			}
			p.Overridden = append(p.Overridden, e)
		}
		u.Input = len(t.Inputs)
		t.Inputs = append(t.Inputs, buildtree.Input{Path: pair.Orig, ObjectID: u.OrigTypes, AllocID: u.OrigTypes})
		if u.OrigTypes == u.PatchedTypes {
			p.Same = append(p.Same, u.Source)
			continue
		}
		t.Units = append(t.Units, *u)
	}
	t.Inputs = append(t.Inputs, buildtree.Input{Path: "another input of " + o.Binary})
	p.Targets = []Target{t}
	return p, nil
}

// refuseUntyped refuses what clang compiled: it leaves enumerations out of its debugging information that only constants make use of, and
// the types of variables which the unit only declares.
func refuseUntyped(source, compiler string) *fault.Error {
	if !strings.Contains(compiler, "clang") {
		return nil
	}
	return fault.Refuse(fault.NoTypes, source, "clang's debugging information does not show all types, and there is no source to compile again")
}

func readELF(path string) ([]byte, *elfobj.File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fault.New(fault.Environment, path, "cannot read the file").WithCause(err)
	}
	f, err := elfobj.Parse(data)
	if err != nil {
		return nil, nil, fault.New(fault.Refused, path, "cannot read the file").WithCause(err)
	}
	if a, ok := arch.ByMachine(f.Machine); !ok || !a.Listed {
		return nil, nil, fault.Refuse(fault.ForeignMachine, path, "it is for %v, and is not read without a record of its build", f.Machine).
			WithHint("make the patch from a recorded build, with carecc")
	}
	return data, f, nil
}

// objectVersion is one version of a unit.
type objectVersion struct {
	path string // of a file that holds it
	name string // for messages
	data []byte
	file *elfobj.File
	unit dwarfUnit
}

// dwarfUnit is what debugging information says of a compile.
type dwarfUnit struct {
	source, producer string
	cxx              bool
}

// unit writes the two versions of a unit as text.
func (o *Objects) unit(ctx context.Context, pair ObjectPair) (u *Unit, compiler string, err error) {
	orig, err := loadVersion(pair.Orig)
	if err != nil {
		return nil, "", err
	}
	patched, err := loadVersion(pair.Patched)
	if err != nil {
		return nil, "", err
	}
	return o.compareVersions(ctx, orig, patched)
}

// compareVersions writes two versions of a unit as text.
func (o *Objects) compareVersions(ctx context.Context, orig, patched objectVersion) (u *Unit, compiler string, err error) {
	if orig.unit.producer != patched.unit.producer {
		return nil, "", fault.Refuse(fault.OtherOptions, orig.unit.source, "the two versions were compiled otherwise: %q and %q", orig.unit.producer, patched.unit.producer).
			WithHint("compile both with the same compiler and options")
	}
	u = &Unit{Source: orig.unit.source, Record: buildtree.Unit{As: o.As, Dir: o.Store.Dir(), Lang: "c", Source: orig.unit.source}}
	if u.OrigTypes, err = o.Store.PutBlob(orig.data); err != nil {
		return nil, "", err
	}
	if u.PatchedTypes, err = o.Store.PutBlob(patched.data); err != nil || u.OrigTypes == u.PatchedTypes {
		return u, orig.unit.producer, err
	}
	text, err := o.text(ctx, orig, nil)
	if err != nil {
		return nil, "", err
	}
	if u.Orig, err = o.Store.PutAssembly(text.Asm); err != nil {
		return nil, "", err
	}
	u.Object = &ObjectUnit{text.Labels}
	if text, err = o.text(ctx, patched, orig.file); err != nil {
		return nil, "", err
	}
	u.Patched, err = o.Store.PutAssembly(text.Asm)
	return u, orig.unit.producer, err
}

// loadVersion reads an object, and refuses one that cannot be compared.
func loadVersion(path string) (objectVersion, error) {
	data, _, err := readELF(path)
	if err != nil {
		return objectVersion{}, err
	}
	return versionOf(path, path, data)
}

// versionOf is an object as a version of a unit, which goes by a name in messages.
func versionOf(path, name string, data []byte) (v objectVersion, err error) {
	v.path, v.name, v.data = path, name, data
	if v.file, err = elfobj.Parse(data); err != nil {
		return v, err
	}
	units, err := compilesOf(v.file)
	if err != nil {
		return v, fault.Refuse(fault.NoRelocations, name, "its debugging information cannot be read").WithCause(err)
	}
	switch {
	case slices.ContainsFunc(v.file.Sections, func(s elfobj.Section) bool { return strings.HasPrefix(s.Name, ".gnu.lto_") }):
		return v, fault.Refuse(fault.LTO, name, "its code is made when the program is linked (-flto)")
	case len(units) == 0:
		return v, fault.Refuse(fault.NoRelocations, name, "the object has no debugging information, which tells types and variables apart").
			WithHint("compile both versions with -g")
	case len(units) > 1:
		return v, fault.Refuse(fault.NoRelocations, name, "the object has %d units in it (ld -r)", len(units)).WithHint("give the objects that it was made of")
	case units[0].cxx:
		return v, fault.Refuse(fault.ObjectUnclear, name, "it was compiled from C++, whose inline functions other inputs of the link may have, too").
			WithHint("make the patch from a recorded build, with carecc")
	}
	v.unit = units[0]
	return v, nil
}

// compilesOf lists the compiles that the debugging information of a file tells of.
func compilesOf(f *elfobj.File) (list []dwarfUnit, err error) {
	d, err := f.DWARF()
	if d == nil || err != nil {
		return nil, err
	}
	r := d.Reader()
	for {
		e, err := r.Next()
		if e == nil || err != nil {
			return list, err
		}
		r.SkipChildren()
		if e.Tag != dwarf.TagCompileUnit {
			continue
		}
		u := dwarfUnit{}
		u.source, _ = e.Val(dwarf.AttrName).(string)
		u.producer, _ = e.Val(dwarf.AttrProducer).(string)
		u.cxx = strings.Contains(u.producer, "C++") // gcc's; clang's units are refused for their types
		u.source = filepath.Clean(u.source)
		list = append(list, u)
	}
}

// text writes a version as assembly, and has an assembler prove it: functions that do not come back as they are in the object are opaque.
func (o *Objects) text(ctx context.Context, v objectVersion, orig *elfobj.File) (*diffasm.ObjectText, error) {
	listing, err := toolexec.Run(ctx, toolexec.Cmd{Path: o.Objdump, Args: diffasm.ListingArgs(v.path)})
	if err != nil {
		return nil, err
	}
	object := diffasm.Object{Name: v.name, File: v.file, Listing: listing.Stdout}
	text, err := diffasm.WriteObject(object, orig, nil)
	if err != nil {
		return nil, refuseObject(v.name, err)
	}
	wrong, err := o.prove(ctx, text)
	if err != nil {
		return nil, refuseObject(v.name, err)
	}
	if len(wrong) == 0 {
		return text, nil
	}
	text, err = diffasm.WriteObject(object, orig, wrong)
	return text, err
}

func refuseObject(path string, err error) *fault.Error {
	return fault.Refuse(fault.ObjectUnclear, path, "the object cannot be written as assembly").WithCause(err)
}

// prove assembles what a version's text says of its code, and compares.
func (o *Objects) prove(ctx context.Context, text *diffasm.ObjectText) (map[string]string, error) {
	record := buildtree.Unit{As: o.As, AsArgs: []string{"--keep-locals"}, Dir: o.Store.Dir()}
	data, err := Assemble(ctx, o.Store, &record, text.Check)
	if err != nil {
		return nil, fmt.Errorf("an assembler does not take what the disassembler says of it: %w", err)
	}
	again, err := elfobj.Parse(bytes.Clone(data))
	if err != nil {
		return nil, err
	}
	return text.Prove(again)
}
