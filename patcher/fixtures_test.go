package patcher

import (
	"debug/elf"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/layout"
	"gocare/ld"
	"gocare/planner"
)

// Assembly of units, as compilers write it.

func function(name string, body ...string) string {
	return "\t.text\n\t.type\t" + name + ", @function\n" + name + ":\n\t" + strings.Join(body, "\n\t") + "\n\tret\n\t.size\t" + name + ", .-" + name + "\n"
}

func global(name string, body ...string) string {
	return "\t.globl\t" + name + "\n" + function(name, body...)
}

func variable(name string, value int) string {
	return fmt.Sprintf("\t.globl\t%[1]s\n\t.data\n\t.align 4\n\t.type\t%[1]s, @object\n\t.size\t%[1]s, 4\n%[1]s:\n\t.long\t%[2]d\n", name, value)
}

// weak is a definition with its binding changed to weak.
func weak(asm string) string {
	name := regexp.MustCompile(`(?m)^\t\.type\t(\w+),`).FindStringSubmatch(asm)[1]
	return "\t.weak\t" + name + "\n" + strings.Replace(asm, "\t.globl\t"+name+"\n", "", 1)
}

// inGroup is a variable of which the linker keeps one.
func inGroup(name string) string {
	return fmt.Sprintf("\t.weak\t%[1]s\n\t.section\t.data.%[1]s,\"awG\",@progbits,%[1]s,comdat\n\t.align 4\n\t.type\t%[1]s, @object\n\t.size\t%[1]s, 4\n%[1]s:\n\t.long\t1\n", name)
}

// inline is an inline function.
func inline(name string, body ...string) string {
	return "\t.weak\t" + name + "\n" + strings.Replace(function(name, body...), ".text\n", ".section\t.text."+name+",\"axG\",@progbits,"+name+",comdat\n", 1)
}

func pointer(to string) string {
	return "\t.section\t.data.rel.local,\"aw\"\n\t.align 8\n\t.type\tp, @object\n\t.size\tp, 8\np:\n\t.quad\t" + to + "\n"
}

// pair is the two versions of a unit.
type pair struct {
	orig, patched string
	prototypes    []layout.Change
	undefined     []string // symbols of its object
}

