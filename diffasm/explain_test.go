package diffasm

import (
	"testing"

	"gocare/internal/arch"

	"gocare/diffasm/debuginfo"
)

// TestExplainHandlers: handlers that come or go are told in words.
func TestExplainHandlers(t *testing.T) {
	const plain = ".text\n.globl f\n.type f, @function\nf:\n.cfi_startproc\ncall g\nret\n.cfi_endproc\n.size f, .-f\n"
	const handled = ".text\n.globl f\n.type f, @function\nf:\n.cfi_startproc\n.cfi_personality 0x9b,p\n.cfi_lsda 0x1b,.LLSDA0\ncall g\nret\n.cfi_endproc\n" +
		".section .gcc_except_table,\"a\",@progbits\n.LLSDA0:\n.byte 0xff\n.text\n.size f, .-f\n"
	for _, tt := range []struct{ name, was, now, want string }{
		{"handlers come", plain, handled, "no exception handlers -> exception handlers"},
		{"handlers go", handled, plain, "exception handlers -> no exception handlers"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			unit := func(text string) *debuginfo.Unit {
				u, err := Parse(&arch.X86_64, "a.s", []byte(text))
				if err != nil {
					t.Fatal(err)
				}
				return u
			}
			d, err := Matching{}.Match(unit(tt.was), unit(tt.now), nil)
			if err != nil {
				t.Fatal(err)
			}
			if f := d.Functions[0]; f.Before+" -> "+f.After != tt.want {
				t.Errorf("got %q -> %q, want %q", f.Before, f.After, tt.want)
			}
		})
	}
}
