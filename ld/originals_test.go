package ld

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

// buildText links asm, an object of its own, with the main program's start.
func buildText(t *testing.T, asm string, flags ...string) *build {
	t.Helper()
	testkit.Require(t, "gcc")
	dir := t.TempDir()
	testkit.WriteFile(t, filepath.Join(dir, "main.s"), asm)
	testkit.Run(t, dir, "gcc", "-c", "main.s")
	testkit.Run(t, dir, "gcc", append([]string{"main.o", "-o", "out", "-Wl,-Map=out.map"}, flags...)...)
	return openBuild(t, dir, "out")
}

const asmMain = "\t.text\n\t.globl main\n\t.type main,@function\nmain:\n\tcall f\n\txor %eax,%eax\n\tret\n\t.size main,.-main\n\t.p2align 4\n"

func asmFunction(name, body string) string {
	return fmt.Sprintf("\t.type %s,@function\n%s:\n%s\n\t.size %s,.-%s\n", name, name, body, name, name)
}

// TestOriginals looks at the functions that a patch replaces.
func TestOriginals(t *testing.T) {
	for _, tt := range []struct {
		name, asm string
		flags     []string
		code      fault.Code
		oldSize   uint64
	}{
		{"long", asmFunction("f", "\tmov $1,%eax\n\tret"), nil, "", 6},
		{"short before padding", asmFunction("f", "\tret") + "\t.p2align 4\n" + asmFunction("g", "\tret"), nil, "", 5},
		{"short before a function", asmFunction("f", "\tret") + asmFunction("g", "\tmov $1,%eax\n\tret"), nil, "too-short", 0},
		{"short before a label", asmFunction("f", "\tret") + "g:\tnop\n\tnop\n\tnop\n\tnop\n\tnop\n", nil, "too-short", 0},
		{"short before padding between inputs", "\t.section .text.unlikely,\"ax\",@progbits\n" + asmFunction("f", "\tret"), nil, "", 5},
		{"alias", asmFunction("f", "\tmov $1,%eax\n\tret") + "\t.globl g\n\t.set g,f\n", nil, "", 6},
		{"size unknown", "f:\n\tmov $1,%eax\n\tmov $1,%ecx\n\tret\ng:\tret\n", nil, "", 11},
		{"none", "\t.globl f\n", []string{"-Wl,--defsym=f=0"}, "unknown-function", 0},
		{"data", "\t.data\nf:\t.quad 1,2\n", nil, "unknown-function", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := buildText(t, asmMain+tt.asm, tt.flags...)
			u := b.assemble(t, "main", "\t.section .kpatch.text,\"ax\",@progbits\nf.kpatch:\n\tmov $2,%eax\n\tret\n",
				[]UnitFunction{{Name: "f", Symbol: "f.kpatch", Orig: "f"}})
			j, err := tryJoin(b.open(t), u)
			if tt.code != "" {
				checkRefusal(t, err, tt.code)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			f := j.Functions[0]
			if f.IsNew || f.OldSize != tt.oldSize || f.NewSize != 6 {
				t.Errorf("new %v, old size %d, new size %d; want old size %d", f.IsNew, f.OldSize, f.NewSize, tt.oldSize)
			}
		})
	}
}

