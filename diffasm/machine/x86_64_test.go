package machine

import (
	"fmt"
	"strings"
	"testing"

	"gocare/diffasm/asm"
)

// statementOf is an instruction as the parser hands it on.
func statementOf(text string) asm.Statement {
	op, args := statement(text)
	return asm.Statement{Op: op, Args: args, Kind: asm.Instruction}
}

func TestDecodeKind(t *testing.T) {
	for text, want := range map[string]Kind{
		"movq\t%rax, %rbx": Move, "movslq\t(%rdi), %rax": Move, "movhps\t%xmm0, (%rax)": MoveHalf, "movsd\t.LC0(%rip), %xmm0": Move, "vmovaps\t%xmm0, (%rax)": Other,
		"leaq\t8(%rsp), %rdi": Address, "leave": Leave, "pushq\t%rbp": Push, "popq\t%rbp": Pop, "popcntq\t%rax, %rdx": Other, "pushfq": Other,
		"call\tf": Call, "callq\t*%rax": Call, "jmp\t.L1": Jump, "jmpq\t*%rax": JumpPointer, "jne\t.L1": Branch, "loop\t.L1": Branch, "jrcxz\t.L1": Branch,
		"notrack jmp\t*%rax": Jump, "ret": Return, "rep ret": Return, "repz retq": Return, "ud2": Trap, "hlt": Trap, "nop": Nop, "nopw\t(%rax)": Nop,
		"cmpq\t%rax, %rbx": Compare, "testl\t%eax, %eax": Compare, "cmpxchgq\t%rdx, (%rdi)": CompareExchange, "lock cmpxchgl\t%edx, (%rdi)": CompareExchange,
		"cmpltsd\t%xmm0, %xmm1": Compare, "cmpps\t$2, %xmm0, %xmm1": Other, "cmpsb": Other, "repz cmpsb": String,
		"rep movsq": String, "rep stosq": String, "stosq\t%rax, %es:(%rdi)": String, "movsq\t(%rsi), %es:(%rdi)": String, "rep": Other,
		"imulq\t%rdx": WideArithmetic, "imulq\t%rdx, %rax": Other, "divl\t%ecx": WideArithmetic, "divsd\t%xmm0, %xmm1": Other, "mulq\t%rcx": WideArithmetic,
		"cqto": Extend, "cltd": Extend, "cltq": Other, "xchgq\t%rax, %rdx": Exchange, "lock xaddl\t%eax, (%rdi)": Exchange, "unheard\t%rax": Other,
	} {
		if in := (x86{}).Decode(statementOf(text)); in.Kind != want {
			t.Errorf("%s: kind %d, want %d", text, in.Kind, want)
		}
	}
}

// TestKind: what needs no operands is not looked for behind prefixes.
func TestKind(t *testing.T) {
	for text, want := range map[string]Kind{
		"jmp\t*%rax": Jump, "notrack jmp\t*%rax": Other, "call\tf": Call, "jae\t.L1": Branch, "loopne\t.L1": Branch, "nopl\t(%rax)": Nop, "cmpl\t$1, %eax": Compare,
	} {
		if got := (x86{}).Kind(statementOf(text)); got != want {
			t.Errorf("%s: kind %d, want %d", text, got, want)
		}
	}
}

