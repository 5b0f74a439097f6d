package diffasm

import (
	"slices"
	"strings"
	"testing"

	"gocare/internal/arch"

	"gocare/internal/fault"
)

// TestLoneLiterals: literals that no linker merges are paired by content, where a program can know their addresses.
func TestLoneLiterals(t *testing.T) {
	lit := func(name, items string) string { return "\t.section\t.rodata\n" + name + ":\n" + items }
	name := func(n, of string) string {
		return "\t.section\t.rodata\n\t.type\t" + n + ", @object\n\t.size\t" + n + ", 5\n" + n + ":\n\t.string\t\"" + of + "\"\n"
	}
	table := func(n, of string) string {
		return "\t.section\t.data.rel.ro.local,\"aw\"\n\t.align 8\n\t.type\t" + n + ", @object\n\t.size\t" + n + ", 8\n" + n + ":\n\t.quad\t" + of + "\n"
	}
	takes := func(fn, l string) string { return asmText(fn, "\tleaq\t"+l+"(%rip), %rax") }
	const auto, zero = "\t.string\t\"auto\"\n", "\t.string\t\"au\"\n\t.string\t\"to\"\n"
	for _, r := range []struct {
		name          string
		orig, patched string
		want          string // literals of the patch that are the original's
		refused       bool
	}{
		{"same text, another number", lit(".LC4", auto) + takes("f", ".LC4"), lit(".LC0", auto) + takes("f", ".LC0"), "LC0=.LC4", false},
		{"with a zero in it", lit(".LC4", zero) + takes("f", ".LC4"), lit(".LC0", zero) + takes("f", ".LC0"), "LC0=.LC4", false},
		{"another text", lit(".LC4", zero) + takes("f", ".LC4"), lit(".LC0", auto) + takes("f", ".LC0"), "", false},
		{"used by another function", lit(".LC4", auto) + takes("g", ".LC4"), lit(".LC0", auto) + takes("f", ".LC0") + takes("g", ".LC0"), "LC0=.LC4", false},
		{
			"its content is read",
			lit(".LC4", auto) + asmText("f", "\tmovl\t.LC4(%rip), %eax"), lit(".LC0", auto) + asmText("f", "\tmovl\t.LC0(%rip), %eax"), "", false,
		},
		{
			"its address is data",
			lit(".LC4", auto) + takes("g", ".LC4"),
			lit(".LC0", auto) + takes("g", ".LC0") + "\t.data\ntab:\n\t.quad\t.LC0\n" + takes("f", "tab"), "LC0=.LC4", false,
		},
		{"name of a function", name("__func__.7", "f") + takes("f", "__func__.7"), name("__func__.0", "f") + takes("f", "__func__.0"), "__func__.0=__func__.7", false},
		{
			"string of a sanitizer",
			".ident \"clang version 14.0.6\"\n" + lit(".str.1", auto) + takes("f", ".str.1"),
			".ident \"clang version 14.0.6\"\n" + lit(".str", auto) + takes("f", ".str"), "str=.str.1", false,
		},
		{"no string", name("__func__.7", "f") + takes("f", "__func__.7"), lit(".LC0", "\t.string\t\"f\"\n") + takes("f", ".LC0"), "", false},
		{
			"two functions of a name",
			name("__func__.7", "f") + takes("f", "__func__.7") + name("__func__.6", "f") + takes("g", "__func__.6"),
			name("__func__.1", "f") + takes("f", "__func__.1") + name("__func__.0", "f") + takes("g", "__func__.0"),
			"__func__.0=__func__.6 __func__.1=__func__.7", false,
		},
		{
			"another function of a name is new",
			name("__func__.7", "f") + takes("f", "__func__.7"),
			name("__func__.1", "f") + takes("f", "__func__.1") + name("__func__.0", "f") + takes("g", "__func__.0"),
			"__func__.1=__func__.7", false,
		},
		{
			"one of two, which the function did not use",
			name("__func__.7", "f") + takes("h", "__func__.7") + name("__func__.6", "f") + takes("g", "__func__.6") + asmText("f", "\tnop"),
			name("__func__.1", "f") + takes("h", "__func__.1") + name("__func__.0", "f") + takes("g", "__func__.0") + takes("f", "__func__.1"),
			"", true,
		},
		{"a constant under another name", name("none", "f") + takes("f", "none"), name("empty", "f") + takes("f", "empty"), "empty=none", false},
		{"a constant out of a function", name("t.4", "f") + takes("f", "t.4"), name("t", "f") + takes("f", "t"), "t=t.4", false},
		{"a constant that became a literal", name("odd", "f") + takes("f", "odd"), lit(".LC0", "\t.string\t\"f\"\n") + takes("f", ".LC0"), "LC0=odd", false},
		{"a literal that became a constant", lit(".LC0", "\t.string\t\"f\"\n") + takes("f", ".LC0"), name("odd", "f") + takes("f", "odd"), "odd=.LC0", false},
		{
			"a literal like a constant that is there still", name("odd", "f") + takes("f", "odd"),
			name("odd", "f") + lit(".LC0", "\t.string\t\"f\"\n") + asmText("f", "\tleaq\todd(%rip), %rdx\n\tleaq\t.LC0(%rip), %rax"), "", false,
		},
		{"a constant that holds something else", name("none", "f") + takes("f", "none"), name("empty", "g") + takes("f", "empty"), "", false},
		{
			"the old constant is still there",
			name("none", "f") + takes("f", "none"), name("none", "f") + takes("g", "none") + name("empty", "f") + takes("f", "empty"), "", false,
		},
		{
			"two new constants hold the same",
			name("none", "f") + takes("f", "none"), name("x", "f") + name("empty", "f") + asmText("f", "\tleaq\tx(%rip), %rax\n\tleaq\tempty(%rip), %rdx"),
			"", false,
		},
		{"a table of addresses under another name", table("none", "f") + takes("f", "none"), table("empty", "f") + takes("f", "empty"), "", true},
		{"a table of other addresses", table("none", "f") + takes("f", "none"), table("empty", "g") + takes("f", "empty"), "", false},
		{
			"a table of addresses that is only read",
			table("none", "f") + asmText("f", "\tmovq\tnone(%rip), %rax"), table("empty", "f") + asmText("f", "\tmovq\tempty(%rip), %rax"), "", false,
		},
		{"less aligned", lit(".LC4", auto) + takes("f", ".LC4"), "\t.section\t.rodata\n\t.align 8\n" + lit(".LC0", auto) + takes("f", ".LC0"), "", true},
	} {
		t.Run(r.name, func(t *testing.T) {
			o, p := parseText(t, r.orig), parseText(t, r.patched)
			d, err := Match(o, p, nil)
			if err != nil {
				t.Fatal(err)
			}
			all := func(n string) bool { return n == "f" || strings.Count(r.want, "=") > 1 }
			s, err := Decide(d, Options{Keep: all, Identity: all})
			if e := fault.As(err); r.refused != (e != nil && e.Code == "literal-unplaced") {
				t.Fatalf("refused: %v", err)
			}
			if r.refused {
				return
			}
			e, err := Emit(s)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range e.Literals {
				got = append(got, strings.TrimPrefix(l.Section, ".kpatch.rodata.old.")+"="+l.Orig)
			}
			slices.Sort(got)
			if strings.Join(got, " ") != r.want {
				t.Errorf("paired %q, want %q\n%s", got, r.want, e.Asm)
			}
		})
	}
}

