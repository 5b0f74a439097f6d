package patcher

import (
	"debug/elf"
	"testing"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// A new source is compared like any other where it may have what a unit lost, and is carried as it is otherwise.
func TestTakesAlong(t *testing.T) {
	inGroup := definesFunction("f")
	inGroup.Sections = []elfobj.Section{{}, {Name: ".text.f", Flags: elf.SHF_ALLOC | elf.SHF_GROUP}}
	marked := definesFunction("f")
	marked.Sections = []elfobj.Section{{}, {Name: ".gocare.shadow"}}
	uses := "movl\tv(%rip), %eax"
	for _, tt := range []struct {
		name  string
		lost  pair
		file  *elfobj.File
		asm   string
		takes bool
	}{
		{"a function", pair{orig: global("f") + global("g"), patched: global("g")}, definesFunction("f"), global("f"), true},
		{"a function by another name", pair{orig: global("f") + global("g"), patched: global("g")}, definesFunction("h"), global("h"), false},
		{"a function that stays", pair{orig: global("f"), patched: global("f")}, definesFunction("f"), global("f"), false},
		{"a private function", pair{orig: function("f") + global("g"), patched: global("g")}, definesFunction("f"), global("f"), false},
		{"a private function that keeps something", pair{orig: function("f", uses) + static("v") + global("g"), patched: global("g")}, definesFunction("f"), global("f"), true},
		{"a private function, beside what another one keeps", pair{orig: function("f") + keepsState("h", "v") + global("g"), patched: global("g")}, definesFunction("f"), global("f"), false},
		{"a variable", pair{orig: variable("v", 1) + global("g"), patched: global("g")}, variableIn("v"), variable("v", 1), true},
		{"a literal", pair{orig: says("f", ".LC0") + global("g"), patched: global("f") + global("g")}, definesFunction("h"), says("h", ".LC1"), true},
		{"a function in a group", pair{orig: global("f") + global("g"), patched: global("g")}, inGroup, global("f"), false},
		{"a function beside marks", pair{orig: global("f") + global("g"), patched: global("g")}, marked, global("f"), false},
		{"a function of an object alone", pair{orig: global("f") + global("g"), patched: global("g")}, definesFunction("f"), "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := addition{Addition: ldAddition("n.c", tt.file), arch: &arch.X86_64}
			if tt.asm != "" {
				a.asm = []byte(tt.asm)
			}
			takes, err := takesAlong([]assembledUnit{tt.lost.decided(t, "u.c")}, &a)
			if err != nil || takes != tt.takes {
				t.Errorf("%v (%v), want %v", takes, err, tt.takes)
			}
		})
	}
}

// variableIn is an object with a variable of its own that others see.
func variableIn(name string) *elfobj.File {
	f := defines(name)
	f.Symbols[0].Type = elf.STT_OBJECT
	return f
}
