// Package refload is a reference loader for tests: it does in memory what LibcarePlus' loader does in a process, written
// from doc/FORMAT.md alone. It imports neither kpatch nor stripper, so that a mistake there cannot hide here.
//
// Input: the bytes of a .kpatch file, an address to load it at and the original's load bias. Output: the bytes as they
// would lie in the process and the table of functions. Where the real loader would accept a file and crash itself or
// the process, this one returns an error.
package refload
