package unwind

// Len returns the number of FDEs.
func (t *Table) Len() int { return len(t.fdes) }

// Skipped returns the number of FDEs that were left out because this package does not know their form.
func (t *Table) Skipped() int { return t.skipped }

// Covers reports whether there are rules for a link address.
func (t *Table) Covers(addr uint64) bool { return t.find(addr) != nil }
