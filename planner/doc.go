// Package planner compares two recorded builds of a tree and says what patches have to be made of.
//
// Input: Builds, the record of the original build and of the patched one, the source patches, and the view of the tree in which the
// second was made. Output: a Plan, what the two builds differ in. It can be kept for a later run.
//
//	Builds -> Compare -> *Plan
//
// A Plan is made in these steps, each of which gives a new value: the installed binaries with the links that made them; the units that
// differ; units which only include what changed, compiled from the record; versions of the units that the comparison needs besides.
//
// It refuses, with a code of gocare(7): builds without a record (no-record, new-input, build-failed), units and links made with other
// options than before (other-options, other-link), two binaries with one BuildID (same-build-id), changed files that only an assembler
// read (asm-file), units whose types cannot be read (no-types), binaries that are not those of --target (target-mismatch), and what buildtree
// refuses. It reads no flags and no environment and prints nothing.
package planner
