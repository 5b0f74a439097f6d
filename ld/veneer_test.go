package ld

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/elfobj"
	"gocare/internal/test/testkit"
)

// TestVeneers: an instruction that the linker took out of a function because of an erratum is no mismatch, and a part of the function.
func TestVeneers(t *testing.T) {
	testkit.Require(t, "aarch64-linux-gnu-gcc")
	const text = `	.text
	.globl	f
	.type	f, %%function
	.balign	4096
	.zero	4088 - 8
f:	nop
	nop
	adrp	x0, v
	ldr	x2, [x2]
	%s
	ret
	.size	f, .-f
	.data
	.globl	v
v:	.quad	1
`
	for _, tt := range []struct{ name, last, refused string }{
		{"with an address", "ldr x1, [x0, :lo12:v]", ""},
		{"without", "ldr x1, [x0]", ""},
		{"another instruction", "ldr x1, [x0]", "is not the object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			testkit.WriteFile(t, filepath.Join(dir, "main.s"), fmt.Sprintf(text, tt.last))
			testkit.Run(t, dir, "aarch64-linux-gnu-as", "main.s", "-o", "main.o")
			testkit.Run(t, dir, "aarch64-linux-gnu-ld", "--fix-cortex-a53-843419=full", "-e", "f", "-Map=out.map", "main.o", "-o", "out", "-Ttext=0x10000000", "-Tdata=0x20000000")
			testkit.Run(t, dir, "sed", "-i", "/linker stubs/d", "out.map") // the veneers are no input
			if tt.refused != "" {                                          // the object of another build
				testkit.WriteFile(t, filepath.Join(dir, "main.s"), strings.Replace(fmt.Sprintf(text, tt.last), "ldr x1", "ldr x3", 1))
				testkit.Run(t, dir, "aarch64-linux-gnu-as", "main.s", "-o", "main.o")
			}
			o := openBuild(t, dir, "out").open(t)
			parts, _, err := o.originals.parts(Unit{}, []string{"f"}, "f")
			if tt.refused != "" {
				checkRefusal(t, err, "object-mismatch")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(parts) != 2 || parts[1].Size != 8 || parts[1].Addr != veneerSymbol(t, dir) || parts[1].Name == "f" {
				t.Fatalf("parts %+v", parts)
			}
		})
	}
}

// veneerSymbol is where the linker's symbol for its veneer is.
func veneerSymbol(t *testing.T, dir string) uint64 {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := elfobj.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range f.Symbols {
		if strings.HasPrefix(s.Name, "e843419") {
			return s.Value
		}
	}
	t.Fatal("there is no veneer")
	return 0
}

// TestPassedOn: a call that does not reach leads to a jump of the linker's, which is not where the function is.
func TestPassedOn(t *testing.T) {
	testkit.Require(t, "aarch64-linux-gnu-gcc", "ld.lld")
	const text = `	.text
	.globl	f
	.type	f, %function
f:	bl	g
	bl	.far + 4
	b	g
	.size	f, .-f
	.section .far, "ax"
	.type	other, %function
other:	nop
	ret
	.size	other, .-other
	.type	g, %function
g:	ret
	.size	g, .-g
`
	for _, linker := range []string{"aarch64-linux-gnu-ld", "ld.lld"} {
		t.Run(linker, func(t *testing.T) {
			dir := t.TempDir()
			testkit.WriteFile(t, filepath.Join(dir, "main.s"), text)
			testkit.Run(t, dir, "aarch64-linux-gnu-as", "main.s", "-o", "main.o")
			testkit.Run(t, dir, linker, "-e", "f", "-Map=out.map", "main.o", "-o", "out", "-Ttext=0x10000000", "--section-start=.far=0x20000000")
			o := openBuild(t, dir, "out").open(t)
			if _, _, err := o.originals.parts(Unit{}, []string{"f"}, "f"); err != nil {
				t.Error(err)
			}
		})
	}
}