// TestGates: the hook of a function without room for one goes to padding nearby that no one uses, and a shorter jump leads there.
func TestGates(t *testing.T) {
	const (
		two   = "\tnop\n\tret"
		long  = "\tmov $1,%eax\n\tret"
		align = "\t.p2align 4\n"
	)
	behind := asmFunction("behind", long)
	for _, tt := range []struct {
		name, before, after string
		body                string
		via                 uint64 // where the hook is, from the start of main; 0 for none
	}{
		{"padding before it", "", behind, two, 8},
		{"one byte before code", "", behind, "\tret", 0},
		{"one byte before a nop", "", "\tnop\n" + long, "\tret", 8},
		{"one byte at the end of the text", "", "", "\tret", 8},
		{"the nearest", asmFunction("g", "\tret") + align, behind, two, 26},
		{"behind a function that is short itself", asmFunction("g", "\tret") + "\t.p2align 3\n", behind, two, 8},
		{"out of reach", asmFunction("g", "\t.fill 144,1,0x98"), behind, two, 0},
		{"padding that data refers to", "\t.data\n\t.quad main + 12\n\t.text\n", behind, two, 0},
		{"padding that code refers to", "", asmFunction("behind", "\tlea main + 8(%rip),%rax\n\tret"), two, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := buildText(t, apart+asmMain+tt.before+asmFunction("f", tt.body)+tt.after)
			j, err := tryJoin(b.open(t), replacing(t, b, "f"))
			if tt.via == 0 {
				checkRefusal(t, err, "too-short")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			f := j.Functions[0]
			i := slices.IndexFunc(b.bin.Symbols, func(s elfobj.Symbol) bool { return s.Name == "main" })
			if main := b.bin.Symbols[i].Value - j.Originals[f.Via.Index].Addr; !f.Gate || f.Via.Offset-main != tt.via {
				t.Errorf("gate %v, to main+%d, want main+%d", f.Gate, f.Via.Offset-main, tt.via)
			}
		})
	}
}

// apart keeps functions away from what the linker fills up in front of their section.
var apart = "\t.text\n" + asmFunction("apart", "\t.fill 304,1,0x98")

// TestGateBetweenInputs: the linker fills up between sections; where it is not known what else has code there, that is not used.
func TestGateBetweenInputs(t *testing.T) {
	asm := asmFunction("f", "\tnop\n\tret") + asmFunction("far", "\t.fill 304,1,0x98") + asmMain
	for _, known := range []bool{true, false} {
		b := buildText(t, "\t.text\n"+asm)
		if !known {
			other := b.objects[0]
			other.Path, other.File = "other.o", b.objects[b.input(t, "main.o")].File
			b.objects = append(b.objects, other)
		}
		j, err := tryJoin(withLibrary(t, b), replacing(t, b, "f"))
		switch {
		case !known:
			checkRefusal(t, err, "too-short")
		case err != nil:
			t.Fatal(err)
		case !j.Functions[0].Gate || j.Functions[0].Via.Offset >= j.Functions[0].Old.Offset:
			t.Errorf("gate %v to 0x%x from 0x%x", j.Functions[0].Gate, j.Functions[0].Via.Offset, j.Functions[0].Old.Offset)
		}
	}
}

// TestGatesApart: hooks of two short functions take different padding, and the second is refused where there is no more.
func TestGatesApart(t *testing.T) {
	const two = "\tnop\n\tret"
	for _, more := range []bool{true, false} {
		asm := apart + asmMain + asmFunction("f", two) + asmFunction("g", two) + asmFunction("behind", "\tmov $1,%eax\n\tret")
		if more {
			asm += "\t.p2align 4\n" + asmFunction("last", "\tmov $1,%eax\n\tret")
		}
		b := buildText(t, asm)
		j, err := tryJoin(b.open(t), replacing(t, b, "f", "g"))
		switch {
		case !more:
			checkRefusal(t, err, "too-short")
		case err != nil:
			t.Fatal(err)
		case j.Functions[0].Via == j.Functions[1].Via:
			t.Errorf("both hooks are at %v", j.Functions[0].Via)
		}
	}
}

// replacing is a unit that replaces functions of main.s.
func replacing(t *testing.T, b *build, names ...string) Unit {
	t.Helper()
	asm := "\t.section .kpatch.text,\"ax\",@progbits\n"
	var functions []UnitFunction
	for _, name := range names {
		asm += name + ".kpatch:\n\tmov $2,%eax\n\tret\n"
		functions = append(functions, UnitFunction{Name: name, Symbol: name + ".kpatch", Orig: name})
	}
	return b.assemble(t, "main", asm, functions)
}