func TestDecode(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"an addition", "addq\t$8, %rsp", "effect 1"},
		{"a subtraction", "subl\t%eax, %eax", "effect 2 clears"},
		{"a mask", "andq\t$-64, %rsp", "effect 3"},
		{"a zero", "xorl\t%eax, %eax", "effect 4 clears"},
		{"a zero in a vector register", "pxor\t%xmm0, %xmm0", "clears"},
		{"a conversion", "cvtsi2sdl\t%eax, %xmm0", "overwrites"},
		{"a product by three operands", "imulq\t$24, %rax, %rdx", "overwrites"},
		{"a product by two", "imulq\t%rax, %rdx", ""},
		{"a vector sum", "vaddpd\t%ymm0, %ymm1, %ymm2", "overwrites"},
		{"a fused sum", "vfmadd231sd\t.LC0(%rip), %xmm1, %xmm2", "access 8"},
		{"bits counted", "popcntl\t%eax, %edx", "overwrites"},
		{"a comparison of addresses", "cmpq\t%rax, (%rdi)", "reads"},
		{"a comparison with a symbol", "cmpq\t$f, %rax", "reads"},
		{"a comparison with a number", "cmpq\t$0, %rax", "reads"},
		{"a narrow comparison", "cmpl\t%eax, %edx", "reads"},
		{"a comparison of numbers", "ucomisd\t.LC0(%rip), %xmm0", "access 8"},
		{"a move of 32 bits", "movl\t%eax, %edx", "width 32"},
		{"a move of 64 bits", "movq\t%rax, (%rdx)", "width 64"},
		{"a move of a vector", "movaps\t%xmm0, (%rdx)", "width 128"},
		{"a move of a byte", "movb\t$1, (%rdx)", "width 32"},
		{"a constant of 8 bytes", "movsd\t.LC0(%rip), %xmm0", "width 128 access 8"},
		{"a constant of 4 bytes", "vmulss\t.LC0(%rip), %xmm0, %xmm0", "overwrites access 4"},
		{"a constant of 10 bytes", "fldt\t.LC0(%rip)", "access 10"},
		{"a part of a constant", "movsd\t.LC0+8(%rip), %xmm0", "width 128"},
		{"a copy", "rep movsq", "copies"},
		{"a call through a descriptor", "call\t*v@TLSCALL(%rax)", "descriptor"},
		{"a call through a pointer", "call\t*v@GOTPCREL(%rip)", ""},
		{"a call through the PLT", "call\tf@PLT", ""},
		{"a fill", "rep stosl", "fills"},
	} {
		in := x86{}.Decode(statementOf(tt.text))
		var got []string
		for _, f := range []struct {
			is   bool
			what string
		}{
			{in.Effect != NoEffect, fmt.Sprint("effect ", in.Effect)},
			{in.Clears, "clears"},
			{in.Overwrites, "overwrites"},
			{in.ReadsOnly, "reads"},
			{in.Width > 0, fmt.Sprint("width ", in.Width)},
			{in.Copies, "copies"},
			{in.Fills, "fills"},
			{in.Descriptor, "descriptor"},
			{in.AccessSize > 0, fmt.Sprint("access ", in.AccessSize)},
		} {
			if f.is {
				got = append(got, f.what)
			}
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, s, tt.want)
		}
	}
}

func TestParseOperand(t *testing.T) {
	none := Operand{Register: NoRegister, Base: NoRegister, Index: NoRegister}
	with := func(change func(o *Operand)) Operand {
		o := none
		change(&o)
		return o
	}
	inMemory := func(change func(o *Operand)) Operand {
		return with(func(o *Operand) { o.Kind = Memory; change(o) })
	}
	for text, want := range map[string]Operand{
		"$8":     with(func(o *Operand) { o.Disp = 8 }),
		"$-8":    with(func(o *Operand) { o.Disp = -8 }),
		"$tab+4": with(func(o *Operand) { o.Symbol, o.Disp = "tab", 4 }),
		"%edi": with(func(o *Operand) {
			o.Kind, o.Register, o.Width, o.Named = InRegister, rdi, 32, Set(rdi)
		}),
		"%ah": with(func(o *Operand) {
			o.Kind, o.Register, o.Width, o.High, o.Named = InRegister, rax, 8, true, Set(rax)
		}),
		"%ymm3": with(func(o *Operand) {
			o.Kind, o.Register, o.Width, o.Named = InRegister, xmm0+3, 256, Set(xmm0+3)
		}),
		"%k1":           with(func(o *Operand) { o.Kind, o.Named = InRegister, Set(k0+1) }),
		"%st(1)":        with(func(o *Operand) { o.Kind = InRegister }),
		"%zmm1{%k2}{z}": with(func(o *Operand) { o.Kind, o.Named = InRegister, Set(xmm0+1, k0+2) }),
		"*%rax": with(func(o *Operand) {
			o.Kind, o.Register, o.Width, o.Indirect, o.Named = InRegister, rax, 64, true, Set(rax)
		}),
		".L4":              inMemory(func(o *Operand) { o.Symbol = ".L4" }),
		"f@PLT":            inMemory(func(o *Operand) { o.Symbol, o.Linked = "f", true }),
		"v-4(%rip)":        inMemory(func(o *Operand) { o.Symbol, o.Disp = "v", -4 }),
		"v@GOTPCREL(%rip)": inMemory(func(o *Operand) { o.Symbol, o.GOT = "v", true }),
		"%fs:v@tpoff":      inMemory(func(o *Operand) { o.Symbol, o.Segment, o.Linked = "v", true, true }),
		"-16(%rsp)":        inMemory(func(o *Operand) { o.Disp, o.Base, o.Named = -16, rsp, Set(rsp) }),
		"8(%rax,%rbx,4)":   inMemory(func(o *Operand) { o.Disp, o.Base, o.Index, o.Named = 8, rax, rbx, Set(rax, rbx) }),
		"*tab(,%rdx,8)": inMemory(func(o *Operand) {
			o.Symbol, o.Index, o.Indirect, o.Named = "tab", rdx, true, Set(rdx)
		}),
	} {
		got := parseOperand(text)
		got.text, got.base, got.index, got.scale = "", "", "", ""
		if got != want {
			t.Errorf("%s: got %+v, want %+v", text, got, want)
		}
	}
}

