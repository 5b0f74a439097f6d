package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	"github.com/urfave/cli/v2"

	"gocare/diffasm"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/toolexec"
	"gocare/internal/ui"
	"gocare/internal/version"
	"gocare/kpatch"
	"gocare/ld"
	"gocare/stripper"
)

// fromAsm makes a patch by hand: the original and the patched assembly of one unit, and the binary built from the first.
func fromAsm(c *cli.Context, u *ui.UI) error {
	if c.NArg() > 0 {
		return usage("from-asm takes no arguments: %q", c.Args().First())
	}
	for _, name := range []string{"orig", "patched", "binary", "output"} {
		if c.String(name) == "" {
			return usage("from-asm needs --%s FILE", name)
		}
	}
	id := c.String("id")
	if err := kpatch.ValidID(id); err != nil {
		return usage("--id: %v", err).WithHint("%s", fault.As(err).Hint)
	}
	binary := c.String("binary")
	bin, err := elfobj.Load(binary)
	if err != nil {
		return fault.New(fault.Refused, binary, "cannot read the binary").WithCause(err).WithState("no patch written")
	}
	if bin.BuildID() == "" {
		return fault.Refuse("no-build-id", binary, "the binary has no BuildID").WithState("no patch written").WithHint("link it with -Wl,--build-id")
	}
	ctx, m := withMeter(c.Context)
	joined, err := linkAsm(ctx, c.String("as"), c.String("orig"), c.String("patched"), bin)
	if err != nil {
		return noPatch(err)
	}
	meta := kpatch.Meta{Tool: "gocare " + version.String, Description: c.String("message"), Target: filepath.Base(binary)}
	p, err := stripper.Strip(joined, stripper.Options{ID: id, BuildID: bin.BuildID(), BuildTime: buildTime(), Meta: meta})
	if err != nil {
		return noPatch(err)
	}
	data, err := kpatch.Encode(p)
	if err != nil {
		return noPatch(err)
	}
	out := c.String("output")
	if err := renameio.WriteFile(out, data, 0o644); err != nil {
		return fault.New(fault.Environment, out, "cannot write the patch").WithCause(err)
	}
	u.Info("patch for %s is in %s", binary, out)
	took := m.read()
	u.Progress("%s", took)
	return u.Result(struct {
		patchReport
		Took effort `json:"took"`
	}{patchReport{Target: binary, BuildID: bin.BuildID(), ID: id, File: out, Bytes: len(data), Functions: functionNames(p)}, took})
}

// linkAsm compares the two assembly files and links what changed against the binary.
func linkAsm(ctx context.Context, as, orig, patched string, bin *elfobj.File) (*ld.Joined, error) {
	files, err := parseAll(2, func(i int) (*diffasm.File, error) { return readAsm([]string{orig, patched}[i]) })
	if err != nil {
		return nil, err
	}
	var r unitResult
	if err := r.compare(diffasm.Matching{}, files[0], files[1], diffasm.Options{}); err != nil {
		return nil, err
	}
	if r.emitted == nil {
		return nil, fault.Refuse("nothing-changed", "", "%s and %s hold the same code", orig, patched)
	}
	object, err := assembleFile(ctx, as, orig)
	if err != nil {
		return nil, err
	}
	if r.object, err = assembleText(ctx, as, r.emitted.Asm); err != nil {
		return nil, err
	}
	m, err := ld.MapFromSymbols(bin, object, orig)
	if err != nil {
		return nil, err
	}
	original, err := ld.Open(bin, m, []ld.Object{{Path: orig, File: object}})
	if err != nil {
		return nil, err
	}
	assemble := func(asm []byte) (*elfobj.File, error) { return assembleText(ctx, as, asm) }
	return link(original, []input{{unit: ldUnit(orig, 0, &r, false), asm: r.emitted.Asm, assemble: assemble}}, nil)
}

func readAsm(path string) (*diffasm.File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Environment, path, "cannot read the assembly").WithCause(err)
	}
	return diffasm.Parse(path, data)
}

// assembleText runs the assembler on text and reads the object.
func assembleText(ctx context.Context, as string, text []byte) (*elfobj.File, error) {
	src, err := os.CreateTemp("", "patchmake-*.s")
	if err != nil {
		return nil, err
	}
	defer os.Remove(src.Name())
	if _, err := src.Write(text); err != nil {
		return nil, errors.Join(err, src.Close())
	}
	if err := src.Close(); err != nil {
		return nil, err
	}
	return assembleFile(ctx, as, src.Name())
}

// assembleFile does that with a file.
func assembleFile(ctx context.Context, as, src string) (*elfobj.File, error) {
	dir, err := os.MkdirTemp("", "patchmake-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	obj := filepath.Join(dir, "unit.o")
	if src, err = filepath.Abs(src); err != nil { // no option, whatever its name
		return nil, err
	}
	ended := others(ctx)
	_, err = toolexec.Run(ctx, toolexec.Cmd{Path: as, Args: []string{src, "-o", obj}})
	ended()
	if err != nil {
		return nil, err
	}
	return elfobj.Load(obj)
}
