package diffasm

// Parse reads the assembly of one unit. The name is for messages.
func Parse(name string, src []byte) (*Unit, error) {
	f, err := parseText(name, src)
	if err != nil {
		return nil, err
	}
	return &Unit{File: f}, nil
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

// Emitted is the assembly text of the chosen functions of one unit and what its symbols mean.
type Emitted struct {
	Asm       []byte
	Functions []EmittedFunction
	NewVars   []string // original-source names of new variables put into .kpatch.data or .kpatch.rodata
	Statics   []string // static locals, by name in the patched unit, that are bound to one of the original
	Globals   []string // new global functions and variables: other units may bind to NAME.kpnew
}

// EmittedFunction names a function in the emitted assembly. Every undefined symbol of the assembly is a name of the
// original unit (static or not) or an import.
type EmittedFunction struct {
	Name   string   // name for people and .kpatch.info
	Symbol string   // label in the emitted assembly ("f.kpatch", or "f.kpnew" for new ones)
	Orig   string   // the function's symbol in the original unit's object, "" if new
	Parts  []string // further original symbols it replaces ("f.cold")
	Reason string
	Calls  []string // functions of the original unit that it calls, also through others of the unit
	Spares bool     // it overwrites no register that the original does not: see spares
}
