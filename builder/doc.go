// Package builder runs the two builds of a source tree: the original one in the tree, the patched one in a private view of it.
//
// Input: Options, the directories, commands and environment of the builds. Output: a Tree, which is open to one process at a
// time, and whose builds leave a record in its store; after the patched build the view (isolate.Sandbox) in which that was made.
//
//	Open -> *Tree -> Original, Patched -> Close
//
// It refuses, before anything is built, trees and output directories that cannot be worked in, and builds that fail
// (build-failed); and what buildtree, isolate and srcpatch refuse. What the builds say goes to Options.Output, what it says itself
// to a Reporter.
package builder
