package patcher

import (
	"context"
	"os"
	"path/filepath"

	"gocare/diffasm"
	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/meter"
	"gocare/internal/toolexec"
	"gocare/internal/version"
	"gocare/kpatch"
	"gocare/ld"
	"gocare/planner"
)

// Assembly are the two versions of one unit, and the binary that was built from the first.
type Assembly struct {
	Orig, Patched string // assembly files
	Binary        string // with symbol table
	As            string // assembler
}

// FromAssembly makes a patch by hand. Of the options ID, Description, CVEs and BuildTime count.
func FromAssembly(ctx context.Context, a Assembly, o Options) (Product, error) {
	bin, err := elfobj.Load(a.Binary)
	if err != nil {
		return Product{}, fault.New(fault.Refused, a.Binary, "cannot read the binary").WithCause(err).WithState("no patch written")
	}
	p := Product{Target: planner.Target{Path: a.Binary, BuildID: bin.BuildID()}, BuildID: bin.BuildID()}
	if p.BuildID == "" {
		return p, fault.Refuse(fault.NoBuildID, a.Binary, "the binary has no BuildID").WithState("no patch written").WithHint("link it with -Wl,--build-id")
	}
	joined, err := a.join(ctx, bin)
	if err != nil {
		return p, noPatch(err)
	}
	meta := kpatch.Meta{Tool: "gocare " + version.String, Description: o.Description, Target: filepath.Base(a.Binary), CVEs: o.cves(nil)}
	p, err = encode(p, joined, o, meta)
	return p, noPatch(err)
}

// join compares the two files and joins what changed.
func (a Assembly) join(ctx context.Context, bin *elfobj.File) (*ld.Joined, error) {
	target, known := arch.ByMachine(bin.Machine)
	if !known {
		return nil, fault.Refuse(fault.ForeignMachine, a.Binary, "it is for another machine, %v", bin.Machine)
	}
	files, err := parseAll(2, func(i int) (*diffasm.File, error) { return readAssembly(target, []string{a.Orig, a.Patched}[i]) })
	if err != nil {
		return nil, err
	}
	object, err := a.assemble(ctx, a.Orig)
	if err != nil {
		return nil, err
	}
	if object.Machine != bin.Machine {
		return nil, fault.Refuse(fault.ForeignMachine, a.Orig, "it assembles to code for %v, and %s is for %v", object.Machine, a.Binary, bin.Machine).
			WithHint("name the assembler of that machine with --as, and assembly for it")
	}
	u, err := a.compare(files[0], files[1])
	if err != nil {
		return nil, err
	}
	if u.emitted == nil {
		return nil, fault.Refuse(fault.NothingChanged, "", "%s and %s hold the same code", a.Orig, a.Patched)
	}
	if u.object, err = a.assembleText(ctx, u.emitted.Asm); err != nil {
		return nil, err
	}
	if labels := u.emitted.Labels(); len(labels) > 0 {
		text, err := os.ReadFile(a.Orig)
		if err != nil {
			return nil, err
		}
		if u.labels, err = a.assembleText(ctx, diffasm.WithLabels(text, labels)); err != nil {
			return nil, err
		}
	}
	objects := []ld.Object{{Path: a.Orig, File: object}}
	m, err := ld.MapFromSymbols(bin, objects)
	if err != nil {
		return nil, err
	}
	original, err := ld.Open(bin, m, objects)
	if err != nil {
		return nil, err
	}
	assemble := func(asm []byte) (*elfobj.File, error) { return a.assembleText(ctx, asm) }
	resolved, err := resolve(original, []input{{unit: part{of: &u}.unit(), arch: target, asm: u.emitted.Asm, assemble: assemble}})
	if err != nil {
		return nil, err
	}
	return ld.Join(original, resolved)
}

// compare decides about the unit by its code alone.
func (a Assembly) compare(orig, patched *diffasm.File) (assembledUnit, error) {
	d, err := diffasm.Matching{}.Match(orig, patched, nil)
	if err != nil {
		return assembledUnit{}, err
	}
	u, err := decide(comparedUnit{unit: &planner.Unit{Source: a.Orig}, delta: d}, diffasm.Options{})
	return assembledUnit{decidedUnit: u}, err
}

func readAssembly(target *arch.Target, path string) (*diffasm.File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Environment, path, "cannot read the assembly").WithCause(err)
	}
	return diffasm.Parse(target, path, data)
}

// assembleText runs the assembler on text and reads the object.
func (a Assembly) assembleText(ctx context.Context, text []byte) (*elfobj.File, error) {
	dir, err := os.MkdirTemp("", "patchmake-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	src := filepath.Join(dir, "unit.s")
	if err := os.WriteFile(src, text, 0o644); err != nil {
		return nil, err
	}
	return a.assemble(ctx, src)
}

// assemble does that with a file.
func (a Assembly) assemble(ctx context.Context, src string) (*elfobj.File, error) {
	dir, err := os.MkdirTemp("", "patchmake-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	obj := filepath.Join(dir, "unit.o")
	if src, err = filepath.Abs(src); err != nil { // no option, whatever its name
		return nil, err
	}
	defer meter.Other(ctx)()
	if _, err := toolexec.Run(ctx, toolexec.Cmd{Path: a.As, Args: []string{src, "-o", obj}}); err != nil {
		return nil, err
	}
	return elfobj.Load(obj)
}
