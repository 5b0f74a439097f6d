package diffasm_test

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"gocare/diffasm"
	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/kpname"
	"gocare/internal/test/testkit"
)

// armCompiler is a compiler for AArch64, with what makes variables show by their names.
type armCompiler struct{ cc, side, as string }

var (
	armGCC   = armCompiler{"aarch64-linux-gnu-gcc", "-fno-section-anchors -fno-ipa-ra", "aarch64-linux-gnu-as"}
	armClang = armCompiler{"clang", "--target=aarch64-linux-gnu -mno-global-merge", "clang --target=aarch64-linux-gnu -c -x assembler"}
)

// parsed compiles a source and reads the assembly.
func (c armCompiler) parsed(t *testing.T, flags, source string) *diffasm.File {
	t.Helper()
	f, err := diffasm.Parse(&arch.AArch64, "a.s", compileWith(t, c.cc, t.TempDir(), "a", flags+" "+c.side, source))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// emitted compares two files and writes what is chosen, or returns the refusals.
func emitted(t *testing.T, orig, patched *diffasm.File, o diffasm.Options) (*diffasm.Delta, *diffasm.Selection, *diffasm.Emitted, error) {
	t.Helper()
	d, err := diffasm.Match(orig, patched, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := diffasm.Decide(d, o)
	if err != nil {
		return d, nil, nil, err
	}
	e, err := diffasm.Emit(s)
	if err != nil {
		t.Fatal(refusals(err))
	}
	return d, s, e, nil
}

// object assembles a text.
func (c armCompiler) object(t *testing.T, text []byte) *elfobj.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.s")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	as := strings.Fields(c.as)
	if msg, err := exec.Command(as[0], append(as[1:], "-o", path+".o", path)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s\n%s", err, msg, text)
	}
	f, err := elfobj.Load(path + ".o")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// constructFiles lists the sources of a construct that have a patched version, and that.
func constructFiles(t *testing.T, path string) map[string][2]string {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before := map[string]string{}
	pairs := map[string][2]string{}
	for _, f := range archive.Files {
		name, patched := strings.CutPrefix(f.Name, "patched/")
		if !strings.HasSuffix(name, ".c") || len(f.Data) == 0 {
			continue
		}
		if patched && before[name] != "" {
			pairs[name] = [2]string{before[name], string(f.Data)}
		} else if !patched {
			before[name] = string(f.Data)
		}
	}
	return pairs
}

// TestArmConstructs writes every function of some constructs as it is, and makes the patch of each.
func TestArmConstructs(t *testing.T) {
	testkit.Require(t, armGCC.cc, armClang.cc)
	for _, name := range strings.Fields("body cold computedgoto constprop jumptable keepstatic strings tlsown") {
		for file, pair := range constructFiles(t, filepath.Join(testkit.Root(t), "testdata", "c", name+".txtar")) {
			for _, c := range []armCompiler{armGCC, armClang} {
				for _, flags := range []string{"-O0", "-O2 -g -fPIC"} {
					t.Run(fmt.Sprint(name, "/", file, " ", c.cc, " ", flags), func(t *testing.T) {
						t.Parallel()
						armIdentity(t, c, flags, pair[0])
						orig, patched := c.parsed(t, flags, pair[0]), c.parsed(t, flags, pair[1])
						d, _, e, err := emitted(t, orig, patched, diffasm.Options{})
						if err != nil || len(statuses(d)) == 0 {
							t.Fatal(refusals(err), statuses(d))
						}
						c.object(t, e.Asm)
					})
				}
			}
		}
	}
}

// TestRelying: a caller that keeps a value where its callee leaves it alone goes into the patch with that, and no other does.
func TestRelying(t *testing.T) {
	testkit.Require(t, armGCC.cc)
	const source = `int other(int);
static int seen;
__attribute__((noinline)) static int g(int x) { seen += x; return x * 3; }
int f(int x, int y) { return g(x) + y; }
int h(int x) { return g(x); }
int apart(int x) { return other(x) + seen; }
`
	edited := strings.Replace(source, "x * 3", "other(x) * 3", 1)
	built := armCompiler{cc: armGCC.cc}
	relying := diffasm.Relying(built.parsed(t, "-O2", source), built.parsed(t, "-O2 -fno-ipa-ra", source))
	if !relying["f"] || len(relying) != 1 {
		t.Fatalf("relying: %v", relying)
	}
	orig := armGCC.parsed(t, "-O2", source)
	if name := diffasm.OtherNames(built.parsed(t, "-O2", source), orig); name != "" {
		t.Errorf("%q is in one of them only", name)
	}
	if name := diffasm.OtherNames(orig, armGCC.parsed(t, "-O2", strings.Replace(source, "apart", "together", 1))); name != "apart" {
		t.Errorf("%q is in one of them only, want apart", name)
	}
	d, err := diffasm.Matching{Relying: relying}.Match(orig, armGCC.parsed(t, "-O2", edited), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := diffasm.Decide(d, diffasm.Options{})
	if err != nil {
		t.Fatal(refusals(err))
	}
	var got []string
	for _, f := range s.Functions {
		got = append(got, f.Name+": "+f.Reason)
	}
	if want := "f: keeps values in registers over calls"; len(got) != 2 || !slices.Contains(got, want) {
		t.Errorf("got %q, want g and %q", got, want)
	}
}

// TestGoneRelying: one that is gone, and keeps a value where its callee leaves it alone, must not be running.
func TestGoneRelying(t *testing.T) {
	testkit.Require(t, armGCC.cc)
	const source = `int other(int);
static int seen;
__attribute__((noinline)) static int g(int x) { seen += x; return x * 3; }
__attribute__((noinline)) static int idle(int x) { return x * 5; }
int (*kept)(int) = g; /* so that g relies on no caller */
__attribute__((noinline, noclone)) static int f(int x, int y) { return g(x) + y; }
__attribute__((noinline, noclone)) static int apart(int x, int y) { return idle(x) + y; }
__attribute__((noinline, noclone)) static int outer(int x, int y) { return f(x, y) - 1; }
int h(int x, int y) { return outer(x, y) + apart(y, x) + g(y); }
`
	edited := strings.NewReplacer("x * 3", "x * 7", "outer(x, y) + apart(y, x)", "idle(x)").Replace(source)
	built := armCompiler{cc: armGCC.cc}
	relying := diffasm.Relying(built.parsed(t, "-O2", source), built.parsed(t, "-O2 -fno-ipa-ra", source))
	d, err := diffasm.Matching{Relying: relying}.Match(armGCC.parsed(t, "-O2", source), armGCC.parsed(t, "-O2", edited), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := diffasm.Decide(d, diffasm.Options{})
	if err != nil {
		t.Fatal(refusals(err))
	}
	for _, tt := range []struct{ hooked, want string }{{"g", "f g, outer g"}, {"h", ""}} {
		var got []string
		for _, f := range s.Stale(func(orig string) bool { return orig == tt.hooked }) {
			if f.Callee != "" {
				got = append(got, f.Name+" "+f.Callee)
			}
		}
		slices.Sort(got)
		if all := strings.Join(got, ", "); all != tt.want {
			t.Errorf("%s is hooked: stale are %q, want %q", tt.hooked, all, tt.want)
		}
	}
}

// TestSparesBesideWhatRuns: a version that was compiled on the side proves nothing of the registers that running callees leave alone.
func TestSparesBesideWhatRuns(t *testing.T) {
	testkit.Require(t, armGCC.cc)
	const source = `__attribute__((noinline)) static int g(int x) { return x * 3; }
int f(int x, int y) { return g(x) + y; }
`
	orig, patched := armGCC.parsed(t, "-O2", source), armGCC.parsed(t, "-O2", strings.Replace(source, "x * 3", "x * 5", 1))
	for _, tt := range []struct {
		relying map[string]bool
		want    bool
	}{{nil, true}, {map[string]bool{}, false}} {
		d, err := diffasm.Matching{Relying: tt.relying}.Match(orig, patched, nil)
		if err != nil {
			t.Fatal(err)
		}
		s, err := diffasm.Decide(d, diffasm.Options{})
		if err != nil {
			t.Fatal(refusals(err))
		}
		e, err := diffasm.Emit(s)
		if err != nil || len(e.Functions) != 1 || e.Functions[0].Spares != tt.want {
			t.Errorf("relying %v: %+v, %v, want %v", tt.relying, e.Functions, err, tt.want)
		}
	}
}

// armIdentity holds that a unit is the same as itself, and that all of it can be written: each function's object code is that of the
// original.
func armIdentity(t *testing.T, c armCompiler, flags, source string) {
	t.Helper()
	f := c.parsed(t, flags, source)
	d, s, e, err := emitted(t, f, c.parsed(t, flags, source), diffasm.Options{Identity: func(string) bool { return true }})
	if err != nil {
		t.Fatal(refusals(err))
	}
	if got := statuses(d); len(got) > 0 {
		t.Errorf("changed: %v", got)
	}
	for _, f := range s.Skipped {
		t.Logf("skipped: %s: %s", f.Name, f.Reason)
	}
	if len(e.Asm) == 0 {
		return
	}
	before, after := c.object(t, []byte(global(f))), c.object(t, e.Asm)
	for _, fn := range e.Functions {
		was, is := codeOf(t, before, fn.Orig), codeOf(t, after, fn.Symbol)
		if was != is && len(fn.Parts) == 0 {
			t.Errorf("%s:\n%s\nbecame\n%s", fn.Name, was, is)
		}
	}
}

// global is the text of a unit in which all names are global, so that the assembler leaves a relocation for each use.
func global(f *diffasm.File) string {
	var out strings.Builder
	for _, fn := range f.Functions {
		fmt.Fprintf(&out, "\t.globl\t%s\n", fn.Name)
	}
	for _, v := range f.Variables {
		fmt.Fprintf(&out, "\t.globl\t%s\n", v.Name)
	}
	return out.String() + strings.ReplaceAll(f.Text, "\t.local\t", "\t// ")
}

// codeOf is the code of a function with its relocations, in words.
func codeOf(t *testing.T, f *elfobj.File, name string) string {
	t.Helper()
	for _, s := range f.Symbols {
		if s.Name != name || s.Type != elf.STT_FUNC {
			continue
		}
		var out bytes.Buffer
		sec := &f.Sections[s.Section]
		fmt.Fprintf(&out, "%x\n", sec.Data[s.Value:s.Value+s.Size])
		relocs, err := f.Relas(s.Section)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range relocs {
			if r.Offset < s.Value || r.Offset >= s.Value+s.Size {
				continue
			}
			fmt.Fprintf(&out, "%x %d %s\n", r.Offset-s.Value, r.Type, strings.NewReplacer(".kpnew", "", ".kpatch", "").Replace(targetOf(f, r)))
		}
		return out.String()
	}
	t.Fatalf("no function %q", name)
	return ""
}

// targetOf names what a relocation leads to; literals have no names.
func targetOf(f *elfobj.File, r elfobj.Rela) string {
	to := f.Symbols[r.Symbol]
	if strings.HasPrefix(to.Name, "__func__.") || strings.HasPrefix(to.Name, "reltable.") {
		return "a literal"
	}
	if to.Type != elf.STT_SECTION {
		return strings.TrimPrefix(to.Name, ".L") + fmt.Sprintf("%+d", r.Addend)
	}
	for _, s := range f.Symbols {
		named := s.Type == elf.STT_OBJECT || s.Type == elf.STT_FUNC || s.Type == elf.STT_TLS
		if at := uint64(r.Addend) - s.Value; s.Section == to.Section && named && at < s.Size {
			return s.Name + fmt.Sprintf("%+d", at)
		}
	}
	return "a literal"
}

// TestArmRoomInFront: where the original signs its return address at once and the patched function does not, there is a nop in front of the latter.
func TestArmRoomInFront(t *testing.T) {
	testkit.Require(t, "aarch64-linux-gnu-gcc")
	const flags = "-Os -mbranch-protection=standard"
	source := "int other(int);\nint f(int n)\n{\n\treturn other(n) + 1;\n}\nint g(int n)\n{\n\treturn other(n) + 2;\n}\n"
	orig := armGCC.parsed(t, flags, source)
	changed := strings.NewReplacer("+ 1", "+ 11", "other(n) + 2", "n + 22").Replace(source)
	_, _, e, err := emitted(t, orig, armGCC.parsed(t, flags, changed), diffasm.Options{})
	if err != nil {
		t.Fatal(refusals(err))
	}
	o := armGCC.object(t, e.Asm)
	for _, tt := range []struct {
		name string
		room bool
	}{{"f", false}, {"g", true}} {
		i := slices.IndexFunc(o.Symbols, func(s elfobj.Symbol) bool { return s.Name == tt.name+kpname.Replacing })
		if i < 0 {
			t.Fatalf("no %s in\n%s", tt.name, e.Asm)
		}
		s := o.Symbols[i]
		text := o.Sections[s.Section].Data[:s.Value]
		if got := bytes.HasSuffix(text, arch.AArch64.Nop); got != tt.room {
			t.Errorf("%s: %v\n%s", tt.name, got, e.Asm)
		}
	}
}
