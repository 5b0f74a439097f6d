// Package stripper turns a joined object into the patch that a file holds.
//
// Input: a Joined of package ld. Output: a kpatch.Patch, without the sections, symbols and imports that nothing refers to, and with the
// distances within a section written into it. It refuses what a field or a call cannot reach (reloc-range, reloc-32-pie, import-data), hooks
// without room (too-short, hooks-overlap), more alignment than a page has (alignment), and a patch without functions (patch-empty). A
// relocation of another type than the five of the format is a bug of whoever joined it.
package stripper
