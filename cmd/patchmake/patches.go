package main

import (
	"io"
	"os"
	"path/filepath"

	"gocare/internal/fault"
	"gocare/internal/srcpatch"
)

// readPatches reads and parses the PATCH arguments in order; "-" is standard input.
func readPatches(names []string, stdin io.Reader) ([]*srcpatch.Patch, error) {
	var patches []*srcpatch.Patch
	for _, name := range names {
		data, err := readPatch(name, stdin)
		if err != nil {
			return nil, fault.New(fault.Environment, name, "cannot read the patch").WithCause(err).WithState("tree unchanged").
				WithHint("name a file that diff -u or git diff wrote, or - for standard input")
		}
		base := name
		if name != "-" {
			base = filepath.Base(name)
		}
		p, err := srcpatch.Parse(base, data)
		if err != nil {
			return nil, err
		}
		patches = append(patches, p)
	}
	return patches, nil
}

func readPatch(name string, stdin io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(name)
}
