package diffasm

import (
	"slices"
	"testing"

	"gocare/internal/arch"

	"gocare/diffasm/debuginfo"
	"gocare/internal/fault"
)

// A function of assembly, of which the body is compared.
func asmText(name, body string) string {
	return "\t.text\n\t.type\t" + name + ", @function\n" + name + ":\n" + body + "\n\tret\n\t.size\t" + name + ", .-" + name + "\n"
}

func TestOtherUse(t *testing.T) {
	const inline = "#APP\n\tcall\tf\n#NO_APP"
	g := func(call string) string { return asmText("g", call) }
	for _, tt := range []struct {
		name      string
		orig      string // besides f
		patched   string
		want      string // in the use, "" for none
		wantWhere string
	}{
		{"all callers changed", g("\tcall\tf"), g("\tmovl\t$1, %esi\n\tcall\tf"), "", ""},
		{"through the PLT", g("\tcall\tf@PLT"), g("\tmovl\t$1, %esi\n\tcall\tf@PLT"), "", ""},
		{"through the GOT", g("\tcall\t*f@GOTPCREL(%rip)"), g("\tmovl\t$1, %esi\n\tcall\t*f@GOTPCREL(%rip)"), "", ""},
		{"a jump", g("\tjmp\tf"), g("\tmovl\t$1, %esi\n\tjne\tf"), "", ""},
		{"a new caller", g("\tnop"), g("\tcall\tf"), "", ""},
		{"a caller less", g("\tcall\tf"), g("\tnop"), "", ""},
		{"a caller that is gone", asmText("h", "\tcall\tf"), "", "", ""},
		{"a caller that is new", "", asmText("h", "\tcall\tf"), "", ""},
		{"a function of a longer name", g("\tleaq\tff(%rip), %rax"), g("\tleaq\tff(%rip), %rax"), "", ""},
		{"an unchanged caller", g("\tcall\tf"), g("\tcall\tf"), `"g", which is not in the patch, calls it`, ""},
		{"its address", g("\t.file\t1 \"u.c\"\n\t.loc\t1 7 2\n\tleaq\tf(%rip), %rdi"), g("\tnop"), `"g" takes its address`, "u.c:7"},
		{"its address anew", g("\tnop"), g("\tleaq\tf(%rip), %rdi"), `"g" takes its address`, ""},
		{"its address as a number", g("\tmovl\t$f, %edi"), g("\tnop"), `"g" takes its address`, ""},
		{"its address from the GOT", g("\tmovq\tf@GOTPCREL(%rip), %rax"), g("\tnop"), `"g" takes its address`, ""},
		{"its address in a function that is gone", asmText("h", "\tleaq\tf(%rip), %rdi"), "", `"h" takes its address`, ""},
		{"a call into it", g("\tcall\tf+4"), g("\tnop"), `"g" takes its address`, ""},
		{"a call through what is stored there", g("\tcall\t*f(%rip)"), g("\tnop"), `"g" takes its address`, ""},
		{"inline assembly", g(inline), g("\tnop"), `inline assembly of "g" names it`, ""},
		{"a variable", "\t.data\nv:\n\t.quad\tf\n", "\t.data\nv:\n\t.quad\tf\n", `its address is in "v"`, ""},
		{"a constant", "\t.section\t.rodata\n.LC0:\n\t.quad\tf\n", "", `its address is in a table or constant`, ""},
		{"a constructor", "\t.section\t.init_array,\"aw\"\n\t.quad\tf\n", "\t.section\t.init_array,\"aw\"\n\t.quad\tf\n", `its address is in section .init_array`, ""},
		{"another name", "\t.set\th, f\n", "\t.set\th, f\n", `"h" is another name of it`, ""},
		{"a weak reference", "\t.weakref\th, f\n", "\t.weakref\th, f\n", `"h" is another name of it`, ""},
		{"weak", "\t.weak\tf\n", "\t.weak\tf\n", "it is weak", ""},
		{"a version", "\t.symver\tf, f@V1\n", "\t.symver\tf, f@V1\n", "it has a symbol version", ""},
		{"indirect", "\t.type\tf, @gnu_indirect_function\n", "\t.type\tf, @gnu_indirect_function\n", "it is an indirect function", ""},
		{"a macro", "\t.macro\tm\n\tcall\tf\n\t.endm\n", "\t.macro\tm\n\tcall\tf\n\t.endm\n", "the unit has assembler macros", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := selectionOf(t, asmText("f", "\tmovl\t$1, %eax")+tt.orig, asmText("f", "\tleal\t1(%rsi), %eax")+tt.patched)
			if len(s.Replaced()) == 0 || s.Replaced()[0].Orig != "f" {
				t.Fatalf("replaced: %v", s.Replaced())
			}
			use := s.OtherUse("f", "f")
			if use == nil {
				use = &Use{}
			}
			if use.What != tt.want || use.Where != tt.wantWhere {
				t.Errorf("got %+v, want %q", use, tt.want)
			}
		})
	}
}

func selectionOf(t *testing.T, orig, patched string) *Selection {
	t.Helper()
	var files [2]*debuginfo.Unit
	for i, text := range []string{orig, patched} {
		f, err := Parse(&arch.X86_64, "unit.s", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		files[i] = f
	}
	d, err := Match(files[0], files[1], nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Decide(d, Options{Allow: func(fault.Code) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Clones, and what other units see, are told apart.
func TestReplaced(t *testing.T) {
	unit := func(n string) string {
		return "\t.globl\tf\n" + asmText("f", "\tmovl\t$"+n+", %eax") + asmText("g.isra.0", "\tmovl\t$"+n+", %ecx") +
			asmText("h", "\tcall\tf\n\tcall\tg.isra.0")
	}
	want := []Replaced{{"f", "f", false, true}, {"g.isra.0", "g.isra.0", true, false}}
	if got := selectionOf(t, unit("1"), unit("2")).Replaced(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
