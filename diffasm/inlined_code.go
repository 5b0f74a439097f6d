package diffasm

import (
	"slices"

	"gocare/internal/srcpatch"
)

// MayHaveInlined reports whether a function of the patched unit may have code of another one, by the name that the source has for that.
func (d *Delta) MayHaveInlined(symbol, source string) bool {
	p, ds := d.patched.FunctionByName[symbol], d.patched.Declarations()
	if p == nil || ds == nil {
		return !d.plain
	}
	places := d.patched.Places(p)
	return len(places) == 0 && !d.plain ||
		slices.ContainsFunc(places, func(at srcpatch.Place) bool { return ds.FunctionAt(at.File, at.Line) == source })
}
