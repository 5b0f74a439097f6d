package diffasm

import (
	"fmt"
	"maps"
	"slices"
)

// matchAliases refuses a name other units can see that is an alias in one version and stands for something else in the
// other: calls from elsewhere reach the address it had.
func (d *Delta) matchAliases() {
	names := map[string]*alias{}
	for _, a := range append(append([]*alias(nil), d.orig.aliases...), d.patched.aliases...) {
		names[a.name] = a
	}
	for _, n := range slices.Sorted(maps.Keys(names)) {
		if !d.orig.isGlobal(n) || !d.patched.isGlobal(n) || !d.orig.defines(n) || !d.patched.defines(n) {
			continue
		}
		o, p := d.m.o.meaning(n), d.m.p.meaning(n)
		if o != p {
			d.unit = append(d.unit, problem{
				code: "alias-changed", what: fmt.Sprintf("the name %q stood for %q and now stands for %q", n, o, p),
				hint: "build both versions with -fno-ipa-icf, or keep what the name stands for", at: stmt{line: names[n].line},
			})
		}
	}
}