func (p pair) decided(t *testing.T, name string) assembledUnit {
	t.Helper()
	parse := func(text string) *diffasm.File {
		f, err := diffasm.Parse(&arch.X86_64, name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	d, err := diffasm.Matching{}.Match(parse(p.orig), parse(p.patched), nil)
	if err != nil {
		t.Fatal(err)
	}
	u, err := decide(comparedUnit{unit: &planner.Unit{Source: name}, delta: d}, diffasm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	u.prototypes = p.prototypes
	return assembledUnit{decidedUnit: u, object: looksFor(p.undefined...)}
}

// looksFor is an object that looks for symbols elsewhere.
func looksFor(names ...string) *elfobj.File {
	f := &elfobj.File{}
	for _, n := range names {
		f.Symbols = append(f.Symbols, elfobj.Symbol{Name: n, Section: int(elf.SHN_UNDEF), Bind: elf.STB_GLOBAL})
	}
	return f
}

// fakeLink stands in for the original program: inputs 0, 1, … are the units, those behind them are others.
type fakeLink struct {
	users     map[string][]int
	outside   map[string]string
	again     map[string]string
	displaced map[string]ld.Strength // by name: the least strength that takes the place of the one in weak.o
	library   []string
	sought    map[string]string // by name: the library that looks for it
	shown     []string          // what its binary shows to libraries
	keeper    map[string]int    // by name, counted from 1
	data      map[string]uint64
	ownPath   bool     // it is a library with a run path
	unseen    bool     // it may have inputs that are not known
	named     []string // what its binary has symbols for
}

func (f fakeLink) Users(name string) []int { return f.users[name] }

func (f fakeLink) Outside(_ int, name string) string { return f.outside[name] }

func (f fakeLink) DefinedAgain(_ int, name string) string { return f.again[name] }

func (f fakeLink) Displaced(_ int, name string, by ld.Strength) string {
	if least := f.displaced[name]; least != 0 && by >= least {
		return "weak.o"
	}
	return ""
}

func (f fakeLink) Seeker(name string) (string, bool) {
	return f.sought[name], slices.Contains(f.shown, name)
}

func (f fakeLink) Keeper(name string) int { return f.keeper[name] - 1 }

func (f fakeLink) HasOwnPath() bool { return f.ownPath }

func (f fakeLink) InLibrary(name string) bool { return slices.Contains(f.library, name) }

func (f fakeLink) DataSize(name string) (uint64, bool) {
	size, found := f.data[name]
	return size, found
}

func (f fakeLink) Named(name string) bool { return slices.Contains(f.named, name) }

func (f fakeLink) InputName(input int) string { return fmt.Sprintf("input%d.o", input) }

func newLink(t *testing.T, f fakeLink, pairs ...pair) *link {
	t.Helper()
	l := &link{target: &planner.Target{Unseen: f.unseen}, demands: make([]demand, len(pairs)), detached: make([][]string, len(pairs)), stale: make([][]diffasm.Stale, len(pairs))}
	p := &facts{linkFacts: f}
	for i, pair := range pairs {
		u := pair.decided(t, fmt.Sprintf("u%d.c", i))
		u.unit.Input = i
		l.units, p.index = append(l.units, u), append(p.index, i)
	}
	l.program = &program{
		facts:  func() (*facts, error) { return p, nil },
		isLate: func(buildtree.Input) (bool, error) { return false, nil },
	}
	l.names, l.keeps = func(string) bool { return false }, func(string) bool { return true }
	l.edited = func(_ *planner.Unit, d *diffasm.Delta, i int) bool {
		return strings.HasPrefix(d.Functions[i].Name, "edited")
	}
	return l
}

// said is a ruling in words.
func said(says ruling) (list []string) {
	for i, d := range says.demands {
		for name := range d.variables {
			list = append(list, fmt.Sprintf("u%d.c brings %s", i, name))
		}
		for name := range d.elsewhere {
			list = append(list, fmt.Sprintf("u%d.c has %s of another unit", i, name))
		}
		for name, why := range d.functions {
			list = append(list, fmt.Sprintf("u%d.c brings %s: %s", i, name, why))
		}
		for text, of := range d.literals {
			list = append(list, fmt.Sprintf("u%d.c has %s of u%d.c: %s", i, of.Label, of.Unit, text))
		}
	}
	for _, e := range says.refusals {
		about := "the link"
		if e.unit != noUnit {
			about = fmt.Sprintf("u%d.c", e.unit)
		}
		list = append(list, fmt.Sprintf("%s: %s: %v", about, e.Code, e.Error))
	}
	for i, names := range says.detached {
		for _, name := range names {
			list = append(list, fmt.Sprintf("u%d.c detaches %s", i, name))
		}
	}
	for i, stale := range says.stale {
		for _, f := range stale {
			list = append(list, fmt.Sprintf("u%d.c waits for %s", i, f.Name))
		}
	}
	return list
}

// static is a variable of the unit's own.
func static(name string) string {
	return strings.Replace(variable(name, 0), "\t.globl\t"+name+"\n", "", 1)
}

// keepsState is a function and a variable of the unit's own that it writes.
func keepsState(fn, name string) string {
	return global(fn, "incl\t"+name+"(%rip)") + static(name)
}

// holds is an object with a private variable that can be written.
func holds(name string) *elfobj.File {
	return &elfobj.File{
		Sections: []elfobj.Section{{}, {Index: 1, Name: ".bss", Flags: elf.SHF_ALLOC | elf.SHF_WRITE}},
		Symbols:  []elfobj.Symbol{{Name: name, Section: 1, Type: elf.STT_OBJECT, Size: 4}},
	}
}

// registers is an object with one function that runs at start or at exit.
func registers(list elf.SectionType, section string) *elfobj.File {
	return &elfobj.File{Sections: []elfobj.Section{{}, {Index: 1, Name: section, Type: list, Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Size: 8}}}
}

func ldAddition(name string, f *elfobj.File) ld.Addition { return ld.Addition{Name: name, File: f} }

// defines is an object with a variable of its own.
func defines(name string) *elfobj.File {
	return &elfobj.File{Symbols: []elfobj.Symbol{{Name: name, Section: 1, Bind: elf.STB_GLOBAL}}}
}

// definesFunction is an object with a function of its own.
func definesFunction(name string) *elfobj.File {
	return &elfobj.File{Symbols: []elfobj.Symbol{{Name: name, Section: 1, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL}}}
}

// says is a function that returns a literal which no linker merges.
func says(fn, label string) string {
	return "\t.section\t.rodata\n" + label + ":\n\t.string\t\"odd\"\n" + global(fn, "leaq\t"+label+"(%rip), %rax")
}

// takesConstant is a function that returns a private constant.
func takesConstant(fn string) string {
	return "\t.section\t.rodata\n\t.type\tname, @object\n\t.size\tname, 4\nname:\n\t.string\t\"odd\"\n" + global(fn, "leaq\tname(%rip), %rax")
}
