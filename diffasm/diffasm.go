package diffasm

import (
	"gocare/diffasm/asm"
	"gocare/diffasm/correlate"
	"gocare/diffasm/debuginfo"
	"gocare/diffasm/machine"
	"gocare/internal/arch"
	"gocare/internal/kpname"
)

// What callers give to Match and get from Parse.
type (
	// File is a unit's assembly with its debug information.
	File = debuginfo.Unit
	// SourceFile says how a source file changed from the original unit to the patched one.
	SourceFile = correlate.SourceFile
	// LineChange is code that is the same in both versions but for some numbers, and where it comes from.
	LineChange = correlate.LineChange
	// Unstored are compiles on the side that show what is known of variables that neither version keeps.
	Unstored = correlate.Unstored
	// Partition is one of several assembly texts that make up the code of a program together.
	Partition = asm.Partition
)

// Parse reads the assembly of one unit for a target. The name is for messages.
func Parse(t *arch.Target, name string, src []byte) (*File, error) {
	f, err := machine.Parse(t, name, src)
	if err != nil {
		return nil, err
	}
	return &File{File: f}, nil
}

// Nothing is the original of a unit that the original program does not have.
func Nothing(patched *File) *File { return debuginfo.Nothing(patched) }

// HasSourceName reports whether a name is that of something in the source, numbers aside.
func HasSourceName(name string) bool { return asm.HasSourceName(name) }

// ReadersOf returns functions in C that read private variables, see Unstored.
func ReadersOf(names []string) string { return correlate.ReadersOf(names) }

// LocalKeeper returns a declaration in C that has compilers keep a static local, see Unstored.
func LocalKeeper(name string, number int) string { return correlate.LocalKeeper(name, number) }

// KeeperOf returns a table in C that has compilers keep private variables.
func KeeperOf(names []string, number int) string { return correlate.KeeperOf(names, number) }

// WritersOf returns functions in C that write private variables, see Unstored.
func WritersOf(names []string) string { return correlate.WritersOf(names) }

// JoinPartitions makes one text of several, of which no label or number of a file is that of another.
func JoinPartitions(parts []Partition) string { return asm.JoinPartitions(parts) }

// Emitted is the assembly text of the chosen functions of one unit and what its symbols mean.
type Emitted struct {
	Asm       []byte
	Functions []EmittedFunction
	Statics   []string // static locals, by name in the patched unit, that are bound to one of the original
	Literals  []EmittedLiteral
	State     []State  // new variables that keep what a process writes to them
	Globals   []string // new global functions and variables: other units may bind to NAME.kpnew
	Roles     []EmittedRole
	Grouped   []string // those of them in section groups, of whose like a link keeps one
}

// EmittedLiteral is a literal in a section of its own that the original has, too.
type EmittedLiteral struct {
	Section string
	Orig    string        // its label in the original's assembly
	Moved   *MovedLiteral // nil if the unit's own original has it
}

// EmittedRole is what carectl does with something of the patch.
type EmittedRole struct {
	Role   kpname.Role
	Name   string // in the source
	Symbol string // label in the emitted assembly
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
	// Of is the function of another unit's original that Orig and Parts are symbols of; nil if they are the unit's.
	Of *MovedFunction
}
