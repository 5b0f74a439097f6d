package machine

import (
	"bytes"
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/internal/lazyregexp"
)

// ThroughGOT leaves the text as it is: what leads to a variable stands apart, and other code may use a part. Compilers can be asked.
func (arm64) ThroughGOT(asm []byte, _ []string) []byte { return asm }

// armDirect finds what names a symbol for a part of its address, and not for where the GOT has it.
var armDirect = lazyregexp.New(`(?::lo12:|:abs_[gs]\w*:|\badrp?\s+\w+\s*,\s*(?:#?:pg_hi21(?:_nc)?:)?)([A-Za-z_.$][\w.$]*)`)

func (arm64) Stubborn(text []byte) []string {
	defined := definedNames(text)
	var names []string
	for line := range bytes.Lines(text) {
		code, _, _ := strings.Cut(string(line), "//")
		for _, found := range armDirect.FindAllStringSubmatch(code, -1) {
			if name := found[1]; !defined[name] && !asm.IsLocal(name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
