// Package diffasm compares the assembly of two versions of a unit and emits that of the functions that differ.
//
// Input: the .s files of the original and the patched unit and, where it could be built, of the patched unit with the
// original line numbers. Output: a Delta (every function and variable with its status and reason), a Selection (what goes
// into the patch) and assembly text, read back and compared before it is handed out.
//
//	Parse -> *File -> Matching.Match -> *Delta -> Decide -> *Selection -> Emit -> *Emitted
//
// It stands on layers, each a package below it, whose imports point one way:
//
//	asm        assembly text, taken apart
//	machine    what instructions of x86-64 do
//	canon      the canonical text of functions and data
//	flow       where addresses get to, which registers are overwritten
//	debuginfo  declarations, from the debug information in the text
//	correlate  which numbered symbol of one version is which of the other
//
// Here are the differ (match, explain), the rules, one file each (rule_*.go, in the order of steps), and the emitter.
//
// Two functions are equal when their canonical texts are: labels numbered by first use, literals by content, tables of
// labels as part of their function, static locals and clones by identity, never by the compiler's number. Identity
// comes from the source as debug information and the source patch show it, from functions that did not change, and, where
// neither is known, from likeness, which is reported; what stays open is refused.
//
// What it does not understand it refuses with place, name and a stable code (gocare/internal/fault, gocare(7)).
// doc/MATCHING.md describes the canonical form.
package diffasm
