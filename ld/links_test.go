package ld

import (
	"path/filepath"
	"testing"

	"gocare/internal/elfobj"
	"gocare/internal/test/testkit"
)

// TestThinArchive: members of a thin archive are files of their own in the map.
func TestThinArchive(t *testing.T) {
	for _, linker := range []string{"bfd", "gold", "lld", "mold"} {
		t.Run(linker, func(t *testing.T) {
			flag := "-fuse-ld=" + linker
			requireLinker(t, []string{flag})
			dir := compile(t, "-O2", "-fno-reorder-functions", "-fno-reorder-blocks-and-partition", "-ftls-model=local-exec")
			testkit.Run(t, dir, "ar", "rcT", "libthin.a", "one/same.o", "two/same.o", "other.o")
			testkit.Run(t, dir, "gcc", flag, "main.o", "start.o", "-o", "out", "-Wl,-Map=out.map", "libthin.a", "-lm")
			b := openBuild(t, dir, "out")
			compareWithLinker(t, b, join(t, b.open(t), b.identityUnit(t, "main"), b.identityUnit(t, "other")))
		})
	}
}

// TestScript: a linker script may put sections where it likes.
func TestScript(t *testing.T) {
	dir := compile(t, "-O2", "-ffunction-sections", "-fdata-sections")
	testkit.WriteFile(t, filepath.Join(dir, "place.ld"), `SECTIONS {
 .apart : { *(.text.use_statics) *(.text.helper) }
 .kept : { main.o(.data.* .bss.*) }
} INSERT AFTER .fini;
`)
	b := linkProgram(t, dir, "-Wl,-T,place.ld")
	if b.bin.Section(".apart") == nil {
		t.Fatal("the script was not used")
	}
	compareWithLinker(t, b, join(t, b.open(t), b.identityUnit(t, "main"), b.identityUnit(t, "other")))
}

// TestDefsym: a name that the command line gives to a place is one, a number stays a number.
func TestDefsym(t *testing.T) {
	b := linkProgram(t, compile(t, "-O2"), "-Wl,--defsym=twin=public_helper,--defsym=level=17,--defsym=doubtful=0x1200")
	checkRules(t, b, b.open(t), "main", []rule{
		{name: "place", body: "call twin", want: ".kpatch.text+0x1 PC32 public_helper -4"},
		{name: "number", body: "mov $level+1, %eax", want: "", text: "b812000000"},
		{name: "number through the GOT", body: "cmp level@GOTPCREL(%rip), %rax", want: ".kpatch.text+0x3 PC32 .kpatch.data+0x0 -4", text: "483b05"},
		{name: "weak number", body: "\t.weak level\n\tmov $level, %eax", want: "", text: "b811000000"},
		{name: "number that may be a place", body: "mov $doubtful, %eax", code: "absolute-symbol"},
		{name: "number as a place", body: "mov level(%rip), %eax", code: "absolute-symbol"},
		{name: "number that does not fit", body: "mov $level+0xfffffff0, %eax", code: "out-of-range"},
	})
}

