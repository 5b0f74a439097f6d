package ld

import (
	"debug/elf"
	"testing"

	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

// TestRevive: what the linker left out and new code refers to is in the patch, with what it refers to in turn.
func TestRevive(t *testing.T) {
	section := func(name string) string { return "\t.section .text." + name + ",\"ax\",@progbits\n" }
	kept := section("f") + asmFunction("f", "\tlea .Lcommon(%rip),%rax\n\tmov $1,%eax\n\tret")
	data := "\t.section .rodata.str1.1,\"aMS\",@progbits,1\n.Lcommon:\t.string \"common\"\n.Lown:\t.string \"own\"\n"
	for _, tt := range []struct {
		name, asm, want string
		code            fault.Code
	}{
		{"a function", section("left") + asmFunction("left", "\tret"), "left f", ""},
		{"what it calls", section("left") + asmFunction("left", "\tcall more\n\tcall f\n\tret") + section("more") + asmFunction("more", "\tret"), "left more f", ""},
		{"its data", section("left") + asmFunction("left", "\tmov table(%rip),%rax\n\tret") +
			"\t.section .data.rel.table,\"aw\",@progbits\ntable:\t.quad more,f\n" + section("more") + asmFunction("more", "\tret"), "left more f", ""},
		{"a literal of its own", section("left") + asmFunction("left", "\tlea .Lown(%rip),%rax\n\tret"), "left f", ""},
		{"a literal in common", section("left") + asmFunction("left", "\tlea .Lcommon(%rip),%rax\n\tret"), "", "discarded-symbol"},
		{"one of several copies", "\t.section .text.left,\"axG\",@progbits,left,comdat\n" + asmFunction("left", "\tret"), "", "discarded-symbol"},
		{"a thread's variable", section("left") + asmFunction("left", "\tmov %fs:v@tpoff,%eax\n\tret") + "\t.section .tbss.v,\"awT\",@nobits\nv:\t.zero 4\n", "", "discarded-symbol"},
		{"part of a set", section("left") + asmFunction("left", "\tmov entry(%rip),%rax\n\tret") + "\t.section mine,\"aw\",@progbits\nentry:\t.quad 1\n" +
			section("f2") + "\t.weak __start_mine\n\tlea __start_mine(%rip),%rax\n", "", "section-set"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			testkit.Require(t, "gcc")
			b := buildText(t, asmMain+kept+data+tt.asm, "-Wl,--gc-sections")
			o := b.open(t)
			user, err := o.Resolve(b.newFunction(t, "main", "call left"))
			if err != nil {
				t.Fatal(err)
			}
			revived, err := o.Revive([]*Resolved{user})
			var j *Joined
			if err == nil {
				j, err = Join(o, append(revived, user))
			}
			if tt.code != "" {
				checkRefusal(t, err, tt.code)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := names(j); got != tt.want {
				t.Errorf("functions %q, want %q", got, tt.want)
			}
			for _, s := range j.Sections {
				if s.Flags&elf.SHF_TLS != 0 {
					t.Errorf("section %s", s.Name)
				}
			}
		})
	}
}
