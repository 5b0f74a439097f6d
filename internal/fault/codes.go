package fault

// Overridable reports whether refusals with a reason code can be overridden (patchmake --allow CODE): the patch can be
// made, and the user vouches for it.
func Overridable(code string) bool {
	switch code {
	case "data-changed", // the old value of the variable stays
		"enum-renumbered",  // no old value of the enumerator is stored
		"filter-split",     // old and new versions mix
		"gone-caller",      // the function does not run again
		"gone-destructor",  // it still runs at exit
		"label-escape",     // no label is used after its function returned
		"literal-compared", // no such address is kept
		"new-constructor",  // it never runs
		"new-library",      // the process has loaded it by other means
		"no-types",         // layouts and signatures are not compared
		"signature",        // no caller outside the patch uses the old prototype
		"start-only",       // the function is called later, too
		"static-lost",      // the variable has its initial value
		"static-moved",     // the variable is a new one
		"static-renamed",   // the variable is a new one
		"static-unproved",  // static locals are paired by likeness
		"variable-gone",    // what still uses the variable keeps the old one
		"variable-type",    // any value of the variable will do
		"struct-layout":    // no object of the old layout exists
		return true
	}
	return false
}
