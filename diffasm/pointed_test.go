package diffasm

import (
	"fmt"
	"strings"
	"testing"

	"gocare/internal/arch"
)

// TestPointersGone: what gives away the address of a private variable in the original, and not in the patched unit, is seen however the
// source spells it; code that only uses the variable gives nothing away.
func TestPointersGone(t *testing.T) {
	const global = "\n\t.globl\tv"
	for _, row := range []struct {
		name, orig, patched string // code of f, and behind a bar data
		want                bool
	}{
		{"stored", "leaq v(%rip), %rax;movq %rax, p(%rip)", "nop", true},
		{"stored as a number", "movl $v+4, %eax;movq %rax, p(%rip)", "nop", true},
		{"stored in both", "leaq v(%rip), %rax;movq %rax, p(%rip)", "nop;leaq v(%rip), %rdx;movq %rdx, p(%rip)", false},
		{"passed on by a callee", "leaq v(%rip), %rdi;call keep;xorl %eax, %eax", "nop", true},
		{"used, and passed on", "leaq v(%rip), %rdi;movl $5, 4(%rdi);call keep;xorl %eax, %eax", "nop", true},
		{"used, and passed on as another argument", "leaq v(%rip), %rsi;movl $5, 4(%rsi);xorl %edi, %edi;call keep;xorl %eax, %eax", "nop", true},
		{"used, and returned", "leaq v(%rip), %rax;addl $5, 4(%rax)", "nop", true},
		{"returned as the second of two", "movl $1, %eax;leaq v(%rip), %rdx", "nop", true},
		{"left behind a use of an element", "leaq v(%rip), %rdx;movl $5, (%rdx,%rax);xorl %eax, %eax", "nop", false},
		{"passed on behind a use of an element", "leaq v(%rip), %rsi;movl $5, (%rsi,%rax);xorl %edi, %edi;call keep;xorl %eax, %eax", "nop", true},
		{"returned behind a use of an element", "leaq v(%rip), %rax;movl $5, (%rax,%rdx)", "nop", true},
		{
			"left behind a use in both", "leaq v(%rip), %rdx;movl $5, (%rdx);xorl %edi, %edi;xorl %esi, %esi;call keep;xorl %eax, %eax",
			"leaq v(%rip), %rdx;movl $6, (%rdx);xorl %edi, %edi;xorl %esi, %esi;call keep;xorl %eax, %eax", false,
		},
		{"passed on as another argument than before", "leaq v(%rip), %rdi;leaq v(%rip), %rsi;call keep;xorl %eax, %eax", "xorl %edi, %edi;leaq v(%rip), %rsi;call keep;xorl %eax, %eax", true},
		{"passed on the stack", "leaq v(%rip), %rax;pushq %rax;call keep;popq %rdx;xorl %edx, %edx;xorl %eax, %eax", "nop", true},
		{"passed on in a structure", "leaq v(%rip), %rax;movq %rax, -16(%rsp);leaq -24(%rsp), %rdi;call keep;xorl %eax, %eax", "nop", true},
		{"kept where a callee of the unit leaves it", "leaq v(%rip), %rsi;call set;movq %rsi, p(%rip);xorl %eax, %eax", "nop", true},
		{"kept where a callee of the unit overwrites it", "leaq v(%rip), %rsi;call wipe;movq %rsi, p(%rip);xorl %eax, %eax", "nop", false},
		{
			"thread-local, and stored", "leaq v@tlsgd(%rip), %rdi;call __tls_get_addr@PLT;movq %rax, p(%rip);xorl %eax, %eax",
			"leaq v@tlsgd(%rip), %rdi;call __tls_get_addr@PLT;xorl %eax, %eax", true,
		},
		{
			"thread-local by a descriptor, and stored", "leaq v@TLSDESC(%rip), %rax;call *v@TLSCALL(%rax);movq %rax, p(%rip);xorl %eax, %eax",
			"leaq v@TLSDESC(%rip), %rax;call *v@TLSCALL(%rax);xorl %eax, %eax", true,
		},
		{
			"thread-local by its distance, and stored", "movq v@gottpoff(%rip), %rax;addq %fs:0, %rax;movq %rax, p(%rip);xorl %eax, %eax",
			"movq v@gottpoff(%rip), %rax;movl %fs:(%rax), %edx;xorl %eax, %eax", true,
		},
		{
			"thread-local by its distance, as clang writes it", "movq %fs:0, %rax;addq v@GOTTPOFF(%rip), %rax;movq %rax, p(%rip);xorl %eax, %eax",
			"movq v@GOTTPOFF(%rip), %rax;movl $1, %fs:(%rax);xorl %eax, %eax", true,
		},
		{"thread-local by its distance, and used", "movq v@gottpoff(%rip), %rax;addl $1, %fs:(%rax);movl %fs:(%rax), %eax", "nop", false},
		{"thread-local, and found by the first one", "leaq v@tlsld(%rip), %rdi;call __tls_get_addr@PLT;movq %rax, %rdi;movl $5, v@dtpoff(%rax);call keep;xorl %eax, %eax", "nop", false},
		{"thread-local, found by the first one, and stored", "leaq v@tlsld(%rip), %rdi;call __tls_get_addr@PLT;leaq v@dtpoff(%rax), %rdx;movq %rdx, p(%rip)", "nop", true},
		{"stored by a function of the unit", "leaq v(%rip), %rdi;call set;xorl %eax, %eax", "nop", true},
		{
			"stored by a function that does so no more", "leaq v(%rip), %rdi;call g;xorl %eax, %eax;ret;.size f, .-f;.type g, @function;g:;movq %rdi, p(%rip)",
			"leaq v(%rip), %rdi;call g;xorl %eax, %eax;ret;.size f, .-f;.type g, @function;g:;movq $0, p(%rip)", true,
		},
		{"returned by what copies to it", "leaq v(%rip), %rdi;leaq w(%rip), %rsi;movl $4, %edx;call memcpy", "nop", true},
		{"copied from", "leaq v(%rip), %rsi;leaq -16(%rsp), %rdi;movl $4, %edx;call memcpy;xorl %eax, %eax", "nop", false},
		{"given to inline assembly", "leaq v(%rip), %rcx;\n#APP\n;nop;\n#NO_APP\n", "nop", true},
		{"named in inline assembly", "\n#APP\n;leaq v(%rip), %rax;\n#NO_APP\n;movq %rax, p(%rip)", "nop", true},
		{
			"maybe known to inline assembly in both, in code that differs", "leaq v(%rip), %rcx;\n#APP\n;nop;\n#NO_APP\n;movl $5, w(%rip)",
			"leaq v(%rip), %rcx;\n#APP\n;nop;\n#NO_APP\n;movl $6, w(%rip)", true,
		},
		{
			"surely stored, too", "leaq v(%rip), %rcx;movq %rcx, p(%rip);\n#APP\n;nop;\n#NO_APP\n;movl $5, w(%rip)",
			"leaq v(%rip), %rcx;movq %rcx, p(%rip);\n#APP\n;nop;\n#NO_APP\n;movl $6, w(%rip)", false,
		},
		{
			"maybe known to inline assembly in the same code", "leaq v(%rip), %rcx;\n#APP\n;nop;\n#NO_APP\n;leaq .LC1(%rip), %rax|.quad 1",
			"leaq v(%rip), %rcx;\n#APP\n;nop;\n#NO_APP\n;leaq .LC1(%rip), %rax|.quad 2", false,
		},
		{"in data", "nop|.quad v", "nop|.quad 0", true},
		{"in a constant that two registers are stored from", "movdqa .LC1(%rip), %xmm0;movups %xmm0, p(%rip)|.quad v", "nop|.quad 0", true},
		{"indexed", "leaq v(%rip), %rdx;movl (%rdx,%rax,4), %eax", "nop", false},
		{"written", "movl $3, v(%rip)", "nop", false},
		{"from another place, too", "leaq v(%rip), %rax;movq %rax, p(%rip)|.quad v", "nop|.quad v", true},
		{"known to other units in the original", "movl v(%rip), %eax" + global, "movl v(%rip), %eax", true},
		{"known to other units", "leaq v(%rip), %rax;movq %rax, p(%rip)" + global, "nop" + global, false},
		{"in a table that keeps it", "leaq v(%rip), %rax;movq %rax, p(%rip)", "leaq v(%rip), %rax;movq %rax, p(%rip)\n\t.section\t.note.gocare,\"aw\"\ngocare_keep_0:\n\t.quad\tw\n\t.quad\tv\n\t.text", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := PointersGone(pointedText(t, row.orig), pointedText(t, row.patched)); got != row.want {
				t.Errorf("gone: %v", got)
			}
		})
	}
}

