package diffasm

import (
	"gocare/diffasm/correlate"
	"gocare/diffasm/debuginfo"
)

// What callers give to Match and get from Parse.
type (
	// File is a unit's assembly with its debug information.
	File = debuginfo.Unit
	// SourceFile says how a source file changed from the original unit to the patched one.
	SourceFile = correlate.SourceFile
	// LineChange is code that is the same in both versions but for some numbers, and where it comes from.
	LineChange = correlate.LineChange
)
