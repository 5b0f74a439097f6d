// Package debuginfo reads what the debug information in a unit's assembly says of its variables and functions.
//
// Input: a File of package asm with DWARF 4 or 5 in its sections .debug_*, as gcc and clang write them; or a second compile of
// the same source with -g, to borrow from. Output: a Unit, the file with its Declarations, and the source places of its code.
//
// It refuses nothing: debug information that it does not understand in full, or that has two variables in one place, counts as
// none. It follows the DWARF 5 standard and, for what clang does, LLVM's sources.
package debuginfo
