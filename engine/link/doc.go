// Package link lays out a patch for an address in a process and relocates it. It is pure: no system calls.
//
// Input: a decoded patch, the object it patches, an address, and who resolves imports. Output: the bytes to map there.
// It refuses relocations that it does not know, values that do not fit, and symbols that LibcarePlus' loader would bind
// wrongly in silence. It follows doc/FORMAT.md and the System V ABI, AMD64 supplement, version 1.0, section 4.4.
package link