// What an atomic access leaves in the second register of a result, as it takes a whole address, is given to nobody.
func TestPointersGoneAarch64(t *testing.T) {
	for _, row := range []struct {
		name, code string
		want       bool
	}{
		{"left behind an addition", "adrp x1, v;add x1, x1, :lo12:v;ldaddal w0, w0, [x1]", false},
		{"left behind one without a result", "adrp x1, v;add x1, x1, :lo12:v;stadd w0, [x1];mov w0, 0", false},
		{"left behind an exchange", "adrp x1, v;add x1, x1, :lo12:v;swpalb w0, w0, [x1]", false},
		{"left behind a comparison", "adrp x1, v;add x1, x1, :lo12:v;casal w2, w3, [x1];cmp w2, w0", false},
		{"left behind exclusive accesses", "adrp x1, v;add x1, x1, :lo12:v;.L1:;ldaxr w0, [x1];add w0, w0, 1;stlxr w2, w0, [x1];cbnz w2, .L1", false},
		{"left behind an ordered store", "adrp x1, v;add x1, x1, :lo12:v;stlrh w0, [x1]", false},
		{"left behind a store that takes a number", "adrp x1, v;add x1, x1, :lo12:v;str w0, [x1, 4];mov w0, 0", true},
		{"returned as the second of two", "adrp x1, v;add x1, x1, :lo12:v;mov w0, 0", true},
		{"used, and returned", "adrp x0, v;add x0, x0, :lo12:v;stadd w1, [x0]", true},
		{"used, and passed on", "adrp x1, v;add x1, x1, :lo12:v;stadd w2, [x1];mov w0, 0;bl keep", true},
		{"used, and stored", "adrp x1, v;add x1, x1, :lo12:v;stadd w2, [x1];adrp x2, p;str x1, [x2, :lo12:p];mov x1, 0", true},
		{"exchanged with what is there", "adrp x1, v;add x1, x1, :lo12:v;adrp x2, p;add x2, x2, :lo12:p;swpal x1, x0, [x2];mov x1, 0", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := PointersGone(pointedArm(t, row.code), pointedArm(t, "nop")); got != row.want {
				t.Errorf("gone: %v", got)
			}
		})
	}
}

