package diffasm

import (
	"errors"
	"fmt"
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/debuginfo"
	"gocare/internal/fault"
)

// Options say which of the changed functions go into the patch.
type Options struct {
	Keep     func(name string) bool // which changed functions to take; nil takes all. New functions are always taken
	Identity func(name string) bool // which unchanged functions to take as well; may be nil
	// Also says which functions to take though their code is the same, and why; "" for no others. May be nil.
	Also func(name string) (reason string)
	// Data says which new global variables to take though no function of the unit uses them; may be nil.
	Data func(name string) bool
	// Elsewhere says which new global variables are those of another unit of the original, which moved here; may be nil.
	Elsewhere func(name string) bool
	// Moves are the functions and variables of other units' originals that are new ones of this unit.
	Moves Moves
	// Moved says, by LoneLiteral.Text, which new literals are those of other units.
	Moved map[string]MovedLiteral
	// Marks are those of all units of the link; may be nil.
	Marks *Marks
	// Allow says which refusals the user overrides; may be nil. Only fault.Overridable codes are asked for.
	Allow func(code fault.Code) bool
}

// Selection is what goes into the patch of one unit.
type Selection struct {
	Functions []Function // in file order
	LeftOut   []Function // changed, but left out by the filter
	Skipped   []Function // unchanged ones that Identity asked for and that cannot be carried; Reason says why
	// Overridden are the refusals that Options.Allow overrode.
	Overridden []*fault.Error

	d      *Delta
	chosen []fnPair
	copies map[*asm.Block]bool // changed constants carried as a new copy
	// oldLiterals are those that the original has, see literals.
	oldLiterals map[*asm.Block]*asm.Block
	// movedLiterals are those that other units had, of the newLiterals.
	movedLiterals map[*asm.Block]MovedLiteral
	newLiterals   []LoneLiteral
	moves         Moves // see Options
	clo           *closure
	roles         []mark // what the patch has for carectl
}

// Nothing is the selection of a unit of which nothing goes into the patch.
func (d *Delta) Nothing() *Selection { return &Selection{d: d} }

// Empty reports whether nothing of the unit goes into a patch.
func (s *Selection) Empty() bool {
	return len(s.Functions) == 0 && (s.clo == nil || len(s.clo.newVars) == 0)
}

// OnlyNew reports whether all the functions are new: nothing that exists calls them, unless another unit does.
func (s *Selection) OnlyNew() bool {
	for _, f := range s.Functions {
		if _, moved := s.moves.Functions[f.Name]; f.Status != New || moved {
			return false
		}
	}
	return true
}

// decider gathers a selection and its refusals.
type decider struct {
	d    *Delta
	o    Options
	s    *Selection
	in   map[*asm.Function]bool          // chosen functions, of both units
	bad  map[*asm.Function][]asm.Problem // functions refused for themselves
	errs []error
	// noCopy is why a changed constant cannot be carried as a new copy, by its index in Delta.Variables.
	noCopy map[int]string
	// nameless are literals that only the original, and only the patched unit has; nil if not asked for yet, see renamedConstant.
	nameless [][]*asm.Block
}

// steps are those of a decision; each adds functions to the selection, takes some out, or refuses. First come those that add: the rules
// look at a selection that is complete. Of these, constants may add functions for which sharedLabels has to add more. Then come the
// rules, about functions first, which is the order the user reads the refusals in. references
// comes behind them: it lists what the functions that are left need, for Emit, too, and literals looks at that.
var steps = []func(*decider){
	(*decider).choose,           // changed and new functions, and those that are asked for
	(*decider).dropUnusedClones, // not those that nothing else of the patch calls
	(*decider).constants,        // unchanged users of changed constants
	(*decider).relying,          // callers that know registers of what is replaced
	(*decider).sharedLabels,     // functions that a goto leads to or comes from

	(*decider).roles,         // what carectl is to run
	(*decider).functions,     // such as no patch can hold
	(*decider).ranAtStart,    // such as do not run again
	(*decider).filterSplit,   // callers and callees that the filter parts
	(*decider).wholeUnit,     // what no choice of functions leaves out
	(*decider).variables,     // changed ones
	(*decider).variablesGone, // those that a function outside the patch still uses
	(*decider).sectionSets,   // entries of collected sections
	(*decider).references,    // what the functions refer to
	(*decider).literals,      // literals of the original among that
}

// Decide chooses the functions of the patch. On refusal the error joins one *fault.Error for each.
func Decide(d *Delta, o Options) (*Selection, error) {
	c := &decider{d: d, o: o, s: &Selection{d: d, copies: map[*asm.Block]bool{}, oldLiterals: map[*asm.Block]*asm.Block{}, movedLiterals: map[*asm.Block]MovedLiteral{}, moves: o.Moves}, in: map[*asm.Function]bool{}, bad: map[*asm.Function][]asm.Problem{}, noCopy: map[int]string{}}
	if d.late() {
		return c.s, nil
	}
	for _, step := range steps {
		step(c)
	}
	if len(c.errs) == 1 {
		return nil, c.errs[0]
	}
	if len(c.errs) > 1 {
		return nil, errors.Join(c.errs...)
	}
	return c.s, nil
}

// wholeUnit refuses what Match found: changes that no choice of functions leaves out, such as a new constructor, for the process
// has run those it had.
func (c *decider) wholeUnit() {
	for _, p := range c.d.unit {
		c.refuse(p, c.d.patched, "")
	}
}

// refuse notes a refusal, as overridden if the user says so.
func (c *decider) refuse(p asm.Problem, f *debuginfo.Unit, fn string) *fault.Error {
	what := p.What
	if fn != "" {
		what = fmt.Sprintf("cannot patch function %q: %s", fn, p.What)
	}
	e := fault.Refuse(p.Code, place(f, fn, p.At), "%s", what).About(fn)
	if p.Hint != "" {
		e = e.WithHint("%s", p.Hint)
	}
	e.Vouched = p.Vouched
	if p.Vouched || c.allows(p.Code) {
		c.s.Overridden = append(c.s.Overridden, e)
	} else if !c.says(e) {
		c.errs = append(c.errs, e)
	}
	return e
}

// says reports whether a refusal of the same words was noted.
func (c *decider) says(e *fault.Error) bool {
	return slices.ContainsFunc(c.errs, func(known error) bool { return known.Error() == e.Error() })
}

func (c *decider) allows(code fault.Code) bool {
	return fault.Overridable(code) && c.o.Allow != nil && c.o.Allow(code)
}

// place names the source line of a statement, by debug information of another compile where the unit has none.
func place(f *debuginfo.Unit, fn string, st asm.Statement) string {
	if g := f.FunctionByName[fn]; g != nil && f.Borrowed() {
		if file, line := f.PlaceOf(g, st); line > 0 {
			return fmt.Sprintf("%s:%d", file, line)
		}
	}
	if file, line := f.DeclaredPlace(st.Place); fn == "" && line > 0 {
		return fmt.Sprintf("%s:%d", file, line)
	}
	return f.Where(st)
}

// first returns a statement to name the place of the function by.
func first(f *asm.Function) asm.Statement {
	for _, st := range f.Streams[0].Statements {
		if st.Kind == asm.Instruction {
			return st
		}
	}
	return asm.Statement{Line: f.Line}
}

// gone reports whether a function is a static function of the original that has no successor.
func (c *decider) gone(f *debuginfo.Unit, fn *asm.Function) bool {
	if f != c.d.orig || f.IsGlobal(fn.Name) {
		return false
	}
	for i, pair := range c.d.fns {
		if pair.o == fn {
			return c.d.Functions[i].Status == Gone
		}
	}
	return false
}
