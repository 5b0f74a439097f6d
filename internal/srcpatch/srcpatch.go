// Package srcpatch reads unified source patches, finds the files they mean, applies them in memory and maps lines.
//
// Input: the bytes of patches and a file system to read the tree from. Output: the changed files' contents. It never
// writes. It refuses binary patches, hunks that do not match exactly (offsets are allowed, fuzz never) and paths that
// leave the tree.
package srcpatch

import "io/fs"

// Patch is one parsed patch file.
type Patch struct {
	Name   string // base name, "-" for standard input
	Files  []FilePatch
	SHA256 string // of the patch as given, lower-case hex
}

// FileChange is one file of the tree as the patches change it. Paths are slash-separated and relative to the tree.
type FileChange struct {
	Old    string // "" for a new file
	New    string // "" for a deleted file; differs from Old for a rename
	Before []byte
	After  []byte
	Mode   fs.FileMode // of the result
}

// Change is the effect of all patches, in order, on a tree: one FileChange per file, sorted by path, none without effect.
type Change struct {
	Files []FileChange
}

// FilePatch is the part of a patch for one file.
type FilePatch struct{}