// TestVersions: of a symbol of which a library has two versions a name alone means the default, whichever the original asks for.
func TestVersions(t *testing.T) {
	testkit.Require(t, "gcc", "as")
	dir := t.TempDir()
	testkit.WriteFile(t, filepath.Join(dir, "lib.c"), `
__asm__(".symver f1,f@V1\n\t.symver f2,f@@V2\n\t.symver g1,g@V1\n\t.symver g2,g@@V2\n\t.symver v1,v@V1\n\t.symver v2,v@@V2");
int f1(void) { return 1; } int f2(void) { return 2; } int g1(void) { return 3; } int g2(void) { return 4; } int v1 = 5, v2[2] = { 6, 7 };
int inside(void) { extern int f(void); return f(); }
__asm__(".symver old_g,g@V1"); int both(void) { extern int g(void), old_g(void); return g() + old_g(); }
int f3(void) { return f1(); }
`)
	testkit.WriteFile(t, filepath.Join(dir, "lib.map"), `V1 { global: f; g; v; };
V2 { global: f; g; v; inside; both; f3; local: *; } V1;
`)
	testkit.WriteFile(t, filepath.Join(dir, "main.c"), `__asm__(".symver f,f@V1\n\t.symver h,g@V1");
int f(void), h(void), other(void);
int main(void) { return f() + other(); }
void *address(void) { return h; }
`)
	testkit.WriteFile(t, filepath.Join(dir, "other.c"), "int other(void) { return 0; }\n")
	testkit.Run(t, dir, "gcc", "-O1", "-fPIC", "-c", "lib.c")
	testkit.Run(t, dir, "gcc", "-shared", "lib.o", "-Wl,--version-script=lib.map", "-Wl,-soname,lib.so", "-o", "lib.so", "-Wl,-Map=lib.so.map")
	testkit.Run(t, dir, "gcc", "-O1", "-fPIC", "-c", "main.c", "other.c")
	testkit.Run(t, dir, "gcc", "main.o", "other.o", "./lib.so", "-o", "out", "-Wl,-Map=out.map")
	b := openBuild(t, dir, "out")
	lib, err := elfobj.Load(filepath.Join(dir, "lib.so"))
	if err != nil {
		t.Fatal(err)
	}
	b.objects = append(b.objects, Object{Path: "./lib.so", File: lib})
	o := b.open(t)
	const old = "\t.symver f1,f@V1\n\t"
	const data = "ret\n\t.section .kpatch.data,\"aw\",@progbits\n\t.quad f1\n\t.section .kpatch.text"
	checkRules(t, b, o, "main", []rule{
		{name: "call", body: old + "call f1@PLT", want: ".kpatch.text+0x1 PC32 in .plt -4"},
		{name: "address", body: old + "mov f1@GOTPCREL(%rip), %rax", want: ".kpatch.text+0x3 PC32 import STT_FUNC f@V1 +4"},
		{name: "address in data", body: old + data, want: ".kpatch.data+0x0 64 import STT_FUNC f@V1 +0"},
		{name: "through the slot of the original's version", body: "\t.symver g1,g@V1\n\tmov g1@GOTPCREL(%rip), %rax", want: ".kpatch.text+0x3 PC32 in .got -4"},
		{name: "no version: the default, which the original does not take", body: "call f@PLT", want: ".kpatch.text+0x1 PC32 import STT_FUNC f@V2 -4"},
		{name: "the default beside a slot of another version", body: "mov g@GOTPCREL(%rip), %rax", want: ".kpatch.text+0x3 PC32 import STT_FUNC g@V2 +4"},
		{name: "the default, by its version", body: "\t.symver f2,f@V2\n\tcall f2", want: ".kpatch.text+0x1 PC32 import STT_FUNC f@V2 -4"},
		{name: "two versions", body: old + "call f1\n\tcall f", want: ".kpatch.text+0x1 PC32 in .plt -4\n.kpatch.text+0x6 PC32 import STT_FUNC f@V2 -4"},
		{name: "new variable", body: "mov v@GOTPCREL(%rip), %rax", want: ".kpatch.text+0x3 PC32 import STT_OBJECT v@V2 +4"},
		{name: "new variable of a version", body: "\t.symver v1,v@V1\n\tmov v1@GOTPCREL(%rip), %rax", want: ".kpatch.text+0x3 PC32 import STT_OBJECT v@V1 +4"},
	})
	b.objects = b.objects[:len(b.objects)-1]
	checkRules(t, b, b.open(t), "main", []rule{
		{name: "no version, and a library that is not known", body: "call f@PLT", code: "ambiguous-symbol"},
	})
	own := openBuild(t, dir, "lib.so")
	checkRules(t, own, own.open(t), "lib", []rule{
		{name: "own function", body: "call f@PLT", want: ".kpatch.text+0x1 PC32 in .plt -4"},
		{name: "own function without a stub", body: "call f3@PLT", want: ".kpatch.text+0x1 PC32 import STT_FUNC f3@V2 -4"},
		{name: "two versions of an own function", body: "call g@PLT", code: "ambiguous-symbol"},
	})
	for i := range own.bin.Symbols {
		if s := &own.bin.Symbols[i]; s.Name == "f" && s.Version == "V1" {
			j := join(t, own.open(t), own.newFunction(t, "lib", "call f1"))
			if to := j.Sections[0].Relocs[0].Target; j.Originals[to.Index].Addr+to.Offset != s.Value {
				t.Errorf("f1 is at %+v, want 0x%x", to, s.Value)
			}
			return
		}
	}
	t.Error("no f@V1 in the library")
}