// TestPlaces refuses what the map does not place exactly.
func TestPlaces(t *testing.T) {
	call := func(b *build) Unit { return b.newFunction(t, "main", "mov v(%rip),%eax") }
	for _, tt := range []struct {
		name, asm string
		change    func(b *build)
		code      fault.Code
	}{
		{"placed", "\t.data\nv:\t.long 1\n", func(*build) {}, ""},
		{"merged", "\t.section .rodata.cst4,\"aM\",@progbits,4\nv:\t.long 1\n", func(*build) {}, "merged-symbol"},
		{"absolute", "v = 17\n", func(*build) {}, "absolute-symbol"},
		{"not in the map", "\t.data\nv:\t.long 1\n", func(b *build) { b.m.Entries = nil }, "unplaced-symbol"},
		{"of another size", "\t.data\nv:\t.long 1\n", func(b *build) {
			for i := range b.m.Entries {
				b.m.Entries[i].Size += 4
			}
		}, "unplaced-symbol"},
		{"two maps for a global", "\t.data\n\t.globl v\nv:\t.long 1\n", func(b *build) {
			for i := range b.m.Entries {
				b.m.Entries[i].Addr += 4
			}
		}, "object-mismatch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := buildText(t, asmMain+asmFunction("f", "\tret")+tt.asm)
			tt.change(b)
			_, err := tryJoin(b.open(t), call(b))
			if tt.code == "" && err != nil {
				t.Fatal(err)
			} else if tt.code != "" {
				checkRefusal(t, err, tt.code)
			}
		})
	}
}

// TestMismatch compares the binary with an object that it was not linked from.
func TestMismatch(t *testing.T) {
	asm := asmMain + asmFunction("f", "\tmov $1,%eax\n\tcall main\n\tret")
	b := buildText(t, asm)
	unit := func() Unit {
		return b.assemble(t, "main", "\t.section .kpatch.text,\"ax\",@progbits\nf.kpatch:\n\tret\n",
			[]UnitFunction{{Name: "f", Symbol: "f.kpatch", Orig: "f"}})
	}
	join(t, b.open(t), unit())
	testkit.WriteFile(t, filepath.Join(b.dir, "main.s"), strings.Replace(asm, "mov $1", "mov $2", 1))
	testkit.Run(t, b.dir, "gcc", "-c", "main.s")
	b.objects = inputs(t, b.dir, b.m)
	_, err := tryJoin(b.open(t), unit())
	checkRefusal(t, err, "object-mismatch")
}

// TestMisbound: a map that places a variable elsewhere than the code has it is refused, though all code is as expected.
func TestMisbound(t *testing.T) {
	asm := asmMain + asmFunction("f", "\tmov v(%rip),%eax\n\tret") + "\t.section .bss.v,\"aw\",@nobits\nv:\t.zero 8\n"
	for _, wrong := range []bool{false, true} {
		b := buildText(t, asm)
		for i := range b.m.Entries {
			if wrong && b.m.Entries[i].Section == ".bss.v" {
				b.m.Entries[i].Addr += 8
			}
		}
		u := b.assemble(t, "main", "\t.section .kpatch.text,\"ax\",@progbits\nf.kpatch:\n\tret\n",
			[]UnitFunction{{Name: "f", Symbol: "f.kpatch", Orig: "f"}})
		_, err := tryJoin(b.open(t), u)
		if !wrong && err != nil {
			t.Fatal(err)
		} else if wrong {
			checkRefusal(t, err, "object-mismatch")
		}
	}
}

