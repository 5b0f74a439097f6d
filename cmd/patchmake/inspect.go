package main

import (
	"gocare/internal/fault"
	"gocare/internal/ui"
	"gocare/kpatch"
)

// inspectFile prints header, functions, imports, relocations and metadata of a patch file.
func inspectFile(path string, u *ui.UI) error {
	p, err := kpatch.Load(path)
	if err != nil && fault.As(err) == nil {
		return fault.New(fault.Environment, path, "cannot read the patch").WithCause(err).WithHint("name a .kpatch file: patchmake writes them to patchroot")
	}
	if err != nil {
		return err
	}
	summary := kpatch.Summarize(p)
	u.Info("%s", summary)
	return u.Result(summary)
}
