package ld

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/elfobj"
	"gocare/internal/test/testkit"
)

// literalSection is a section of literals of a size, in an original or in the text of a patch.
func literalSection(prefix, kind string, align int, items string) string {
	flags := `"aMS",@progbits,` + kind[strings.IndexByte(kind, '.')+1:]
	if size, constant := strings.CutPrefix(kind, "cst"); constant {
		flags = `"aM",@progbits,` + size
	}
	return fmt.Sprintf("\t.pushsection %s.%s,%s\n\t.balign %d\n%s\n\t.popsection\n", prefix, kind, flags, align, items)
}

func oldStrings(items string) string { return literalSection(".rodata", "str1.1", 1, items) }

func newStrings(items string) string {
	return "\tlea .L1(%rip),%rax\n\tret\n" + literalSection(".kpatch.rodata.rodata", "str1.1", 1, items)
}

func takesOld(label string) string { return asmFunction("f", "\tlea "+label+"(%rip),%rax\n\tret") }

// buildTwo links an object like buildText, and another one.
func buildTwo(t *testing.T, asm, other string, flags ...string) *build {
	t.Helper()
	testkit.Require(t, "gcc")
	dir := t.TempDir()
	testkit.WriteFile(t, filepath.Join(dir, "main.s"), asmMain+asm)
	testkit.WriteFile(t, filepath.Join(dir, "other.s"), "\t.globl other\n"+asmFunction("other", other))
	testkit.Run(t, dir, "gcc", "-c", "main.s", "other.s")
	testkit.Run(t, dir, "gcc", append([]string{"main.o", "other.o", "-o", "out", "-Wl,-Map=out.map"}, flags...)...)
	return openBuild(t, dir, "out")
}

// whereLiteral says where the first reference of joined code leads to, and what is there.
func whereLiteral(t *testing.T, o *Original, j *Joined) string {
	t.Helper()
	if len(j.Sections[0].Relocs) == 0 {
		t.Fatal("no reference")
	}
	r := j.Sections[0].Relocs[0]
	at := r.Target.Offset + uint64(r.Addend)
	if r.Type.FromPC {
		at += uint64(o.bin.target.PCBias)
	}
	where, b := "patch", []byte(nil)
	if r.Target.Kind == InOriginal {
		where = "original"
		b, _ = o.bin.BytesAt(j.Originals[r.Target.Index].Addr+at, 4)
	} else {
		b = j.Sections[r.Target.Index].Data[at:]
	}
	return fmt.Sprintf("%s %q", where, b[:4])
}

