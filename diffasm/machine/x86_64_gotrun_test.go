package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/arch"
	"gocare/internal/test/testkit"
)

// gotSteps are instructions on the variable v of 16 bytes, and on the pointer to a function p.
var gotSteps = []string{
	"movq v(%rip), %rdi", "movl v+4(%rip), %r9d", "movzbl v+3(%rip), %ecx", "movslq v(%rip), %rax", "movb v(%rip), %al", "movb %ah, v+1(%rip)",
	"movl $7, v(%rip)", "addq %rax, v(%rip)", "addl v(%rip), %ebx", "cmpq $0, v(%rip)", "cmpl %ecx, v(%rip)", "incl v(%rip)", "negq v+8(%rip)",
	"adcl $3, v(%rip)", "sbbq v(%rip), %rdx", "testb $4, v+2(%rip)", "cmovaq v(%rip), %rsi", "setc v+5(%rip)", "btsl $9, v(%rip)",
	"lock addl $1, v(%rip)", "lock; xaddl %eax, v(%rip)", "lock cmpxchgl %ecx, v(%rip)", "cmpxchgq %rbx, v(%rip)", "lock cmpxchg16b v(%rip)",
	"xchgl %eax, v(%rip)", "mull v(%rip)", "imulq v(%rip), %rdx", "imull $3, v(%rip), %eax", "xorl %edx, %edx; divl v(%rip)", "cqto; idivq v+8(%rip)",
	"shll %cl, v(%rip)", "sarq v(%rip)", "rolw $3, v(%rip)", "popcntl v(%rip), %eax", "bsfl v(%rip), %edx", "movsd v(%rip), %xmm0", "addsd v(%rip), %xmm0",
	"cvtsi2sdl v(%rip), %xmm0", "cvttsd2si v(%rip), %eax", "paddd v(%rip), %xmm0", "pshufd $27, v(%rip), %xmm0", "ucomisd v(%rip), %xmm0", "movaps %xmm0, v(%rip)",
	"fildl v(%rip); fistpl v+8(%rip)", "movq v+8(%rip), %rax; movq %rax, -16(%rsp)", "movl -8(%rsp), %eax; addl %eax, v(%rip)",
	"addq v(%rip), %rax; movq %rax, -24(%rsp)", "movq %rdi, v(%rip); cmpq -16(%rsp), %rdi", "pushq v(%rip); popq %rsi", "pushq v+8(%rip); popq v2(%rip)",
	"leaq v(%rip), %rdi; subq %rdi, %rdi", "leaq v+4(%rip), %rcx; movl (%rcx), %ecx", "call *p(%rip)", "callq *p(%rip)", "vpaddd v(%rip), %xmm0, %xmm0",
}

// gotCase sets registers, flags and the red zone, takes a step, and stores all of them.
const gotCase = `
	.globl case%[1]d
	.type case%[1]d, @function
case%[1]d:
	pushq %%rbx; pushq %%rbp; pushq %%r12; pushq %%r13; pushq %%r14; pushq %%r15
	movq %%rdi, saved(%%rip)
	movq %%rsp, saved+8(%%rip)
	andq $-64, %%rsp; movq %%rsp, saved+24(%%rip)
	pushq flags(%%rip)
	popfq
%[2]s	movq $0x1122334455667788, %%rax; movq $3, %%rcx; movq $0x55667788, %%rdx; movq $0x99aabbccddee, %%rbx; movq $-5, %%rsi; movq $77, %%rdi; movq $88, %%r8; movq $99, %%r9
	movq $10, %%r10; movq $11, %%r11; movq $12, %%r12; movq $13, %%r13
	movsd init(%%rip), %%xmm0
STEPS	movq %%rdi, saved+16(%%rip)
	movq saved(%%rip), %%rdi
	movq %%rax, (%%rdi); movq %%rcx, 8(%%rdi); movq %%rdx, 16(%%rdi); movq %%rbx, 24(%%rdi); movq %%rsi, 32(%%rdi); movq %%r8, 40(%%rdi); movq %%r9, 48(%%rdi)
	movq %%r10, 56(%%rdi); movq %%r12, 64(%%rdi); movq %%r13, 72(%%rdi); movups %%xmm0, 80(%%rdi)
	movq saved+16(%%rip), %%rax; movq %%rax, 96(%%rdi)
%[3]s	pushfq
	popq 104(%%rdi)
	movq %%rsp, %%rax; subq saved+24(%%rip), %%rax; movq %%rax, 112(%%rdi)
	movq saved+8(%%rip), %%rsp
	popq %%r15; popq %%r14; popq %%r13; popq %%r12; popq %%rbp; popq %%rbx
	ret
	.size case%[1]d, .-case%[1]d
`

