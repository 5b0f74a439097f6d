// Package patcher makes patches out of two recorded builds.
//
// Input: Builds, the record of the original build and of the patched one, the source patches, and the view of the tree in which the
// second was made; or a Plan kept from an earlier run; or two assembly files. Output: a Plan, what the two builds differ in, and a
// Product for each binary: the bytes of its .kpatch file and what became of every function. Decisions keep the latter for people.
//
//	Compare -> *Plan -> Make -> []Product
//
// A Plan is made in these steps, each of which gives a new value: the installed binaries with the links that made them; the units that
// differ; units which only include what changed, compiled from the record; versions of the units that the comparison needs besides.
//
// A binary is made in these: each unit is compared (comparedUnit), decided (decidedUnit) and assembled (assembledUnit) by itself. Then
// the rules of the link look at all of them at once. One of them may want more in the patch of a unit: that unit is decided again,
// and the rules begin anew (see rules). What no rule refuses is resolved against the original program and joined.
//
// It refuses, with a code of gocare(7): builds without a record (no-record, new-input, build-failed), types that changed or cannot be
// read (struct-layout, variable-type, enum-renumbered, no-types), static variables that are paired without proof (static-unproved),
// functions with another prototype and other callers (signature), functions that are gone and called (gone-caller), variables and names that
// lead elsewhere (variable-gone, moved-global), binaries without a BuildID or other than --target (no-build-id, target-mismatch), and
// what buildtree, diffasm, ld, and stripper refuse. It reads no flags and no environment and prints nothing.
package patcher
