package patcher

import (
	"errors"
	"slices"
	"testing"

	"gocare/internal/layout"
	"gocare/planner"
)

func TestRetypedVariables(t *testing.T) {
	const before, after = `
	.globl	f
	.type	f, @function
f:
	movl	$1, %eax
	ret
	.size	f, .-f
`, `
	.globl	f
	.type	f, @function
f:
	movl	$2, %eax
	ret
	.size	f, .-f
`
	other := []layout.Change{
		{Kind: layout.Type, Name: "struct s", Before: "4 bytes", After: "8 bytes"}, {Kind: layout.Variable, Name: "x", Before: "int", After: "float"},
	}
	for _, tt := range []struct {
		name    string
		patched string // of the unit that may change something
		changes []layout.Change
		err     error
		want    []string
	}{
		{"nothing changes", after, nil, nil, nil},
		{"no code is in the patch", before, other, nil, nil},
		{"another type", after, other, nil, []string{
			`u1.c: variable-type: u1.c: variable "x" has another type: was int, is float`, `the link: variable-type: same.c: variable "x" has another type: was int, is float`,
		}},
		{"not read", after, nil, errors.New("cut off"), []string{
			"u1.c: no-types: u1.c: its debug information, which shows the types of variables, cannot be read: cut off",
			"the link: no-types: same.c: its debug information, which shows the types of variables, cannot be read: cut off",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLink(t, fakeLink{}, pair{orig: before, patched: tt.patched}, pair{orig: before, patched: before})
			for i := range l.units {
				if l.units[i].emitted == nil {
					l.units[i].object = nil
				}
			}
			l.units[1].unit.OrigTypes, l.units[1].unit.PatchedTypes = "a", "b"
			l.target.Same = []planner.SameUnit{{Source: "same.c", OrigTypes: "c", PatchedTypes: "d"}}
			l.typeChanges = func(*planner.SideVersions) ([]layout.Change, error) { return tt.changes, tt.err }
			says, err := retypedVariables(l)
			if err != nil {
				t.Fatal(err)
			}
			if got := said(says); !slices.Equal(got, tt.want) {
				t.Errorf("got %q", got)
			}
		})
	}
}
