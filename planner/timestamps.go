package planner

import (
	"bytes"
	"os"
	"slices"

	"gocare/buildtree"
	"gocare/diffasm"
)

// restamped gives a unit's side versions the times of source files (__TIMESTAMP__) that its patched version has: those change with every
// edit, and once more with the old line numbers. What differs in them alone did not change. It returns the versions as they are where
// the times of one do not stand for those of the other, one by one.
func (c sideCompiler) restamped(u *pairedUnit, restored, stamped buildtree.Digest) (newRestored, newStamped buildtree.Digest, err error) {
	patched, err := c.b.Store.Blob(u.asm)
	if err != nil {
		return "", "", err
	}
	times := diffasm.FileStamps(patched)
	if len(times) == 0 || !c.usesTimestamp(u.orig) {
		return restored, stamped, nil
	}
	base := stamped
	if base == "" {
		base = u.orig.AsmID
	}
	before, err := c.restamp(base, times)
	if err != nil || before == "" {
		return restored, stamped, err
	}
	if restored != "" {
		if restored, err = c.restamp(restored, times); err != nil {
			return "", "", err
		}
	}
	return restored, before, nil
}

// restamp replaces the times in assembly by others, in order; "" if they are not as many.
func (c sideCompiler) restamp(asm buildtree.Digest, times []string) (buildtree.Digest, error) {
	text, err := c.b.Store.Blob(asm)
	if err != nil {
		return "", err
	}
	own := diffasm.FileStamps(text)
	if len(own) != len(times) {
		return "", nil
	}
	if slices.Equal(own, times) {
		return asm, nil
	}
	return c.b.Store.PutBlob(diffasm.Restamp(text, own, times))
}

// usesTimestamp reports whether a file that a unit was compiled from asks for the time of a source file.
func (c sideCompiler) usesTimestamp(u *buildtree.Unit) bool {
	return slices.ContainsFunc(c.b.Before.units[readerID(u)].files, func(r buildtree.Read) bool {
		data, err := os.ReadFile(r.Path)
		return err == nil && bytes.Contains(data, []byte("__TIMESTAMP__"))
	})
}
