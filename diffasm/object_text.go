package diffasm

import (
	"gocare/diffasm/disasm"
	"gocare/internal/elfobj"
)

// What callers give to WriteObject and get from it.
type (
	// Object is one version of a unit that is known by its object.
	Object = disasm.Object
	// ObjectText is such an object as assembly text.
	ObjectText = disasm.Text
	// ObjectPlace is an offset in a section of an object.
	ObjectPlace = disasm.Place
)

// WriteObject writes an object as text for Parse. orig is the object that it is compared with, nil for the original itself; opaque names the
// functions that an assembler does not give back (see ObjectText.Prove), with the reason.
func WriteObject(o Object, orig *elfobj.File, opaque map[string]string) (*ObjectText, error) {
	return disasm.Write(o, orig, opaque)
}

// ListingArgs are the arguments that make objdump list the code of an object as WriteObject reads it.
func ListingArgs(object string) []string { return disasm.ListingArgs(object) }