// TestLiterals finds literals of new code in the original: those of the unit, else those that the linker would merge with them.
func TestLiterals(t *testing.T) {
	const auto = `.L1: .string "aut"`
	for _, tt := range []struct {
		name, asm, other, body string
		flags                  []string
		want                   string
	}{
		{"the unit has it", oldStrings(`.L9: .string "x"; .L8: .string "aut"`) + takesOld(".L8"), "ret", newStrings(auto), nil, `original "aut\x00"`},
		{"the tail of a longer one", oldStrings(`.L9: .string "xxaut"; .L8: .string "aut"`) + takesOld(".L8"), "ret", newStrings(auto), nil, `original "aut\x00"`},
		{"a place inside it", oldStrings(`.L8: .string "xaut"`) + takesOld(".L8"), "ret", newStrings(`.L0: .string "xaut"; .set .L1,.L0+1`), nil, `original "aut\x00"`},
		{
			"referred to by a place inside it", oldStrings(`.L8: .string "xaut"`) + takesOld(".L8+2"), "ret",
			newStrings(`.L0: .string "xaut"; .set .L1,.L0+1`), nil, `original "aut\x00"`,
		},
		{"data refers to it", oldStrings(`.L8: .string "aut"`) + "\t.data\n\t.quad .L8\n\t.text\n" + takesOld("f"), "ret", newStrings(auto), nil, `original "aut\x00"`},
		{
			"fixed, data refers to it", oldStrings(`.L8: .string "aut"`) + "\t.data\n\t.quad .L8\n\t.text\n" + takesOld("f"), "ret", newStrings(auto),
			[]string{"-no-pie"},
			`original "aut\x00"`,
		},
		{
			"fixed, an absolute address", oldStrings(`.L8: .string "aut"`) + asmFunction("f", "\tmov $.L8,%eax\n\tret"), "ret", newStrings(auto),
			[]string{"-no-pie"},
			`original "aut\x00"`,
		},
		{
			"packed relative relocations", oldStrings(`.L8: .string "aut"`) + "\t.data\n\t.quad .L8\n\t.text\n" + takesOld("f"), "ret", newStrings(auto),
			[]string{"-Wl,-z,pack-relative-relocs"},
			`original "aut\x00"`,
		},
		{"nothing refers to it", oldStrings(`.L8: .string "aut"`) + takesOld("f"), "ret", newStrings(auto), nil, `patch "aut\x00"`},
		{"new", oldStrings(`.L8: .string "old"`) + takesOld(".L8"), "ret", newStrings(auto), nil, `patch "aut\x00"`},
		{"begins alike", oldStrings(`.L8: .string "automatic"`) + takesOld(".L8"), "ret", newStrings(auto), nil, `patch "aut\x00"`},
		{"another input has it", takesOld("f"), "lea .L8(%rip),%rax\n" + oldStrings(`.L8: .string "aut"`), newStrings(auto), nil, `original "aut\x00"`},
		{
			"another input has it, aligned otherwise", takesOld("f"),
			"lea .L8(%rip),%rax\n" + literalSection(".rodata", "str1.1", 8, `.L8: .string "aut"`), newStrings(auto), nil, `patch "aut\x00"`,
		},
		{
			"the unit has it, aligned otherwise", literalSection(".rodata", "str1.1", 8, `.L8: .string "aut"`) + takesOld(".L8"), "ret",
			newStrings(auto), nil, `original "aut\x00"`,
		},
		{
			"of another size of characters", literalSection(".rodata", "str4.4", 4, `.L8: .long 0x747561,0`) + takesOld(".L8"), "ret",
			newStrings(auto), nil, `patch "aut\x00"`,
		},
		{
			"wide", literalSection(".rodata", "str4.4", 4, `.L9: .long 1,0; .L8: .long 0x61006100,2,0`) + takesOld(".L8"), "ret",
			"lea .L1(%rip),%rax\n" + literalSection(".kpatch.rodata.rodata", "str4.4", 4, `.L1: .long 0x61006100,2,0`), nil, `original "\x00a\x00a"`,
		},
		{
			"constant", literalSection(".rodata", "cst8", 8, `.L9: .quad 1; .L8: .quad 0x61006100`) + takesOld(".L8"), "ret",
			"lea .L1+1(%rip),%rax\n" + literalSection(".kpatch.rodata.rodata", "cst8", 8, `.L1: .quad 0x61006100`), nil, `original "a\x00a\x00"`,
		},
		{
			"not merged by the linker", oldStrings(`.L8: .string "aut"`) + takesOld(".L8"), "lea .L8(%rip),%rax\n" + oldStrings(`.L8: .string "aut"`),
			newStrings(auto),
			[]string{"-fuse-ld=lld", "-Wl,-O0"},
			`original "aut\x00"`,
		},
		{
			"tail, lld", oldStrings(`.L9: .string "xxaut"; .L8: .string "aut"`) + takesOld(".L8"), "ret", newStrings(auto),
			[]string{"-fuse-ld=lld", "-Wl,-O2"},
			`original "aut\x00"`,
		},
		{
			"tail, gold", oldStrings(`.L9: .string "xxaut"; .L8: .string "aut"`) + takesOld(".L8"), "ret", newStrings(auto),
			[]string{"-fuse-ld=gold", "-Wl,-O2"},
			`original "aut\x00"`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			requireLinker(t, tt.flags)
			b := buildTwo(t, tt.asm, tt.other, tt.flags...)
			o := b.open(t)
			j := join(t, o, b.newFunction(t, "main", tt.body))
			if got := whereLiteral(t, o, j); got != tt.want {
				t.Errorf("found %s, want %s", got, tt.want)
			}
		})
	}
}

// TestLiteralOfOwnUnit: of several places in the link the unit's own counts, if the linker left them apart.
func TestLiteralOfOwnUnit(t *testing.T) {
	flags := []string{"-fuse-ld=lld", "-Wl,-O0"}
	requireLinker(t, flags)
	b := buildTwo(t, oldStrings(`.L8: .string "aut"`)+takesOld(".L8"), "lea .L8(%rip),%rax\n"+oldStrings(`.L8: .string "aut"`), flags...)
	o := b.open(t)
	r := join(t, o, b.newFunction(t, "main", newStrings(`.L1: .string "aut"`))).Sections[0].Relocs[0]
	code := linkSymbol(t, b.bin, "f")
	field, _ := b.bin.BytesAt(code+3, 4)
	own := code + 7 + uint64(int64(int32(binary.LittleEndian.Uint32(field))))
	if got := o.bin.sections[r.Target.Index].Addr + r.Target.Offset; got != own {
		t.Errorf("at 0x%x, want 0x%x", got, own)
	}
}

