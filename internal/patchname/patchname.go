// Package patchname has the names by which the stages of a build know what is what in a patch: the sections of its objects and
// file, and the symbols of its assembly. Input and output: names. It refuses nothing.
package patchname

// Sections of a patch.
const (
	TextSection   = ".kpatch.text"
	RodataSection = ".kpatch.rodata"
	DataSection   = ".kpatch.data" // new variables, and literals that hold addresses
	UnwindSection = ".kpatch.eh_frame"
)

// Suffixes of the symbols in the assembly of a patch.
const (
	ReplacingSuffix = ".kpatch" // what replaces a function of the original
	NewSuffix       = ".kpnew"  // what has no counterpart there; a global one answers references of other units to the name without it
)

// LiteralPrefix makes the name of a literal one that the assembler keeps out of the symbol table.
const LiteralPrefix = ".L"
