// Package buildtree holds the record of a build: which units were compiled, what was linked from them, for the
// original and the patched stage, and pairs the two.
//
// Input: what wrapper records while a build runs. Output: records from a content-addressed store, and pairs of units
// for every original link. It refuses, by name, a changed unit without a record.
package buildtree
