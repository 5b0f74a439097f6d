package diffasm

import (
	"strings"
	"testing"

	"gocare/internal/arch"

	"gocare/diffasm/debuginfo"
)

// TestEndless: a process stays in main, and in a loop without a way out.
func TestEndless(t *testing.T) {
	for _, tt := range []struct {
		name, function, body string
		want                 bool
	}{
		{"main", "main", "call work\n ret", true},
		{"another", "serve", "call work\n ret", false},
		{"a loop", "serve", ".L2:\n call work\n jmp .L2", true},
		{"a loop that ends", "serve", ".L2:\n call work\n testl %eax, %eax\n jne .L2\n ret", false},
		{"a loop that goes on elsewhere", "serve", ".L2:\n call work\n testl %eax, %eax\n jne .L2\n jmp work", false},
		{"a loop with a switch", "serve", ".L2:\n call work\n jmp *%rax\n jmp .L2", false},
		{"the end of the program", "serve", "call exit", false},
		{"into itself", "serve", "call work\n jmp serve", true},
		{"inline assembly", "serve", "\n#APP\n nop\n#NO_APP\n.L2:\n call work\n jmp .L2", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			unit := func(number string) *debuginfo.Unit {
				n := tt.function
				u, err := Parse(&arch.X86_64, "a.s", []byte("\t.text\n\t.globl "+n+"\n\t.type "+n+", @function\n"+n+":\n movl $"+number+", %edi\n "+tt.body+"\n\t.size "+n+", .-"+n+"\n"))
				if err != nil {
					t.Fatal(err)
				}
				return u
			}
			d, err := Matching{}.Match(unit("1"), unit("2"), nil)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Decide(d, Options{})
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			if tt.want {
				want = tt.function
			}
			if got := strings.Join(s.Endless(), " "); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
