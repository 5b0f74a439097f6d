package ld

import (
	"debug/elf"
	"testing"

	"gocare/internal/elfobj"
)

// TestDisplaced: which definitions of the original another one of the name may take the place of.
func TestDisplaced(t *testing.T) {
	const weak, common, strong = WeakDefinition, CommonDefinition, StrongDefinition
	symbols := map[Strength]elfobj.Symbol{
		weak:   {Name: "n", Section: 1, Bind: elf.STB_WEAK},
		common: {Name: "n", Section: int(elf.SHN_COMMON), Bind: elf.STB_GLOBAL},
		strong: {Name: "n", Section: 1, Bind: elf.STB_GLOBAL},
	}
	object := func(path string, s elfobj.Symbol) Object {
		return Object{Path: path, File: &elfobj.File{Type: elf.ET_REL, Symbols: []elfobj.Symbol{s}}}
	}
	for _, tt := range []struct {
		name string
		has  []Strength // of the inputs behind input 0
		by   Strength
		want string
	}{
		{"weak by weak", []Strength{weak}, weak, "1.o"},
		{"weak by common", []Strength{weak}, common, "1.o"},
		{"weak by strong", []Strength{weak}, strong, "1.o"},
		{"common by weak", []Strength{common}, weak, ""},
		{"common by common", []Strength{common}, common, ""},
		{"common by strong", []Strength{common}, strong, "1.o"},
		{"strong by weak", []Strength{strong}, weak, ""},
		{"strong by common", []Strength{strong}, common, ""},
		{"strong by strong", []Strength{strong}, strong, "1.o"},
		{"weak beside strong by weak", []Strength{weak, strong}, weak, ""},
		{"weak beside common by strong", []Strength{weak, common}, strong, "2.o"},
		{"none", nil, strong, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := objects{object("0.o", symbols[strong])}
			for i, s := range tt.has {
				o = append(o, object(string(rune('1'+i))+".o", symbols[s]))
			}
			o = append(
				o,
				object("local.o", elfobj.Symbol{Name: "n", Section: 1, Bind: elf.STB_LOCAL}),
				object("user.o", elfobj.Symbol{Name: "n", Bind: elf.STB_GLOBAL}),
				object("other.o", elfobj.Symbol{Name: "m", Section: 1, Bind: elf.STB_WEAK}),
				Object{Path: "lib.so", File: &elfobj.File{Type: elf.ET_DYN, Symbols: []elfobj.Symbol{symbols[weak]}}},
			)
			if got := o.displaced(0, "n", tt.by); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
