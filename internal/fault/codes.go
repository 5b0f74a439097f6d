package fault

// Code is a stable reason code. Scripts match on it, the man pages list it.
type Code struct {
	Name        string
	Meaning     string
	Overridable bool // patchmake --allow CODE goes on; the user vouches for it
}

// Overridable reports whether refusals with a code can be overridden.
func Overridable(name string) bool {
	for _, c := range Codes {
		if c.Name == name {
			return c.Overridable
		}
	}
	return false
}

// Codes lists every reason code of every program, by name.
var Codes = []Code{
	{"data-changed", "the initialiser of a live variable changed", true},
	{"data-size", "the size of a live variable changed", false},
	{"filter-split", "the filter leaves out a changed function that calls, or is called by, one that it keeps", true},
	{"no-types", "a unit could not be compiled with -g, to compare data layouts", true},
	{"signature", "an external function has another prototype", true},
	{"struct-layout", "a structure or union has another layout", true},
}
