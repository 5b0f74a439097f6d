// Package diffasm parses GNU assembler text as compilers write it, brings functions into a canonical form, matches two
// versions of a unit and emits the assembly of the functions that differ.
//
// Input: the .s files of the original and the patched unit and, where it could be built, of the patched unit with the
// original line numbers. Output: a Delta (every function and variable with its status and reason), a Selection (what goes
// into the patch) and assembly text, read back and compared before it is handed out.
//
//	Parse -> *Unit -> Match -> *Delta -> Decide -> *Selection -> Emit -> *Emitted
//
// Two functions are equal when their canonical texts are: labels numbered by first use, literals by content, tables of
// labels as part of their function, static locals and clones by identity, never by the compiler's number. Identity
// comes from the source as debug information and the source patch show it, from functions that did not change, and, where
// neither is known, from likeness, which is reported; what stays open is refused.
//
// What it does not understand it refuses with place, name and a stable code (gocare/internal/fault, gocare(7)).
// doc/ARCHITECTURE.md describes the canonical form.
package diffasm
