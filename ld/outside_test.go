package ld

import (
	"encoding/binary"
	"slices"
	"testing"
)

// TestOutside finds what besides the inputs of a link reaches a function.
func TestOutside(t *testing.T) {
	const f = "\t.globl f\n"
	body := asmFunction("f", "\tmov $1,%eax\n\tret")
	for _, tt := range []struct {
		name, asm string
		flags     []string
		want      string
	}{
		{"nothing", "", nil, ""},
		{"exported", "", []string{"-rdynamic"}, "the binary exports it"},
		{"hidden", "\t.hidden f\n", []string{"-rdynamic"}, ""},
		{"exported under another name", "\t.hidden f\n\t.globl g\n\t.set g,f\n", []string{"-rdynamic"}, "the binary exports it"},
		{"another name", "", []string{"-Wl,--defsym=g=f"}, `the binary also calls it "g"`},
		{"the entry", "", []string{"-Wl,-e,f"}, "the program begins with it"},
		{"initialisation", "", []string{"-Wl,-init,f"}, "the dynamic linker calls it"},
		{"finalisation", "", []string{"-Wl,-fini,f"}, "the dynamic linker calls it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := buildText(t, asmMain+f+tt.asm+body, tt.flags...)
			if got := b.open(t).Outside(b.input(t, "main.o"), "f"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	b := buildText(t, asmMain+f+body)
	o := b.open(t)
	in := b.input(t, "main.o")
	o.names.wrapped["f"] = true
	if got := o.Outside(in, "f"); got != "the link redirects calls of it (--wrap)" {
		t.Errorf("wrapped: %q", got)
	}
	if got := o.Users("main"); len(got) != 1 || got[0] == in {
		t.Errorf("users of main: %v, want the start of the program", got)
	}
	if o.Users("f") != nil {
		t.Errorf("users of f: %v", o.Users("f"))
	}
}

// TestDetached calls a detached function directly, and records that its caller was compiled with it.
func TestDetached(t *testing.T) {
	b := buildText(t, asmMain+asmFunction("f", "\tret")+asmFunction("g", "\tcall f\n\tret"))
	o := b.open(t)
	u := b.assemble(t, "main", "\t.section .kpatch.text,\"ax\",@progbits\nf.kpatch:\n\tmov $2,%eax\n\tret\ng.kpatch:\n\tcall f\n\tlea f(%rip),%rax\n\tret\n",
		[]UnitFunction{{Name: "f", Symbol: "f.kpatch", Orig: "f", Detached: true, Spares: true}, {Name: "g", Symbol: "g.kpatch", Orig: "g"}})
	j := join(t, o, u)
	f, g := &j.Functions[0], &j.Functions[1]
	if !f.IsNew || f.Old != (Target{}) || f.OldSize != 0 || f.Spares || len(f.Parts) != 1 || f.Parts[0].Name != "f" {
		t.Errorf("f: %+v", f)
	}
	if g.IsNew || !slices.Equal(g.Calls, []uint64{f.Parts[0].Addr}) {
		t.Errorf("g: %+v", g)
	}
	text := j.Sections[0].Data
	for what, at := range map[string]uint64{"call": g.New.Offset + 1, "lea": g.New.Offset + 8} {
		if to := at + 4 + uint64(int32(binary.LittleEndian.Uint32(text[at:]))); to != f.New.Offset {
			t.Errorf("%s: leads to %#x, want %#x", what, to, f.New.Offset)
		}
	}
}
