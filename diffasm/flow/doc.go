// Package flow follows values through the code of a function, on all ways through it.
//
// Input: a function of package asm, the symbols whose addresses are followed, and rules that say what counts as an escape. Output:
// where such an address gets to a place that outlives the call, or is compared; and the registers that a function and those it
// calls overwrite.
//
// It refuses nothing, and answers for the worst where it does not know: an address that it loses sight of has escaped, and an
// unknown callee overwrites all that it may.
package flow
