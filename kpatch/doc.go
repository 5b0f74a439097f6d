// Package kpatch reads and writes the .kpatch file, the only thing the build side and the apply side share.
//
// Input: the bytes of a file, ours or LibcarePlus'. Output: a Patch, or back to the same bytes. It refuses truncated,
// corrupt and foreign files by name. It follows doc/FORMAT.md. Summary is what a person reads of a Patch.
package kpatch