func linkSymbol(t *testing.T, f *elfobj.File, name string) uint64 {
	t.Helper()
	for _, s := range f.Symbols {
		if s.Name == name {
			return s.Value
		}
	}
	t.Fatalf("no symbol %s", name)
	return 0
}

// TestUnplacedLiteral: what the original has and cannot be found is refused, unless copies are wanted.
func TestUnplacedLiteral(t *testing.T) {
	const far = "\t.data\n\t.quad .L8-.\n\t.text\n" // R_X86_64_PC64, of code models that are not followed
	b := buildTwo(t, oldStrings(`.L8: .string "aut"`)+far+takesOld("f"), "ret")
	o := b.open(t)
	u := b.newFunction(t, "main", newStrings(`.L1: .string "aut"`))
	_, err := tryJoin(o, u)
	checkRefusal(t, err, "literal-unplaced")
	u.Copies = true
	r, err := o.Resolve(u)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Copied) != 1 {
		t.Errorf("overridden: %v", r.Copied)
	}
	if got := whereLiteral(t, o, join(t, o, u)); got != `patch "aut\x00"` {
		t.Errorf("found %s", got)
	}
	if _, err := tryJoin(o, b.newFunction(t, "other", newStrings(`.L1: .string "aut"`))); err != nil {
		t.Errorf("in another unit: %v", err)
	}
}

// TestLoneLiteral places literals that no linker merges by the labels of the original's assembly.
func TestLoneLiteral(t *testing.T) {
	const asm = "\t.section .rodata\n.L8:\t.string \"aut\"\n\t.text\n"
	unplace := func(b *build) {
		for i := range b.m.Entries {
			if b.m.Entries[i].Section == ".rodata" && strings.HasSuffix(b.m.Entries[i].Path, "main.o") {
				b.m.Entries[i].Section = ".other"
			}
		}
	}
	for _, tt := range []struct {
		name, asm string
		flags     []string
		change    func(*build)
		labels    string // of which the original's assembly with labels is made
		want      string // "" if it is refused
	}{
		{"placed", asm, nil, nil, asm, `original "aut\x00"`},
		{"found by what refers to it", asm, nil, unplace, asm, `original "aut\x00"`},
		{"left out", asm, []string{"-Wl,--gc-sections"}, nil, asm, `patch "aut\x00"`},
		{"of another unit", asm, nil, nil, strings.Replace(asm, "aut", "other", 1), ""},
		{"no labels", asm, nil, nil, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			user := takesOld(".L8")
			if tt.flags != nil {
				user = takesOld("f") + "\t.section .text.unused,\"ax\",@progbits\n\tlea .L8(%rip),%rax\n\t.text\n"
			}
			b := buildTwo(t, tt.asm+user, "ret", tt.flags...)
			if tt.change != nil {
				tt.change(b)
			}
			u := b.newFunction(t, "main", "\tlea .L1(%rip),%rax\n\tret\n\t.pushsection .kpatch.rodata.old.L1,\"a\",@progbits\n.L1: .string \"aut\"\n\t.popsection\n")
			u.Literals = []OldLiteral{{Section: ".kpatch.rodata.old.L1", Orig: ".L8"}}
			if tt.labels != "" {
				u.Labels = b.assemble(t, "main", tt.labels+"\t.set kpatch.L8,.L8\n", nil).Object
			}
			checkLiteral(t, b.open(t), u, tt.want)
		})
	}
}

