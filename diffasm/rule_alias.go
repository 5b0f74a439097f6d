package diffasm

import (
	"fmt"
	"maps"
	"slices"

	"gocare/diffasm/asm"
	"gocare/internal/fault"
)

// matchAliases refuses a name other units can see that is an alias in one version and stands for something else in the
// other: calls from elsewhere reach the address it had.
func (d *Delta) matchAliases() {
	names := map[string]*asm.Alias{}
	for _, a := range append(append([]*asm.Alias(nil), d.orig.Aliases...), d.patched.Aliases...) {
		names[a.Name] = a
	}
	for _, n := range slices.Sorted(maps.Keys(names)) {
		if !d.orig.IsGlobal(n) || !d.patched.IsGlobal(n) || !d.orig.Defines(n) || !d.patched.Defines(n) {
			continue
		}
		o, p := d.m.Orig.Meaning(n), d.m.Patched.Meaning(n)
		if o != p {
			d.unit = append(d.unit, asm.Problem{
				Code: fault.AliasChanged, What: fmt.Sprintf("the name %q stood for %q and now stands for %q", n, o, p),
				At: asm.Statement{Line: names[n].Line},
			})
		}
	}
}
