package diffasm

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"gocare/internal/arch"

	"gocare/internal/fault"
)

// sharedVariable is a unit in which f and g use the thread-local variable n, if it is there.
const sharedVariable = `
	.text
	.globl	f
	.type	f, @function
f:
%s	ret
	.size	f, .-f
	.globl	g
	.type	g, @function
g:
%s	ret
	.size	g, .-g
%s`

// A variable that cannot be had is refused once, for all the functions that use it, and for those alone that are not refused for themselves;
// what is overridden of a function does not hide it.
func TestRefusedForBoth(t *testing.T) {
	const variable = "\t.section\t.tbss,\"awT\",@nobits\n\t.type\tn, @object\n\t.size\tn, 4\nn:\n\t.zero\t4\n"
	const use, escape = "\tmovl\t%fs:n@tpoff, %eax\n", ".L9:\n\tleaq\t.L9(%rip), %rax\n\tmovq\t%rax, kept(%rip)\n"
	orig := fmt.Sprintf(sharedVariable, "", "", "")
	for _, tt := range []struct {
		name, f, g string
		allow      fault.Code
		want       []string // codes, with the functions
	}{
		{"both", use, use, "", []string{"new-tls [f g]"}},
		{"the first twice", use + use, "\tnop\n", "", []string{"new-tls [f]"}},
		{"the first is refused for itself", escape + use, use, "", []string{"label-escape [f]", "new-tls [g]"}},
		{"that is overridden", escape + use, use, fault.LabelEscape, []string{"new-tls [f g]"}},
		{"that is overridden, of one alone", escape + use, "\tnop\n", fault.LabelEscape, []string{"new-tls [f]"}},
		{"the second", "\tnop\n", use, "", []string{"new-tls [g]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := decideTexts(t, orig, fmt.Sprintf(sharedVariable, tt.f, tt.g, variable), tt.allow)
			var got []string
			for _, e := range fault.All(err) {
				got = append(got, fmt.Sprint(e.Code, " ", append([]string{e.Function}, e.Others...)))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func decideTexts(t *testing.T, orig, patched string, allow fault.Code) error {
	t.Helper()
	o, err := Parse(&arch.X86_64, "a.c", []byte(orig))
	p, err2 := Parse(&arch.X86_64, "a.c", []byte(patched))
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	d, err := Match(o, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Decide(d, Options{Allow: func(c fault.Code) bool { return c == allow }})
	return err
}
