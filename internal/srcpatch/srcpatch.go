// Package srcpatch reads unified source patches, finds the files they mean, applies them in memory and maps lines.
//
// Input: the bytes of patches and a file system to read the tree from. Output: the changed files' contents. It never
// writes. It refuses binary patches, hunks that do not match exactly (offsets are allowed, fuzz never) and paths that
// leave the tree. How many lines a hunk has its @@ line says; strip level and file are found by what exists in the tree.
//
// Reason codes: patch-empty, patch-binary, patch-syntax, patch-path, patch-reject, patch-target.
package srcpatch

import (
	"io/fs"
	"path/filepath"
)

// Patch is one parsed patch file.
type Patch struct {
	Name   string // base name, "-" for standard input
	Files  []FilePatch
	SHA256 string   // of the patch as given, lower-case hex
	CVEs   []string // named by the file's name, and by the text around the diffs
}

// FileChange is one file of the tree as the patches change it. Paths are slash-separated and relative to the tree.
type FileChange struct {
	Old    string // "" for a new file
	New    string // "" for a deleted file; differs from Old for a rename
	Before []byte
	After  []byte
	Mode   fs.FileMode // of the result; of the file before when it is deleted

	OldMode fs.FileMode // of the file before; 0 for a new file

	origin []int // for each line of After the line of Before it is, from 1; 0 for a line the patches wrote
}

// Change is the effect of all patches, in order, on a tree: one FileChange per file, sorted by path, none without effect.
type Change struct {
	Files []FileChange
}

// Contents gives for the absolute path of each changed file below root what version makes of it (nil deletes) and its mode.
func (c *Change) Contents(root string, version func(FileChange) []byte) (map[string][]byte, map[string]fs.FileMode) {
	files, modes := map[string][]byte{}, map[string]fs.FileMode{}
	for _, f := range c.Files {
		if f.Old != "" && f.Old != f.New {
			files[filepath.Join(root, f.Old)] = nil
		}
		if f.New == "" {
			continue
		}
		path := filepath.Join(root, f.New)
		files[path], modes[path] = append([]byte{}, version(f)...), f.Mode
	}
	return files, modes
}

// FilePatch is the part of a patch for one file.
type FilePatch struct {
	Old string // name as written, prefix included ("a/src/x.c"); "" when the patch says the file is new
	New string // likewise; "" when the patch says the file goes away
	// Hunks in the order of the patch; none for a rename, a mode change, or an empty file made or removed.
	Hunks []Hunk

	Line    int         // of the header in the patch, from 1
	Git     bool        // has a "diff --git" header
	Rename  bool        // Old becomes New
	Copy    bool        // New is made from Old, which stays
	OldMode fs.FileMode // permission bits from git's header, 0 where it names none
	NewMode fs.FileMode

	oldEpoch, newEpoch bool // the time stamp on that side is the epoch

	crlf bool // every line of the patch ends in CR LF, so its line ends may be a mail program's
}

// Hunk is one @@ block.
type Hunk struct {
	OldStart, OldLines int // as in "@@ -OldStart,OldLines +NewStart,NewLines @@"
	NewStart, NewLines int
	Section            string // what follows the second @@
	Line               int    // of the @@ line in the patch, from 1

	lines []hunkLine
}

// hunkLine is one line of a hunk's body.
type hunkLine struct {
	op   byte   // ' ', '-' or '+'
	text string // with its line end, if it has one
}