// checkLiteral joins a unit and checks where its literal is found, "" for a refusal.
func checkLiteral(t *testing.T, o *Original, u Unit, want string) {
	t.Helper()
	j, err := tryJoin(o, u)
	if want == "" {
		checkRefusal(t, err, "literal-unplaced")
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := whereLiteral(t, o, j); got != want {
		t.Errorf("found %s, want %s", got, want)
	}
}

// TestLiteralOfAnother places a literal that another unit of the original has.
func TestLiteralOfAnother(t *testing.T) {
	const asm = "\t.section .rodata\n.L8:\t.string \"aut\"\n\t.text\n"
	b := buildTwo(t, asm+takesOld(".L8"), "ret")
	u := b.newFunction(t, "other", "\tlea .L1(%rip),%rax\n\tret\n\t.pushsection .kpatch.rodata.old.L1,\"a\",@progbits\n.L1: .string \"aut\"\n\t.popsection\n")
	labels := b.assemble(t, "main", asm+"\t.set kpatch.L8,.L8\n", nil).Object
	u.Literals = []OldLiteral{{".kpatch.rodata.old.L1", ".L8", &LabelledBy{Input: b.newFunction(t, "main", "ret").Input, Labels: labels}}}
	checkLiteral(t, b.open(t), u, `original "aut\x00"`)
}

// TestLiteralByContent places literals of which it is not known what the assembly of the original calls them.
func TestLiteralByContent(t *testing.T) {
	for _, tt := range []struct{ name, literals, want string }{
		{"one", `.L7: .string "other"; .L8: .string "aut"; .L9: .string "last"`, `original "aut\x00"`},
		{"padded", `.L8: .string "aut"; .zero 4; .L9: .string "last"`, `original "aut\x00"`},
		{"the last", `.L9: .string "last"; .L8: .string "aut"`, `original "aut\x00"`},
		{"a longer one", `.L8: .string "aut"; .string "x"`, ""},
		{"a shorter one, and a variable", `.L8: .ascii "aut"; .type v,@object; v: .string ""`, ""},
		{"two", `.L8: .string "aut"; .L9: .string "aut"`, ""},
		{"none", `.L8: .string "out"`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asm := "\t.section .rodata\n" + tt.literals + "\n\t.text\n"
			b := buildTwo(t, asm+takesOld(".L8"), "ret")
			u := b.newFunction(t, "main", "\tlea .L1(%rip),%rax\n\tret\n\t.pushsection .kpatch.rodata.old.L1,\"a\",@progbits\n.L1: .string \"aut\"\n\t.popsection\n")
			u.Literals, u.ByContent = []OldLiteral{{Section: ".kpatch.rodata.old.L1", Orig: ".L1"}}, true
			for _, label := range []string{".L7", ".L8", ".L9"} {
				if strings.Contains(asm, label+":") {
					asm += "\t.set kpatch" + label + "," + label + "\n"
				}
			}
			u.Labels = b.assemble(t, "main", asm, nil).Object
			checkLiteral(t, b.open(t), u, tt.want)
		})
	}
}

// TestNewLiteralOnce: a new literal that linkers merge is one in all units of a patch.
func TestNewLiteralOnce(t *testing.T) {
	b := buildTwo(t, takesOld("f"), "ret")
	o := b.open(t)
	j := join(t, o, b.newFunction(t, "main", newStrings(`.L0: .string "x"; .L1: .string "aut"`)), b.newFunction(t, "other", newStrings(`.L1: .string "aut"`)))
	if got := string(j.Sections[1].Data); got != "aut\x00" {
		t.Errorf("carried %q", got)
	}
	if a, b := j.Sections[0].Relocs[0].Target, j.Sections[0].Relocs[1].Target; a != b {
		t.Errorf("at %v and %v", a, b)
	}
}

func TestPieceAt(t *testing.T) {
	for _, tt := range []struct {
		name, data string
		flags      elf.SectionFlag
		size       uint64
		at         uint64
		want       string
	}{
		{"string", "ab\x00cd\x00", elf.SHF_MERGE | elf.SHF_STRINGS, 1, 4, "cd\x00"},
		{"its zero", "ab\x00cd\x00", elf.SHF_MERGE | elf.SHF_STRINGS, 1, 2, "ab\x00"},
		{"empty", "\x00\x00", elf.SHF_MERGE | elf.SHF_STRINGS, 1, 1, "\x00"},
		{"without an end", "ab\x00cd", elf.SHF_MERGE | elf.SHF_STRINGS, 1, 4, ""},
		{"outside", "ab\x00", elf.SHF_MERGE | elf.SHF_STRINGS, 1, 3, ""},
		{"wide", "a\x00b\x00\x00\x00c\x00\x00\x00", elf.SHF_MERGE | elf.SHF_STRINGS, 2, 6, "c\x00\x00\x00"},
		{"half a character", "a\x00b\x00\x00\x00", elf.SHF_MERGE | elf.SHF_STRINGS, 2, 3, "a\x00b\x00\x00\x00"},
		{"constant", "aaaabbbb", elf.SHF_MERGE, 4, 5, "bbbb"},
		{"half a constant", "aaaabb", elf.SHF_MERGE, 4, 5, ""},
	} {
		s := elfSection{Data: []byte(tt.data), Flags: elf.SHF_ALLOC | tt.flags, EntSize: tt.size, Align: 1}
		if p, _ := pieceAt(&s, tt.at); p.text != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, p.text, tt.want)
		}
	}
}
