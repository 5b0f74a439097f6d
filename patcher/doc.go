// Package patcher makes patches out of a plan.
//
// Input: a planner.Plan, what two builds differ in; or two assembly files. Output: a Product for each binary: the bytes of its .kpatch
// file and what became of every function. Decisions keep the latter for people.
//
//	*planner.Plan -> Make -> []Product
//
// A binary is made in these steps: each unit is compared (comparedUnit), decided (decidedUnit) and assembled (assembledUnit) by itself.
// Then the rules of the link look at all of them at once. One of them may want more in the patch of a unit: that unit is decided again,
// and the rules begin anew (see rules). What no rule refuses is resolved against the original program and joined.
//
// It refuses, with a code of gocare(7): types that changed or cannot be read (struct-layout, variable-type, enum-renumbered, no-types),
// static variables that are paired without proof (static-unproved), functions with another prototype and other callers (signature),
// functions that are gone and called (gone-caller), variables and names that lead elsewhere (variable-gone, moved-global), binaries without
// a BuildID or other than --target (no-build-id, target-mismatch), and what diffasm, ld, and stripper refuse. It reads no flags and no
// environment and prints nothing.
package patcher
