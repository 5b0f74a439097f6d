package diffasm

import (
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/correlate"
	"gocare/diffasm/debuginfo"
	"gocare/internal/fault"
	"gocare/internal/srcpatch"
)

// varPair is a variable in both units; one of them may be nil.
type varPair struct{ p, o *asm.Block }

// fnPair is a function in both units; one of them may be nil.
type fnPair struct{ p, o *asm.Function }

// Delta is what Match found.
type Delta struct {
	Functions []Function // in file order of the patched unit, gone ones last
	Variables []Variable // likewise
	// Unproved names the static locals of the patched unit that were paired by likeness alone: no debug information, no
	// unchanged function that uses them. Compiling both versions with -g and File.WithDebug prove or refute it.
	Unproved []string

	Debug bool // the debug information of both versions was there to tell static locals apart

	orig, patched *debuginfo.Unit
	plain         bool                                    // the compiler did not optimise
	relying       map[string]bool                         // see Matching
	sources       func(file string) *correlate.SourceFile // likewise
	made          *Late                                   // of code that was made when the program was linked
	m             *correlate.Matcher                      // nil if the code is made when the program is linked, see late
	fns           []fnPair                                // parallel to Functions
	vars          []varPair
	unit          []asm.Problem // refused whatever is chosen
	setsMoved     bool          // with the original line numbers, collected sections hold the same variables
}

// Variable is one variable of a unit as Match found it.
type Variable struct {
	Name   string // in the patched unit; in the original one if gone
	Orig   string // its name in the original unit, "" if new
	Status Status
	Code   fault.Code // why it cannot be patched: data-changed or data-size; "" if it is not changed
	Reason string     // in words

	counter bool // it counts for a profile, see counters
}

// Function is one function of a unit as Match found it.
type Function struct {
	Name   string // in the patched unit; in the original one if gone
	Orig   string // its name in the original unit (clones may be renumbered); "" if new
	Status Status
	Reason string // "edit", "line numbers only", "inlined f", "changed constant", ...; words for explain
	File   string // source file of what Reason says, else of the first differing instruction by .loc, else of .file
	Line   int    // its source line in the patched version, 0 unknown
	Before string // first differing instruction in the original, canonical; "" if none
	After  string // the same in the patched version
	At     string // source place of the latter as "file:line"; "" if it is not known
}

// Status says what became of a function from the original to the patched unit.
type Status string

const (
	Same     Status = "unchanged"
	LineOnly Status = "line-only" // differs in line numbers or build stamps only
	Changed  Status = "changed"
	New      Status = "new"
	Gone     Status = "gone"
)

// Places returns the source lines of function i of the delta in both versions, by its .loc lines; none for one that does
// not exist in a version, or without debug information.
func (d *Delta) Places(i int) (orig, patched []srcpatch.Place) {
	if o := d.fns[i].o; o != nil {
		orig = d.orig.Places(o)
	}
	if p := d.fns[i].p; p != nil {
		patched = d.patched.Places(p)
	}
	return orig, patched
}

// Mentions reports whether function i of the delta, as it is now, names another one by its source name.
func (d *Delta) Mentions(i int, source string) bool {
	p := d.fns[i].p
	return p != nil && slices.ContainsFunc(d.patched.Mentions(p), func(g *asm.Function) bool { return asm.SourceName(g.Name) == source })
}

// late reports whether the code of the unit is made when the program is linked (-flto): there is nothing to compare yet.
func (d *Delta) late() bool { return d.m == nil }
