// Package buildtree holds the record of a build: which units were compiled, what was linked from them, for the
// original and the patched stage, and pairs the two.
//
// Input: what wrapper records while a build runs. Output: records from a content-addressed store, and pairs of units
// for every original link. It refuses, by name, a changed unit without a record.
//
// An input of a link is known by its content, never by its name: programs do link two objects of one name. A source that a
// patch renames, or moves to another directory, stays the unit it was. What is stored is compressed, and written to a temporary
// name that is then renamed.
package buildtree