// TestDiscarded: a changed function that the linker left out is no error, and is code of the patch where that needs it.
func TestDiscarded(t *testing.T) {
	b := linkProgram(t, compile(t, "-O2", "-ffunction-sections", "-fdata-sections"), "-Wl,--gc-sections")
	o := b.open(t)
	gone := "\t.section .kpatch.text,\"ax\",@progbits\nnever_called_by_anyone.kpatch:\n\tmov exported(%rip),%eax\n\tcall use_double\n\tret\n"
	functions := []UnitFunction{{Name: "never_called_by_anyone", Symbol: "never_called_by_anyone.kpatch", Orig: "never_called_by_anyone"}}
	j := join(t, o, b.assemble(t, "main", gone, functions))
	if len(j.Sections) != 0 || len(j.Functions) != 0 || len(j.Skipped) != 1 || j.Skipped[0].Function != "never_called_by_anyone" {
		t.Errorf("sections %v, functions %v, skipped %v", j.Sections, j.Functions, j.Skipped)
	}
	data := gone + "\t.section .kpatch.data,\"aw\",@progbits\n\t.quad never_called_by_anyone.kpatch\n"
	if j = join(t, o, b.assemble(t, "main", data, functions)); len(j.Sections) != 0 {
		t.Errorf("data of a unit that is left out: %v", j.Sections)
	}
	caller := gone + "f.kpnew:\n\tcall never_called_by_anyone\n\tret\n"
	j = join(t, o, b.assemble(t, "main", caller, append(functions, UnitFunction{Name: "f", Symbol: "f.kpnew"})))
	if len(j.Functions) != 2 || !j.Functions[0].IsNew || len(j.Skipped) != 0 {
		t.Errorf("functions %+v, skipped %v", j.Functions, j.Skipped)
	}
	_, err := tryJoin(o, b.newFunction(t, "main", "call never_called_by_anyone"))
	checkRefusal(t, err, "discarded-symbol")
}

func TestAmbiguousLocal(t *testing.T) {
	dir := compile(t, "-O2")
	testkit.Run(t, dir, "ld", "-r", "one/same.o", "two/same.o", "-o", "main.o.new")
	testkit.Run(t, dir, "gcc", "start.o", "main.o", "other.o", "main.o.new", "-lm", "-o", "out", "-Wl,-Map=out.map")
	b := openBuild(t, dir, "out")
	u := b.newFunction(t, "main", "call bump")
	u.Input = b.input(t, "main.o.new")
	_, err := tryJoin(b.open(t), u)
	checkRefusal(t, err, "ambiguous-symbol")
}

// TestSameMember: an archive may hold two members of one name; contents tell them apart, or nothing does.
func TestSameMember(t *testing.T) {
	dir := compile(t, "-O2")
	testkit.Run(t, dir, "ar", "qc", "libsame.a", "one/same.o", "two/same.o")
	testkit.Run(t, dir, "gcc", "main.o", "start.o", "other.o", "-o", "out", "-Wl,-Map=out.map", "libsame.a", "-lm")
	b := openBuild(t, dir, "out")
	o := b.open(t)
	for i := range b.objects {
		if b.objects[i].Member != "same.o" {
			continue
		}
		text := b.objects[i].File.Section(".text")
		if p := o.places[i][text.Index]; p.state != placed {
			t.Errorf("input %d: .text is %v", i, p)
		} else if err := o.mismatch(inputSection{i, text.Index}, 0, text.Size, p.addr); err != nil {
			t.Error(err)
		}
	}
}

// TestOverridden: a weak function that another input defines is not in use, and not patched.
func TestOverridden(t *testing.T) {
	testkit.Require(t, "gcc")
	dir := t.TempDir()
	testkit.WriteFile(t, filepath.Join(dir, "main.s"), asmMain+"\t.weak f\n"+asmFunction("f", "\tmov $1,%eax\n\tret"))
	testkit.WriteFile(t, filepath.Join(dir, "strong.s"), "\t.globl f\n"+asmFunction("f", "\tmov $2,%eax\n\tret"))
	testkit.Run(t, dir, "gcc", "-c", "main.s", "strong.s")
	for _, tt := range []struct {
		inputs  []string
		skipped int
	}{{[]string{"main.o"}, 0}, {[]string{"main.o", "strong.o"}, 1}} {
		testkit.Run(t, dir, "gcc", append(tt.inputs, "-o", "out", "-Wl,-Map=out.map")...)
		b := openBuild(t, dir, "out")
		u := b.assemble(t, "main", "\t.section .kpatch.text,\"ax\",@progbits\nf.kpatch:\n\tret\n",
			[]UnitFunction{{Name: "f", Symbol: "f.kpatch", Orig: "f"}})
		if j := join(t, b.open(t), u); len(j.Skipped) != tt.skipped || len(j.Functions) != 1-tt.skipped {
			t.Errorf("%q: functions %v, skipped %v", tt.inputs, j.Functions, j.Skipped)
		}
	}
}

