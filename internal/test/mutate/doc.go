// Package mutate makes pairs of C programs for tests: one of csmith's, enriched with what csmith does not make (static locals, strings,
// jump tables, calls of the C library, …), and the same program edited at random.
//
// Input: the output of csmith, and a seed. Output: the sources of both versions. The same input gives the same pair. Edits keep a
// program's syntax, not its meaning: it may crash, run for ever, or do what C leaves undefined, which whoever compares has to find out.
package mutate
