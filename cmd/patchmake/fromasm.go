package main

import (
	"context"
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
	joined, err := linkAsm(c.Context, c.String("as"), c.String("orig"), c.String("patched"), bin)
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
	return u.Result(patchReport{Target: binary, BuildID: bin.BuildID(), ID: id, File: out, Bytes: len(data), Functions: functionNames(p)})
}

// linkAsm compares the two assembly files and links what changed against the binary.
func linkAsm(ctx context.Context, as, orig, patched string, bin *elfobj.File) (*ld.Joined, error) {
	before, origText, err := readAsm(orig)
	if err != nil {
		return nil, err
	}
	after, _, err := readAsm(patched)
	if err != nil {
		return nil, err
	}
	var r unitResult
	if err := r.compare(before, after, diffasm.Options{}); err != nil {
		return nil, err
	}
	if r.emitted == nil {
		return nil, fault.Refuse("nothing-changed", "", "%s and %s hold the same code", orig, patched)
	}
	object, err := assembleText(ctx, as, origText)
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

func readAsm(path string) (*diffasm.File, []byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fault.New(fault.Environment, path, "cannot read the assembly").WithCause(err)
	}
	f, err := diffasm.Parse(path, data)
	return f, data, err
}

// assembleText runs the assembler on text and reads the object.
func assembleText(ctx context.Context, as string, text []byte) (*elfobj.File, error) {
	dir, err := os.MkdirTemp("", "patchmake-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	src, obj := filepath.Join(dir, "unit.s"), filepath.Join(dir, "unit.o")
	if err := os.WriteFile(src, text, 0o600); err != nil {
		return nil, err
	}
	if _, err := toolexec.Run(ctx, toolexec.Cmd{Path: as, Args: []string{src, "-o", obj}}); err != nil {
		return nil, err
	}
	return elfobj.Load(obj)
}
