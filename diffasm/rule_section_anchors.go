package diffasm

import (
	"strings"

	"gocare/diffasm/asm"
	"gocare/internal/fault"
)

// gcc addresses the variables of a section by their distance from an anchor (-fsection-anchors), and LLVM may make one variable of
// several (-mglobal-merge). Which is meant is a number then: it changes with every variable that comes or goes, and where it stays the same
// it may mean another one. Such units are compared as compiled without (see package planner); what comes here nevertheless is refused as
// a whole, since code that looks the same need not be.

// anchored refuses a unit whose code knows variables by number alone, and says why it is not compared as compiled without.
func (d *Delta) anchored(unnamed string) (list []asm.Problem) {
	if unnamed != "" {
		unnamed = "; " + unnamed
	}
	for _, f := range []*asm.File{d.orig.File, d.patched.File} {
		for name, a := range f.Alias {
			if strings.HasPrefix(name, anchorPrefix) && (a.Target == "" || a.Target == ".") {
				return []asm.Problem{{Code: fault.SectionAnchors, What: "its code knows variables by their distance from an anchor" + unnamed, At: asm.Statement{Line: a.Line}}}
			}
		}
		for _, b := range f.Order {
			if strings.TrimPrefix(b.Name, ".L") == mergedGlobals || strings.HasPrefix(b.Name, ".L"+mergedGlobals+".") {
				return []asm.Problem{{Code: fault.SectionAnchors, What: "its code knows variables by their place in one that the compiler made of several" + unnamed, At: asm.Statement{Line: b.Line}}}
			}
		}
	}
	return nil
}

// What gcc calls an anchor, and LLVM a variable made of several.
const (
	anchorPrefix  = ".LANCHOR"
	mergedGlobals = "_MergedGlobals"
)
