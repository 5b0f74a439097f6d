package kpname

// Role says what carectl does with an entry of .kpatch.info that is no function to be replaced: the flags of the entry.
type Role uint32

// Actions are functions of the patch that run while all threads are stopped; Shadow is the variable by which patches find the table of
// shadow variables that those before them use. None has the bit that marks a gate.
const (
	PreApply   Role = 2 // before the first hook is written; a result other than 0 refuses the patch
	PostApply  Role = 4 // when the last is written
	PreRemove  Role = 6 // before the first hook is taken off; a result other than 0 refuses the removal
	PostRemove Role = 8 // when the last is off
	Shadow     Role = 16
)

// MarkPrefix is what the names of the sections begin with in which the macros of gocare.h leave what a source says to patchmake.
const MarkPrefix = ".gocare."

// Sections in which the source names a variable, or a type, of which it takes care itself.
const (
	MarkVariable = MarkPrefix + "value"
	MarkType     = MarkPrefix + "layout"
)

var roles = map[Role]struct{ name, section string }{
	PreApply:   {"pre-apply", MarkPrefix + "pre_apply"},
	PostApply:  {"post-apply", MarkPrefix + "post_apply"},
	PreRemove:  {"pre-remove", MarkPrefix + "pre_remove"},
	PostRemove: {"post-remove", MarkPrefix + "post_remove"},
	Shadow:     {"shadow variables", MarkPrefix + "shadow"},
}

// RoleOf returns the role of what a section of marks names, 0 if it has none.
func RoleOf(section string) Role {
	for role, r := range roles {
		if r.section == section {
			return role
		}
	}
	return 0
}

// Known reports whether there is such a role.
func (r Role) Known() bool { return roles[r].name != "" }

// IsAction reports whether carectl runs a function with this role.
func (r Role) IsAction() bool { return r != Shadow && r.Known() }

func (r Role) String() string { return roles[r].name }
