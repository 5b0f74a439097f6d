package debuginfo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/diffasm/asm"
	"gocare/diffasm/machine"
	"gocare/internal/arch"
	"gocare/internal/srcpatch"
	"gocare/internal/test/testkit"
)

// code is a function with two static locals, and its lines.
const code = `	.file	"di.c"
	.text
	.globl	f
	.type	f, @function
f:
	.file 1 "di.c"
	.loc 1 5 8
	movl	calls.1(%rip), %eax
	addl	%edi, %eax
	movl	%eax, calls.1(%rip)
	.loc 1 6 2
	xorl	seen.0(%rip), %eax
	.loc 1 5 8
	ret
	.size	f, .-f
	.local	seen.0
	.comm	seen.0,4,4
	.local	calls.1
	.comm	calls.1,4,4
`

// debug is the debug information of code: of the function, its static locals, and a variable that became a constant.
const debug = `	.section	.debug_info,"",@progbits
	.long	0x60
	.value	0x5
	.byte	0x1
	.byte	0x8
	.long	.Ldebug_abbrev0
	.uleb128 0x2 # the unit
	.long	.LASF4
	.uleb128 0x3 # f
	.string	"f"
	.byte	0x1
	.byte	0x1
	.uleb128 0x1
	.long	.LASF2
	.byte	0x1
	.byte	0x3
	.byte	0xd
	.uleb128 0x9
	.byte	0x3
	.quad	calls.1
	.uleb128 0x1
	.long	.LASF3
	.byte	0x1
	.byte	0x4
	.byte	0xd
	.uleb128 0x9
	.byte	0x3
	.quad	seen.0
	.byte	0
	.uleb128 0x4 # a constant
	.string	"limit"
	.byte	0x1
	.byte	0x9
	.byte	0x64
	.byte	0
	.section	.debug_abbrev,"",@progbits
	.uleb128 0x1
	.uleb128 0x34
	.byte	0
	.uleb128 0x3
	.uleb128 0xe
	.uleb128 0x3a
	.uleb128 0xb
	.uleb128 0x3b
	.uleb128 0xb
	.uleb128 0x39
	.uleb128 0xb
	.uleb128 0x2
	.uleb128 0x18
	.byte	0
	.byte	0
	.uleb128 0x2
	.uleb128 0x11
	.byte	0x1
	.uleb128 0x25
	.uleb128 0xe
	.byte	0
	.byte	0
	.uleb128 0x3
	.uleb128 0x2e
	.byte	0x1
	.uleb128 0x3
	.uleb128 0x8
	.uleb128 0x3a
	.uleb128 0xb
	.uleb128 0x3b
	.uleb128 0xb
	.byte	0
	.byte	0
	.uleb128 0x4
	.uleb128 0x34
	.byte	0
	.uleb128 0x3
	.uleb128 0x8
	.uleb128 0x3a
	.uleb128 0xb
	.uleb128 0x3b
	.uleb128 0xb
	.uleb128 0x1c
	.uleb128 0xb
	.byte	0
	.byte	0
	.byte	0
	.section	.debug_str,"MS",@progbits,1
.LASF3:
	.string	"seen"
.LASF2:
	.string	"calls"
.LASF4:
	.string	"GNU C17"
`

