// Package kpname holds the names by which a patch is known, in assembly text, in objects, in patch files and in a process:
// whoever writes or looks for one takes it from here.
package kpname

// Sections of a patch. Unwind, Meta and Digest are ours; LibcarePlus' tools carry them along.
const (
	Text   = ".kpatch.text"
	Rodata = ".kpatch.rodata"
	Data   = ".kpatch.data"
	Unwind = ".kpatch.eh_frame"
	Info   = ".kpatch.info"   // the functions
	Strtab = ".kpatch.strtab" // their names
	Meta   = ".kpatch.meta"
	Digest = ".kpatch.digest"
)

// Exceptions is what the sections of exception tables add to the names Rodata and Data before they are joined.
const Exceptions = ".exceptions"

// SectionPrefix is what the names of all sections of a patch begin with.
const SectionPrefix = ".kpatch."

// Suffixes of symbols in the assembly text and objects that a patch is made of.
const (
	Replacing = ".kpatch" // of a function that takes the place of one of the original
	New       = ".kpnew"  // of a function or variable that has no counterpart; a global "g.kpnew" answers references to g

	// Elsewhere is that of a private variable which another unit of the original has.
	Elsewhere = ".kpelsewhere"
)

// FileSuffix is that of patch files: BUILDID.kpatch.
const FileSuffix = ".kpatch"

// OldLiteral is what the sections of literals begin with that the original has: a patch has them only if they are not found there.
const OldLiteral = Rodata + ".old"

// Label is the symbol for a label of assembly that is kept out of the symbol table.
func Label(label string) string { return "kpatch" + label }

// LiteralPrefix makes the name of a literal one that the assembler keeps out of the symbol table.
const LiteralPrefix = ".L"

// Unclear is a directive of ours in the text of an object: it says why no patch can have the function around it.
const Unclear = ".gocare_unclear"
