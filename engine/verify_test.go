package engine

import (
	"fmt"
	"path/filepath"
	"testing"

	"gocare/engine/inspect"
	"gocare/engine/link"
	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

// TestOriginalOfShortFunction: a patch that others made may replace a function shorter than a jump only where what the jump
// overwrites besides is padding, whole instructions that nothing else names.
func TestOriginalOfShortFunction(t *testing.T) {
	testkit.Require(t, "gcc")
	onlyOn(t, "amd64") // a function is never shorter than a jump where all instructions are as long
	for _, tt := range []struct {
		name, behind string
		size         uint32
		code         fault.Code
	}{
		{"long enough", "\tret", 5, ""},
		{"short nops", "\tnop\n\txchg %ax,%ax\n\tnop", 1, ""},
		{"traps", "\tint3\n\tint3\n\tint3\n\tint3", 1, ""},
		{"a nop that reaches beyond the jump", "\tnopw %cs:0(%rax,%rax)", 1, ""},
		{"a long nop behind four bytes", "\tnopl 0(%rax)", 4, ""},
		{"zeros", "\t.zero 8", 1, fault.TooShort},
		{"code that begins as a nop does", "\t.byte 0x66, 0x2e, 0xc3, 0xc3", 1, fault.TooShort},
		{"code", "\tmov $1, %eax", 1, fault.TooShort},
		{"code behind a nop", "\tnop\n\tmov $1, %eax", 1, fault.TooShort},
		{"another function that begins with nops", "other:\n\tnop\n\tnop\n\tnop\n\tnop", 1, fault.TooShort},
		{"a function behind nops", "\tnop\n\tnop\nother:\n\tnop\n\tnop", 1, fault.TooShort},
		{"a function that begins in a nop", "\t.byte 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0\nother:\n\t.byte 0, 0, 0, 0", 1, fault.TooShort},
		{"the end of the code", "", 1, fault.WrongBuild},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			source := filepath.Join(dir, "prog.s")
			testkit.WriteFile(t, source, fmt.Sprintf("\t.globl _start\n_start:\n\t.fill %d, 1, 0xc3 # ret\n%s\n", tt.size, tt.behind))
			f, err := elfobj.Load(testkit.CC(t, dir, "prog", "-nostdlib", "-static", "-no-pie", source))
			if err != nil {
				t.Fatal(err)
			}
			code, err := original(&arch.X86_64, &inspect.Object{Path: "prog", ELF: f}, &link.Function{Old: inspect.Addr(f.Entry), OldSize: tt.size})
			if tt.code != "" {
				if e := fault.As(err); e == nil || e.Code != tt.code {
					t.Errorf("got %x, %v", code, err)
				}
				return
			}
			if err != nil || len(code) != 5 || code[0] != 0xc3 {
				t.Errorf("got %x, %v", code, err)
			}
		})
	}
}