func unit(t *testing.T, text string) *Unit {
	t.Helper()
	f, err := asm.Parse(asm.ATT, "di.s", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return &Unit{File: f}
}

// list writes down what a unit declares, a variable a line.
func list(ds *Declarations) string {
	if ds == nil {
		return "none"
	}
	var lines []string
	for _, d := range ds.All {
		line := fmt.Sprintf("%s in %q at %s:%d:%d is %q", d.Name, d.Function, d.File, d.Line, d.Column, d.Symbol)
		for word, set := range map[string]bool{" constant": d.Constant, " elsewhere": d.Elsewhere} {
			if set {
				line += word
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

const (
	calls = `calls in "f" at di.c:3:13 is "calls.1"`
	seen  = `seen in "f" at di.c:4:13 is "seen.0"`
	limit = `limit in "" at di.c:9:0 is "" constant`
)

// TestDeclarations: debug information that is not understood in full, or that has two variables in one place, counts as none.
func TestDeclarations(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit []string // replacements in debug
		want []string
	}{
		{"as gcc writes it", nil, []string{calls, seen, limit}},
		{"version 4 has no kind of unit", []string{"\t.value\t0x5\n\t.byte\t0x1\n", "\t.value\t0x4\n"}, []string{calls, seen, limit}},
		{"version 3", []string{".value\t0x5", ".value\t0x3"}, []string{"none"}},
		{"a unit of types", []string{".byte\t0x1\n\t.byte\t0x8", ".byte\t0x2\n\t.byte\t0x8"}, []string{"none"}},
		{"an entry without a declaration of its form", []string{"0x4 # a constant", "0x7 # a constant"}, []string{"none"}},
		{"an attribute of a form that is not known", []string{".uleb128 0x1c\n\t.uleb128 0xb", ".uleb128 0x1c\n\t.uleb128 0x7f"}, []string{"none"}},
		{"two variables in one place", []string{".quad\tseen.0", ".quad\tcalls.1"}, []string{"none"}},
		{"static locals of a function without a name", []string{`.string	"f"`, `.string	""`}, []string{"none"}},
		{"a variable without a place", []string{"\t.uleb128 0x9\n\t.byte\t0x3\n\t.quad\tseen.0\n", "\t.uleb128 0\n"}, []string{
			calls, `seen in "f" at di.c:4:13 is ""`, limit,
		}},
		{"a variable in a register", []string{"\t.uleb128 0x9\n\t.byte\t0x3\n\t.quad\tseen.0\n", "\t.uleb128 0x1\n\t.byte\t0x55\n"}, []string{
			calls, `seen in "f" at di.c:4:13 is ""`, limit,
		}},
		{"entries that end in the middle", []string{"\t.byte\t0x9\n\t.byte\t0x64\n\t.byte\t0\n", ""}, []string{"none"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := debug
			if tt.edit != nil {
				if text = strings.Replace(text, tt.edit[0], tt.edit[1], 1); text == debug {
					t.Fatal("the edit changes nothing")
				}
			}
			if diff := cmp.Diff(strings.Join(tt.want, "\n"), list(unit(t, code+text).Declarations())); diff != "" {
				t.Error(diff)
			}
		})
	}
	if ds := unit(t, code).Declarations(); ds != nil {
		t.Errorf("without debug information: %s", list(ds))
	}
}

// TestNumbers: clang writes numbers of several bytes as text, and lets it end by itself where the last one is zero.
func TestNumbers(t *testing.T) {
	for _, row := range []struct {
		directive   string
		value, size uint64
		ok          bool
	}{
		{".uleb128 0x90", 0x90, 2, true},
		{".sleb128 64", 64, 2, true},
		{".byte 3", 3, 1, true},
		{`.ascii "\220\001"`, 0x90, 2, true},
		{`.asciz "\336"`, 94, 2, true},
		{".long 3", 0, 4, false},
	} {
		text := "\t.section .debug_info,\"\",@progbits\n\t" + row.directive + "\n\t.byte 7\n"
		r := &dieReader{items: *itemsOf(unit(t, text).File, ".debug_info")}
		if v, ok := r.leb(); ok != row.ok || r.off != row.size || ok && v != row.value {
			t.Errorf("%s: %d in %d bytes, %t", row.directive, v, r.off, ok)
		}
	}
}

// TestThreadLocalAArch64: compilers for aarch64 do not tell where thread-local variables are. Names do, of variables that other units see too, and
// where others have the same name.
func TestThreadLocalAArch64(t *testing.T) {
	const source = `extern __thread int header;
__thread int header = 4;
__thread int shown = 5;
static __thread int own = 6;
extern __thread int other;
int f(int n)
{
	static __thread int shown = 8;
	header += n, own += n, shown ^= n;
	return other + shown;
}
int g(int n)
{
	return shown += n;
}
int h(int n)
{
	int header = n;
	return f(header);
}
`
	want := map[string]string{" header": "header", " shown": "shown", " own": "own", "f shown": "a static local", "h header": ""}
	for _, compiler := range []string{"aarch64-linux-gnu-gcc", "clang --target=aarch64-linux-gnu"} {
		t.Run(compiler, func(t *testing.T) {
			command := strings.Fields(compiler)
			testkit.Require(t, command[0])
			dir := t.TempDir()
			testkit.WriteFile(t, filepath.Join(dir, "a.c"), source)
			testkit.Run(t, dir, command[0], append(command[1:], "-S", "-O2", "-g", "a.c")...)
			text, err := os.ReadFile(filepath.Join(dir, "a.s"))
			if err != nil {
				t.Fatal(err)
			}
			f, err := asm.Parse(machine.For(&arch.AArch64).Syntax(), "a.s", text)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, d := range (&Unit{File: f}).Declarations().All {
				symbol := d.Symbol
				if symbol == "shown.0" || symbol == "f.shown" {
					symbol = "a static local"
				}
				got[d.Function+" "+d.Name] = symbol
			}
			delete(got, " other") // gcc alone lists it
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestPlaces: lines come from the code, or from a second compile of the same source.
func TestPlaces(t *testing.T) {
	plain := strings.Join(strings.Split(strings.ReplaceAll(code, "\t.loc 1 5 8\n", ""), "\t.loc 1 6 2\n"), "")
	borrowed, why := unit(t, plain).WithDebug(unit(t, code+debug))
	if why != "" || !borrowed.Borrowed() {
		t.Fatalf("the other compile's debug information is not taken: %s", why)
	}
	for name, u := range map[string]*Unit{"its own": unit(t, code+debug), "borrowed": borrowed} {
		t.Run(name, func(t *testing.T) {
			fn := u.FunctionByName["f"]
			if diff := cmp.Diff([]srcpatch.Place{{File: "di.c", Line: 5}, {File: "di.c", Line: 6}}, u.Places(fn)); diff != "" {
				t.Error(diff)
			}
			if file, line := u.FirstPlace(fn); file != "di.c" || line != 5 {
				t.Errorf("first place %s:%d", file, line)
			}
			if at := u.DeclaredAt("seen.0"); at.Line != 4 {
				t.Errorf("seen.0 declared at %v", at)
			}
			if at := u.DeclaredAt("other"); at != (asm.Position{}) {
				t.Errorf("other declared at %v", at)
			}
			if diff := cmp.Diff([]srcpatch.Place{{File: "di.c", Line: 3}}, u.VariablePlace(&asm.Block{Name: "calls.1"})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestWithDebug: debug information is taken from a compile of the same code alone.
func TestWithDebug(t *testing.T) {
	for _, tt := range []struct {
		name, plain, other string
		want               bool
	}{
		{"the same code", code, code + debug, true},
		{"without debug information", code, code, false},
		{"another instruction", strings.Replace(code, "addl", "subl", 1), code + debug, false},
		{"another function's name", strings.NewReplacer("\tf", "\tg", "\nf:", "\ng:", ".-f", ".-g").Replace(code), code + debug, false},
		{"variables numbered otherwise", strings.NewReplacer("calls.1", "calls.0", "seen.0", "seen.1").Replace(code), code + debug, false},
		{"another size", strings.Replace(code, "seen.0,4,4", "seen.0,8,8", 1), code + debug, false},
		{"a variable more", code + "\t.local\tmore.2\n\t.comm\tmore.2,4,4\n", code + debug, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if u, why := unit(t, tt.plain).WithDebug(unit(t, tt.other)); (why == "") != tt.want || (u != nil) != tt.want {
				t.Errorf("got %q", why)
			}
		})
	}
}

func TestHasStatics(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       bool
	}{
		{"numbered variables", code, true},
		{"named ones", strings.NewReplacer("calls.1", "calls", "seen.0", "seen").Replace(code), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := unit(t, tt.text).HasStatics(); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// TestNamelessFunction: clang has the static locals of an inline function that is inlined everywhere in one without a name; symbols tell it.
func TestNamelessFunction(t *testing.T) {
	testkit.Require(t, "clang")
	const source = `int first();
namespace ns { inline int next(int k) { static int n = first(); return n += k; } }
int f(int x) { return ns::next(x); }
`
	dir := t.TempDir()
	testkit.WriteFile(t, filepath.Join(dir, "a.cc"), source)
	testkit.Run(t, dir, "clang", "-S", "-O2", "-g", "a.cc")
	text, err := os.ReadFile(filepath.Join(dir, "a.s"))
	if err != nil {
		t.Fatal(err)
	}
	ds := unit(t, string(text)).Declarations()
	if ds == nil {
		t.Fatal("the debug information is not understood")
	}
	if d := ds.BySymbol["_ZZN2ns4nextEiE1n"]; d == nil || d.Function != "next" || d.Line != 2 {
		t.Errorf("got %+v", d)
	}
}