// TestAliases: two names for one address cannot be patched apart.
func TestAliases(t *testing.T) {
	b := buildText(t, asmMain+asmFunction("f", "\tmov $1,%eax\n\tret")+"\t.set g,f\n")
	u := b.assemble(t, "main", "\t.section .kpatch.text,\"ax\",@progbits\nf.kpatch:\n\tret\ng.kpatch:\n\tnop\n\tret\n",
		[]UnitFunction{{Name: "f", Symbol: "f.kpatch", Orig: "f"}, {Name: "g", Symbol: "g.kpatch", Orig: "g"}})
	_, err := tryJoin(b.open(t), u)
	checkRefusal(t, err, "folded-function")
}

// TestMapFromSymbols: without a map, sections lie where symbols say that only one place can be meant by.
func TestMapFromSymbols(t *testing.T) {
	b := linkProgram(t, compile(t, "-O2"))
	main := b.input(t, "main.o")
	object := []Object{{Path: "main.o", File: b.objects[main].File}}
	m, err := MapFromSymbols(b.bin, object)
	if err != nil {
		t.Fatal(err)
	}
	want := b.open(t).places[main]
	b.m, b.objects = m, b.objects[main:main+1]
	for i, p := range b.open(t).places[0] {
		if p.state == placed && p != want[i] {
			t.Errorf("section %d: %+v, by the link map %+v", i, p, want[i])
		}
	}
	compareWithLinker(t, b, join(t, b.open(t), b.identityUnit(t, "main")))

	b.bin.Symbols = nil
	_, err = MapFromSymbols(b.bin, object)
	if f := fault.As(err); f == nil || f.Code != "stripped" {
		t.Errorf("got error %v, want a refusal with code stripped", err)
	}
}

// TestFolded: identical functions that the linker made one cannot be patched apart.
func TestFolded(t *testing.T) {
	asm := asmMain + "\t.section .text.f,\"ax\",@progbits\n" + asmFunction("f", "\tmov $1,%eax\n\tret") +
		"\t.section .text.g,\"ax\",@progbits\n\t.globl g\n" + asmFunction("g", "\tmov $1,%eax\n\tret")
	for _, linker := range []string{"gold", "lld", "mold"} {
		t.Run(linker, func(t *testing.T) {
			flags := []string{"-fuse-ld=" + linker, "-Wl,--icf=all"}
			requireLinker(t, flags)
			b := buildText(t, asm+"\t.data\n\t.quad g\n", flags...)
			for _, name := range []string{"f", "g"} {
				u := b.assemble(t, "main", "\t.section .kpatch.text,\"ax\",@progbits\nf.kpatch:\n\tret\n",
					[]UnitFunction{{Name: name, Symbol: "f.kpatch", Orig: name}})
				if _, err := tryJoin(b.open(t), u); err == nil {
					t.Errorf("%s is patched though it shares its code", name)
				}
			}
		})
	}
}

// TestUnderfoot: the padding that a jump may take ends where the next input begins, even if that begins with nops.
func TestUnderfoot(t *testing.T) {
	testkit.Require(t, "gcc")
	dir := t.TempDir()
	const unlikely = "\t.section .text.unlikely,\"ax\",@progbits\n"
	testkit.WriteFile(t, filepath.Join(dir, "main.s"), asmMain+unlikely+asmFunction("f", "\tret"))
	testkit.WriteFile(t, filepath.Join(dir, "next.s"), unlikely+asmFunction("g", "\tnop\n\tnop\n\tnop\n\tnop\n\tret"))
	testkit.Run(t, dir, "gcc", "-c", "main.s", "next.s")
	testkit.Run(t, dir, "gcc", "main.o", "next.o", "-o", "out", "-Wl,-Map=out.map")
	b := openBuild(t, dir, "out")
	u := b.assemble(t, "main", "\t.section .kpatch.text,\"ax\",@progbits\nf.kpatch:\n\tret\n",
		[]UnitFunction{{Name: "f", Symbol: "f.kpatch", Orig: "f"}})
	_, err := tryJoin(b.open(t), u)
	checkRefusal(t, err, "too-short")
}