func pointedArm(t *testing.T, code string) *File {
	t.Helper()
	text := "\t.text\n\t.type\tf, %function\nf:\n" + strings.ReplaceAll(code, ";", "\n") + "\n\tret\n\t.size\tf, .-f\n" +
		"\t.local\tv\n\t.comm\tv,16,4\n\t.local\tp\n\t.comm\tp,16,8\n"
	f, err := Parse(&arch.AArch64, "unit.s", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestSurelyGiven: what a compiler may have made of an access gives nothing away that it knows of.
func TestSurelyGiven(t *testing.T) {
	for _, row := range []struct {
		name, code string
		want       bool
	}{
		{"stored", "leaq v(%rip), %rax;movq %rax, p(%rip);xorl %eax, %eax", true},
		{"stored with an index", "leaq v(%rip), %rax;leaq (%rax,%rdx,4), %rax;movq %rax, p(%rip);xorl %eax, %eax", true},
		{"in data", "nop|.quad v", true},
		{"passed on", "leaq v(%rip), %rdi;call keep;xorl %eax, %eax", true},
		{"passed to what stores it", "leaq v(%rip), %rdi;call set;xorl %eax, %eax", true},
		{"returned", "leaq v(%rip), %rax", true},
		{"stored on one way, or something else", "leaq v(%rip), %rax;testl %edi, %edi;je .L1;xorl %eax, %eax;.L1:;movq %rax, p(%rip);xorl %eax, %eax", false},
		{"left behind a use", "leaq v(%rip), %rdi;movl $5, (%rdi,%rax);call keep;xorl %eax, %eax", false},
		{"left behind a comparison", "leaq v(%rip), %rdi;cmpq %rdi, %rdx;call keep;xorl %eax, %eax", false},
		{"left where a result is", "leaq v(%rip), %rax;movl $5, (%rax,%rdx)", false},
		{"cleared", "leaq v(%rip), %rdi;xorl %esi, %esi;movl $16, %edx;call memset;xorl %eax, %eax", false},
		{"copied to", "leaq v(%rip), %rdi;leaq w(%rip), %rsi;movl $4, %edx;jmp memcpy", false},
		{"read again from the frame", "leaq v(%rip), %rax;movq %rax, -8(%rsp);movq -8(%rsp), %rax;movq %rax, p(%rip);xorl %eax, %eax", false},
		{"known to inline assembly, maybe", "leaq v(%rip), %rax;\n#APP\n;nop;\n#NO_APP\n;xorl %eax, %eax", false},
		{"where a thread-local one is", "leaq v@tlsgd(%rip), %rdi;call __tls_get_addr@PLT;xorl %eax, %eax", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := newAddresses(pointedText(t, row.code).File).surelyGiven("v"); got != row.want {
				t.Errorf("surely given: %v", got)
			}
		})
	}
}

// TestPointedTo: what a compiler may not know of is a left-over where the code is the same, whatever its literals hold.
func TestPointedTo(t *testing.T) {
	const known = "leaq v(%rip), %rcx;\n#APP\n;nop;\n#NO_APP\n;"
	for _, row := range []struct {
		name, orig, patched string
		refused             bool
	}{
		{"other code", known + "movl $5, w(%rip)", known + "movl $6, w(%rip)", true},
		{"another literal", known + "leaq .LC1(%rip), %rax|.quad 1", known + "leaq .LC1(%rip), %rax|.quad 2", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			d, err := Matching{}.Match(pointedText(t, row.orig), pointedText(t, row.patched), nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(d.Functions) == 0 || d.Functions[0].Status != Changed {
				t.Errorf("f is not changed: %+v", d.Functions)
			}
			if got := len(d.pointedTo()) > 0; got != row.refused {
				t.Errorf("refused: %v", got)
			}
		})
	}
}

// TestMayBePointedTo: nothing leads to a variable that a unit keeps and gives the address of nowhere.
func TestMayBePointedTo(t *testing.T) {
	for _, row := range []struct {
		name, code, variable string
		want                 bool
	}{
		{"used", "leaq v(%rip), %rdi;movl $5, (%rdi,%rax);xorl %edi, %edi;xorl %eax, %eax", "v", false},
		{"stored", "leaq v(%rip), %rax;movq %rax, p(%rip)", "v", true},
		{"passed to what stores it", "leaq v(%rip), %rdi;call set;xorl %eax, %eax", "v", true},
		{"in data", "nop|.quad v", "v", true},
		{"known to other units", "nop\n\t.globl\tv", "v", true},
		{"known to them by another name", "nop\n\t.globl\ta\n\t.set\ta, v", "v", true},
		{"a function's", "leaq v.2(%rip), %rax;movq %rax, p(%rip);xorl %eax, %eax;ret;.local v.2;.comm v.2,4,4", "v", true},
		{"a function's, as clang names it", "leaq f.v(%rip), %rax;movq %rax, p(%rip);xorl %eax, %eax;ret;.local f.v;.comm f.v,4,4", "v", true},
		{"another one is stored", "leaq w(%rip), %rax;movq %rax, p(%rip);xorl %eax, %eax", "v", false},
		{"by a name that nothing has", "nop", "u", true},
		{"by an anchor", "leaq .LANCHOR0(%rip), %rax;movq %rax, p(%rip);xorl %eax, %eax", "v", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := MayBePointedTo(pointedText(t, row.code), row.variable); got != row.want {
				t.Errorf("pointed to: %v", got)
			}
		})
	}
}

// pointedText is a unit with a function f, one that stores its argument, and variables.
func pointedText(t *testing.T, text string) *File {
	t.Helper()
	code, data, _ := strings.Cut(text, "|")
	function := func(name, body string) string {
		return fmt.Sprintf("\t.text\n\t.type\t%[1]s, @function\n%[1]s:\n%s\n\tret\n\t.size\t%[1]s, .-%[1]s\n", name, body)
	}
	variables := "\t.local\tv\n\t.comm\tv,16,4\n\t.local\tw\n\t.comm\tw,4,4\n\t.local\tp\n\t.comm\tp,16,8\n\t.section\t.data.rel.ro.local,\"aw\"\n.LC1:\n\t" + data + "\n"
	if strings.Contains(code, ".globl\tv") {
		variables = strings.Replace(variables, "\t.local\tv\n", "", 1)
	}
	source := function("f", "\t"+strings.ReplaceAll(code, ";", "\n\t")) + function("set", "\tmovq %rdi, p(%rip)") + function("wipe", "\txorl %esi, %esi") + variables
	f, err := Parse(&arch.X86_64, "unit.s", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	return f
}