const gotMain = `
#include <stdio.h>
#include <string.h>
long v[2] __attribute__((aligned(16))), v2, saved[4], flags;
double init = 2.5;
long called(void) { v[0]++; return 42; }
void *p = called;
extern void (*const cases[])(long *);
extern const int count;
int main(void)
{
	static long out[32];
	for (int i = 0; i < count; i++)
		for (int k = 0; k < 16; k++) {
			flags = 0x202 | ((k * 0x155) & 0x8d5);
			v[0] = 0x4010000012345678; v[1] = 0x33; v2 = 0;
			memset(out, 0, sizeof out);
			cases[i](out);
			printf("%d", i);
			for (int k = 0; k < 31; k++)
				printf(" %lx", out[k]);
			printf(" %lx %lx %lx\n", v[0], v[1], v2);
		}
	return 0;
}
`

// TestThroughGOTRuns takes every step both ways from the same state: registers, flags, memory and red zone have to be the
// same afterwards.
func TestThroughGOTRuns(t *testing.T) {
	testkit.Require(t, "gcc")
	var set, get, list strings.Builder
	for at := -128; at < 0; at += 8 {
		fmt.Fprintf(&set, "\tmovq $%d, %d(%%rsp)\n", at*1001, at)
		fmt.Fprintf(&get, "\tmovq %d(%%rsp), %%rax; movq %%rax, %d(%%rdi)\n", at, 248+at)
	}
	var direct, through strings.Builder
	for i, step := range gotSteps {
		zone, steps := get.String(), "\t"+strings.ReplaceAll(step, "; ", "\n\t")+"\n"
		if strings.HasPrefix(step, "call") || strings.HasPrefix(step, "push") {
			zone = "" // what they write below the stack pointer is theirs
		}
		text := fmt.Sprintf(gotCase, i, set.String(), zone)
		fmt.Fprintf(&list, "\t.quad case%d\n", i)
		direct.WriteString(strings.Replace(text, "STEPS", steps, 1))
		rewritten := string(For(arch.Default()).ThroughGOT([]byte(steps), []string{"v", "v2", "p"}))
		if rewritten == steps && !strings.HasSuffix(step, "popq v2(%rip)") {
			t.Errorf("%s: left alone", step)
		}
		through.WriteString(strings.Replace(text, "STEPS", rewritten, 1))
	}
	tail := fmt.Sprintf("\t.section .data.rel.ro,\"aw\"\n\t.globl cases, count\ncases:\n%scount:\t.long %d\n\t.section .note.GNU-stack,\"\",@progbits\n", list.String(), len(gotSteps))
	run := func(name, text string) []string {
		dir := t.TempDir()
		testkit.WriteFile(t, filepath.Join(dir, "main.c"), gotMain)
		testkit.WriteFile(t, filepath.Join(dir, name+".s"), "\t.text\n"+text+tail)
		testkit.Run(t, dir, "gcc", "-O1", "-o", "run", "main.c", name+".s")
		testkit.Run(t, dir, "sh", "-c", "./run > out")
		out, err := os.ReadFile(filepath.Join(dir, "out"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(string(out), "\n")
	}
	want, got := run("direct", direct.String()), run("through", through.String())
	if len(want) != len(got) || len(want) < len(gotSteps) {
		t.Fatalf("%d lines and %d", len(want), len(got))
	}
	for i := range want {
		if want[i] != got[i] {
			var n int
			fmt.Sscan(want[i], &n)
			t.Fatalf("%s:\ndirectly        %s\nthrough the GOT %s", gotSteps[n], want[i], got[i])
		}
	}
}