// TestOptional: an unchanged function that has no room for the jump is listed, and its callers go to the original.
func TestOptional(t *testing.T) {
	b := buildText(t, asmMain+asmFunction("f", "\tret")+asmFunction("g", "\tcall f\n\tret"))
	u := b.assemble(t, "main", "\t.section .kpatch.text,\"ax\",@progbits\nf.kpatch:\n\tret\ng.kpatch:\n\tcall f\n\tret\n", []UnitFunction{
		{Name: "f", Symbol: "f.kpatch", Orig: "f", Optional: true}, {Name: "g", Symbol: "g.kpatch", Orig: "g", Optional: true},
	})
	j := join(t, b.open(t), u)
	if len(j.Functions) != 1 || j.Functions[0].Name != "g" || len(j.Skipped) != 1 || !strings.Contains(j.Skipped[0].Reason, "1 bytes long") {
		t.Fatalf("functions %+v, skipped %+v", j.Functions, j.Skipped)
	}
	if r := j.Sections[0].Relocs; len(r) != 1 || r[0].Target.Kind != InOriginal {
		t.Errorf("the call of f is %+v", r)
	}
}

// TestSameSection: of two sections of one name and size the linker kept one.
func TestSameSection(t *testing.T) {
	const section = "\t.section .text.x,\"ax\",@progbits,unique,%d\n"
	asm := asmMain + fmt.Sprintf(section, 1) + asmFunction("f", "\tmov $1,%eax\n\tret") +
		fmt.Sprintf(section, 2) + asmFunction("g", "\tmov $2,%eax\n\tret")
	b := buildText(t, asm, "-Wl,--gc-sections")
	for name, skipped := range map[string]int{"f": 0, "g": 1} {
		u := b.assemble(t, "main", "\t.section .kpatch.text,\"ax\",@progbits\nf.kpatch:\n\tret\n",
			[]UnitFunction{{Name: name, Symbol: "f.kpatch", Orig: name}})
		if j := join(t, b.open(t), u); len(j.Skipped) != skipped {
			t.Errorf("%s: skipped %v", name, j.Skipped)
		}
	}
}

// TestLeftOut: lld and mold do not list what they discard.
func TestLeftOut(t *testing.T) {
	for _, linker := range []string{"bfd", "gold", "lld", "mold"} {
		t.Run(linker, func(t *testing.T) {
			flags := []string{"-fuse-ld=" + linker, "-Wl,--gc-sections"}
			requireLinker(t, flags)
			b := linkProgram(t, compile(t, "-O2", "-ffunction-sections"), flags...)
			if linker == "bfd" { // the others may be missing: make its map like theirs
				b.m.complete = true
				b.m.Entries = slices.DeleteFunc(b.m.Entries, func(e Placement) bool { return e.Discarded })
			}
			u := b.assemble(t, "main", "\t.section .kpatch.text,\"ax\",@progbits\nf.kpatch:\n\tret\n",
				[]UnitFunction{{Name: "f", Symbol: "f.kpatch", Orig: "never_called_by_anyone"}})
			if j := join(t, b.open(t), u); len(j.Skipped) != 1 {
				t.Errorf("skipped %v", j.Skipped)
			}
			var entries []Placement
			for _, e := range b.m.Entries {
				if e.Path != "main.o" {
					entries = append(entries, e)
				}
			}
			b.m.Entries = entries
			_, err := tryJoin(b.open(t), u)
			checkRefusal(t, err, "unplaced-symbol")
		})
	}
}