func TestWrites(t *testing.T) {
	for _, tt := range []struct {
		name, text  string
		may, surely RegisterSet
	}{
		{"a move", "movl\t%edi, %eax", Set(rax), Set(rax)},
		{"a store", "movl\t%edi, (%rax)", 0, 0},
		{"a register that calls keep", "movl\t$1, %ebx", 0, 0},
		{"a comparison", "cmpl\t%esi, %edx", 0, 0},
		{"a signed product by one operand", "imull\t%ecx", Set(rax, rdx, rcx), Set(rax, rdx)},
		{"a signed product by one operand in memory", "imulq\t8(%rsp,%rbx,4)", Set(rax, rdx), Set(rax, rdx)},
		{"a signed product without a size", "imul\t%rcx", Set(rax, rdx, rcx), Set(rax, rdx)},
		{"a product by two operands", "imulq\t%rdi, %rsi", Set(rsi), Set(rsi)},
		{"a product by a number", "imulq\t$24, %rdi, %rdi", Set(rdi), Set(rdi)},
		{"a product", "mull\t%ecx", Set(rax, rdx), Set(rax, rdx)},
		{"a product of 64 bits", "mulq\t8(%rdi)", Set(rax, rdx), Set(rax, rdx)},
		{"a product of 16 bits", "mulw\t%cx", Set(rax, rdx), Set(rax, rdx)},
		{"a product of bytes", "mulb\t%cl", Set(rax), Set(rax)},
		{"a product of bytes, without a size", "mul\t%cl", Set(rax), Set(rax)},
		{"a product into two registers", "mulx\t%rdi, %rsi, %rcx", Set(rdi, rsi, rcx), 0},
		{"a product of numbers", "mulsd\t%xmm1, %xmm0", Set(xmm0, xmm0+1), 0},
		{"a division", "idivl\t%esi", Set(rax, rdx), Set(rax, rdx)},
		{"an unsigned division", "divq\t(%rdi)", Set(rax, rdx), Set(rax, rdx)},
		{"a division of bytes", "divb\t%sil", Set(rax), Set(rax)},
		{"a sign extended", "cltd", Set(rdx), Set(rdx)},
		{"a repeated copy", "rep movsq", Set(rcx, rsi, rdi), 0},
		{"a repeated copy without a size", "rep movs", Set(rcx, rsi, rdi), 0},
		{"a copy", "movsl", Set(rcx, rsi, rdi), 0},
		{"a copy of 8 bytes", "movsq", Set(rcx, rsi, rdi), 0},
		{"a copy of 4 bytes, spelled like a move of a number", "movsd", Set(rcx, rsi, rdi), 0},
		{"a copy with its operands", "movsb\t(%rsi), %es:(%rdi)", Set(rcx, rsi, rdi), 0},
		{"a copy with its operands in segments", "movsl\t%ds:(%rsi), %es:(%rdi)", Set(rcx, rsi, rdi), 0},
		{"a copy with its operands without any", "movsw\t(%rsi), (%rdi)", Set(rcx, rsi, rdi), 0},
		{"a byte extended, which is spelled like a copy", "movsbl\t%al, %edx", Set(rdx), Set(rdx)},
		{"a byte in memory extended", "movsbq\t(%rax), %rdx", Set(rdx), Set(rdx)},
		{"a number extended", "movslq\t8(%rdi,%rsi,4), %r8", Set(r8), Set(r8)},
		{"a number of 8 bytes, spelled like a copy", "movsd\t(%rax), %xmm1", Set(xmm0 + 1), Set(xmm0 + 1)},
		{"a number of 4 bytes stored", "movss\t%xmm1, (%rax)", 0, 0},
		{"all vectors", "vzeroupper", allVectors, 0},
		{"a transaction that may abort", "xbegin\t.L2", Set(rax), 0},
		{"registers restored", "xrstor64\t(%rsp)", clobbered, 0},
		{"registers restored from the older area", "fxrstor64\t(%rsp)", clobbered, 0},
		{"a pair of masks", "vp2intersectd\t%zmm1, %zmm0, %k2", Set(xmm0, xmm0+1) | allMasks, 0},
		{"eight blocks", "aesencwide128kl\t(%rsp)", allVectors, 0},
		{"a shadow stack pointer", "incsspq\t%rax", 0, 0},
		{"a store of 64 bytes", "movdir64b\t(%rsi), %rdi", Set(rsi, rdi), 0},
		{"a locked exchange behind two prefixes", "lock xacquire cmpxchgl\t%edx, (%rsp)", Set(rax, rdx), 0},
		{"a system call", "syscall", clobbered, 0},
		{"a mask", "kmovb\t%eax, %k1", Set(rax, k0+1), 0},
		{"an instruction that is not known", "unheard\t%rcx, 8(%rax)", Set(rax, rcx), 0},
		{"a locked exchange, behind a tab", "lock xaddl\t%eax, (%rdi)", Set(rax, rdi), 0},
		{"a locked exchange, behind a space", "lock xaddl %eax, (%rdi)", Set(rax, rdi), 0},
		{"a locked exchange with rax", "lock cmpxchgl\t%ecx, (%rsp)", Set(rax, rcx), 0},
		{"a locked addition", "lock addl\t%ecx, (%rdi)", 0, 0},
		{"a jump by a pointer", "notrack jmp\t*%rax", Set(rax), 0},
		{"a jump in the function", "bnd jmp\t.L3", 0, 0},
		{"a bit searched", "bsrl\t%esi, %edx", Set(rdx), Set(rdx)},
		{"a bit searched, spelled like a repetition", "rep bsfl\t%esi, %edx", Set(rcx, rdx), Set(rdx)},
		{"a repetition that stands alone", "rep", Set(rcx), 0},
	} {
		if may, surely := (x86{}).Writes(statementOf(tt.text)); may != tt.may || surely != tt.surely {
			t.Errorf("%s: %x and %x, want %x and %x", tt.name, may, surely, tt.may, tt.surely)
		}
	}
}

// TestFamilies: each stem stands once, so that no row hides another.
func TestFamilies(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range families {
		if seen[r.stem] {
			t.Errorf("%q stands twice", r.stem)
		}
		seen[r.stem] = true
		if found := instructions().family(r.stem); found.stem != r.stem {
			t.Errorf("%q is found as %q", r.stem, found.stem)
		}
	}
	for _, r := range single {
		if instructions().find(r.stem).stem != r.stem || seen["="+r.stem] {
			t.Errorf("%q is not found, or stands twice", r.stem)
		}
		seen["="+r.stem] = true
	}
}
