package diffasm

import (
	"regexp"
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/debuginfo"
	"gocare/internal/fault"
)

// lateCode reports whether the unit holds a compiler's intermediate language and no code beside it.
func lateCode(f *asm.File) bool {
	marker := func(b *asm.Block) bool { return strings.HasPrefix(b.Name, "__gnu_lto_") }
	return len(f.LTO) > 0 && len(f.Functions) == 0 && !slices.ContainsFunc(f.Variables, func(b *asm.Block) bool { return !marker(b) })
}

// ltoTail is the part of an LTO section name that differs from run to run.
var ltoTail = regexp.MustCompile(`(\.gnu\.lto_[\w.]*?)\.[0-9a-f]{8,}`)

// matchLTO refuses a unit whose code is still to be generated, unless nothing changed: what functions the program has is known
// after the link only, and the intermediate language of one compiler version says nothing to another.
func matchLTO(orig, patched *debuginfo.Unit) error {
	if ltoTail.ReplaceAllString(orig.Text, "$1") == ltoTail.ReplaceAllString(patched.Text, "$1") {
		return nil
	}
	return fault.Refuse(fault.LTO, patched.UnitName(), "the unit changed and is compiled with -flto: its code is made at link time").
		WithHint("build both versions with -fno-lto, or make the patch from the link's own assembly")
}
