package diffasm

import (
	"bytes"
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/internal/kpname"
)

// Marks are what macros of gocare.h say in the patched unit, and did not say in the original.
type Marks struct {
	Variables []string // symbols of which the source takes care itself
	Types     []string // likewise, as the source spells them: "struct conn"

	roles []mark
}

// mark is a symbol with a role in the patch.
type mark struct {
	role   kpname.Role
	symbol string
	at     asm.Statement
}

// HasMarks reports whether assembly text may hold marks.
func HasMarks(text []byte) bool { return bytes.Contains(text, []byte(kpname.MarkPrefix)) }

// MarksOf lists the marks that are new in the patched version of a unit; orig may be nil.
func MarksOf(orig, patched *File) (m Marks) {
	for _, b := range patched.Variables {
		section := b.Section.Name
		if !strings.HasPrefix(section, kpname.MarkPrefix) || orig != nil && orig.Blocks[b.Name] != nil || len(b.Items) == 0 {
			continue
		}
		value := asm.Trim(b.Items[0].Args)
		switch role := kpname.RoleOf(section); {
		case section == kpname.MarkType:
			m.Types = append(m.Types, strings.TrimSuffix(strings.Trim(value, `"`), `\0`))
		case section == kpname.MarkVariable:
			target, _, _ := patched.Follow(value)
			m.Variables = append(m.Variables, target)
		case role != 0:
			target, _, _ := patched.Follow(value)
			m.roles = append(m.roles, mark{role, target, asm.Statement{Line: b.Line, Place: patched.DeclaredAt(b.Name)}})
		}
	}
	return m
}

// Add adds the marks of another unit, as far as they are about what units share.
func (m *Marks) Add(of *File, more Marks) {
	for _, name := range more.Variables {
		if of.IsGlobal(name) || !of.Defines(name) {
			m.Variables = append(m.Variables, name)
		}
	}
}

// vouches reports whether the source patch takes care of what processes have in a variable of the patched unit.
func (c *decider) vouches(name string) bool {
	return slices.Contains(c.d.marks().Variables, name) ||
		c.o.Marks != nil && c.d.patched.IsGlobal(name) && slices.Contains(c.o.Marks.Variables, name)
}

func (d *Delta) marks() Marks { return MarksOf(d.orig, d.patched) }
