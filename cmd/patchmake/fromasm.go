package main

import (
	"os"

	"github.com/google/renameio/v2"
	"github.com/urfave/cli/v2"

	"gocare/internal/fault"
	"gocare/internal/meter"
	"gocare/internal/ui"
	"gocare/kpatch"
	"gocare/patcher"
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
	if err := checkCVEs(c.StringSlice("cve")); err != nil {
		return err
	}
	built, err := buildTime(os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return err
	}
	ctx, m := meter.With(c.Context)
	from := patcher.Assembly{Orig: c.String("orig"), Patched: c.String("patched"), Binary: c.String("binary"), As: c.String("as")}
	p, err := patcher.FromAssembly(ctx, from, patcher.Options{ID: id, Description: c.String("message"), CVEs: c.StringSlice("cve"), BuildTime: built})
	if err != nil {
		return err
	}
	out := c.String("output")
	if err := renameio.WriteFile(out, p.Data, 0o644); err != nil {
		return fault.New(fault.Environment, out, "cannot write the patch").WithCause(err)
	}
	sayReplaced(from.Binary, p.Patch, u)
	u.Info("patch for %s is in %s", from.Binary, out)
	took := m.Read()
	u.Progress("%s", took)
	return u.Result(struct {
		patchReport
		Took meter.Effort `json:"took"`
	}{newPatchReport(p, id, out), took})
}