// TestMovedLiteral: a literal that another unit had is emitted as that one.
func TestMovedLiteral(t *testing.T) {
	const text = "\t.section\t.rodata\n.LC0:\n\t.string\t\"auto\"\n"
	had := parseText(t, text+asmText("g", "\tleaq\t.LC0(%rip), %rax")+asmText("h", "\tnop"))
	lost, err := Match(had, parseText(t, asmText("h", "\tnop")), nil)
	if err != nil {
		t.Fatal(err)
	}
	gone := lost.GoneLiterals()
	if len(gone) != 1 || gone[0].Label != ".LC0" || !slices.Equal(gone[0].Users, []string{"g"}) {
		t.Fatalf("gone: %v", gone)
	}
	d, err := Match(parseText(t, asmText("f", "\tnop")), parseText(t, text+asmText("f", "\tleaq\t.LC0(%rip), %rax")), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Decide(d, Options{Moved: map[string]MovedLiteral{gone[0].Text: {Unit: 3, Label: ".LC0"}}})
	if err != nil {
		t.Fatal(err)
	}
	e, err := Emit(s)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Literals) != 1 || e.Literals[0].Moved == nil || *e.Literals[0].Moved != (MovedLiteral{3, ".LC0"}) || len(e.Labels()) != 0 {
		t.Errorf("emitted %v", e.Literals)
	}
}

func parseText(t *testing.T, text string) *File {
	f, err := Parse(&arch.X86_64, "a.s", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}
