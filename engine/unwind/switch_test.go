package unwind

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gocare/internal/elfobj"
	"gocare/internal/test/testkit"
)

// stackCode is functions with what they do to their stacks. Those of which the name begins with "switch" switch it.
var stackCode = []struct{ name, text string }{
	{"switch_libco", "push %rbp\npush %rbx\nmov %rsp,(%rdi)\nmov %rsi,%rsp\npop %rbx\npop %rbp\nret"},
	{"switch_memory", "mov %rsp,8(%rdi)\nmov 8(%rsi),%rsp\nmov 16(%rsi),%rbp\njmp *(%rsi)"},
	{"switch_boost", "lea -0x38(%rsp),%rsp\nmov %rbp,0x28(%rsp)\nmov %rsp,%rax\nmov %rdi,%rsp\nmov 0x30(%rsp),%r8\nmov 0x28(%rsp),%rbp\nlea 0x38(%rsp),%rsp\njmp *%r8"},
	{"switch_exchange", "push %rbp\nxchg %rsp,(%rdi)\npop %rbp\nret"},
	{"switch_exchange_registers", "xchg %rsp,%rdi\nret"},
	{"switch_exchange_rax", "mov %rsp,(%rsi)\nmov %rdi,%rax\nxchg %rax,%rsp\nret"},
	{"switch_pop", "mov %rsp,(%rdi)\npush %rsi\npop %rsp\nret"},
	{"switch_lea", "mov %rsp,(%rdi)\nlea 16(%rsi),%rsp\nret"},
	{"switch_leave", "push %rbp\nmov %rsp,(%rdi)\nmov %rsi,%rbp\nleave\nret"},
	{"switch_rip", "mov %rsp,from(%rip)\nmov to(%rip),%rsp\nret"},
	{"switch_indexed", "mov %rsp,(%rdi,%rsi,8)\nmov (%rdi,%rdx,8),%rsp\nret"},
	{"switch_overwritten", "mov %rsp,%rax\nmov %rax,(%rdi)\nmov (%rsi),%rax\nmov %rax,%rsp\nret"},
	{"switch_on_one_way", "mov %rsp,%rax\ntest %rdi,%rdi\nje 1f\nmov %rdi,%rax\n1: mov %rax,%rsp\nret"},
	{"switch_after_avx", "vpaddd %ymm1,%ymm2,%ymm3\nvmovdqu64 %zmm1,64(%rdi)\nmov %rsp,(%rdi)\nmov %rsi,%rsp\nret"},
	{"switch_result", "push %rbp\nmov %rsp,%rbp\nmov %rsp,%rax\nmov %rax,(%rdi)\ncall give@PLT\nmov %rax,%rsp\nret"},
	{"switch_result_tail", "mov %rsp,%rax\nmov %rax,(%rdi)\ncall tail\nmov %rax,%rsp\nret"},
	{"tail", "jmp give@PLT"},
	{"switch_slot", "push %rbp\nmov %rsp,%rbp\nmov %rdi,-8(%rbp)\nmov -8(%rbp),%rsp\nret"},
	{"switch_conditional", "mov %rsp,(%rdi)\ntest %rsi,%rsi\ncmovne %rsi,%rsp\nret"},
	{"switch_or", "mov %rsp,(%rdi)\nxor %rsp,%rsp\nor %rsi,%rsp\nret"},
	{"switch_add", "mov %rsp,(%rdi)\nmov (%rsi),%rax\nsub %rsp,%rax\nadd %rax,%rsp\nret"},
	{"switch_add_memory", "mov %rsp,(%rdi)\nadd 8(%rsi),%rsp\nret"},
	{"switch_thread_local", "mov %rsp,%fs:0\nmov %fs:8,%rsp\nret"},
	{"vla", "push %rbp\nmov %rsp,%rbp\npush %rbx\nsub $24,%rsp\nmov %rsp,%rbx\nsub %rdi,%rsp\ncall give@PLT\nmov %rbx,%rsp\nmov -8(%rbp),%rbx\nleave\nret"},
	{"vla_kept", "push %rbp\nmov %rsp,%rbp\nsub $16,%rsp\nmov %rsp,%rax\nmov %rax,-8(%rbp)\nsub %rdi,%rsp\ncall give@PLT\nmov -8(%rbp),%rsp\nleave\nret"},
	{"aligned", "lea 8(%rsp),%r10\nand $-64,%rsp\npush -8(%r10)\npush %rbp\nmov %rsp,%rbp\npush %r10\nsub $104,%rsp\ncall give@PLT\nmov -8(%rbp),%r10\nleave\nlea -8(%r10),%rsp\nret"},
	{"restored_from_frame", "push %rbp\nmov %rsp,%rbp\npush %rbx\nlea -8(%rbp),%rsp\npop %rbx\npop %rbp\nret"},
	{"eh_return", "push %rbp\nmov %rsp,%rbp\ncall give@PLT\nmov %rax,%rcx\nlea 8(%rbp,%rcx,1),%rcx\nmov 0(%rbp),%rbp\nmov %rcx,%rsp\npop %rcx\njmp *%rcx"},
	{"kept_by_callee", "lea (%rsp),%rax\nand $-64,%rsp\ncall leaves_rax\nlea (%rax),%rsp\nret"},
	{"leaves_rax", "mov (%rdi),%rdx\nadd %rdx,%rsi\nret"},
	{"handler", "push %rbx\nmov %rsp,%rbx\nsub %rdi,%rsp\ncall give@PLT\nmov %rbx,%rsp\npop %rbx\nret\nmov %rbx,%rsp\ncall give@PLT"},
	{"room", "push %rbp\nmov %rsp,%rbp\njmp 2f\nnopw 0(%rax,%rax)\n1: dec %rdi\n2: test %rdi,%rdi\njne 1b\nleave\nret"},
	{"not_returning", "mov %rsp,%rbx\ntest %rdi,%rdi\nje 1f\nxor %ebx,%ebx\ncall give@PLT\n1: mov %rbx,%rsp\nret"},
	{"data_in_code", "mov 0x5c89(%rip),%rax\nmovabs $0xdc89481234,%rax\nmov %rbx,8(%rsp)\nret"},
	{"interrupt", "push $43\npush %rsi\npushf\npush $51\npush %rdx\niretq"},
	{"room_given_back", "mov %rsp,%r11\nand $31,%r11\nadd $256,%r11\nsub %r11,%rsp\ncall give@PLT\nadd %r11,%rsp\nret"},
	{"probe", "push %rbp\nmov %rsp,%rbp\nmov %rax,%r11\nsub %r11,%rsp\ntest %rsp,8(%rsp)\nadd %rax,%rsp\nleave\nret"},
	{"shifted", "mov %rsp,%rbx\nshr $4,%rsp\nshl $4,%rsp\ncall give@PLT\nmov %rbx,%rsp\nret"},
	{"room_in_memory", "push %rbp\nmov %rsp,%rbp\nsub (%rdi),%rsp\ncall give@PLT\nleave\nret"},
	{"pushed", "push %rbp\nmov %rsp,%r11\nand $-32,%rsp\npush %r11\npop %rsp\npop %rbp\nret"},
}

// TestSwitches: what switches stacks is found in functions that are known and in code of which nothing is known; what only comes back to a frame of
// its own is not.
func TestSwitches(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("its code is that of x86-64")
	}
	testkit.Require(t, "gcc")
	f := assemble(t)
	text := f.Section(".text")
	for _, s := range f.Symbols {
		if s.Type != elf.STT_FUNC || s.Size == 0 || !s.Defined() {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			want := strings.HasPrefix(s.Name, "switch")
			code := Code{Bytes: text.Data, At: text.Addr, Extent: func(addr uint64) Extent { return around(f, addr) }}
			at := x86.Switches(&code)
			if got := slices.ContainsFunc(at, func(addr uint64) bool { return addr-s.Value < s.Size }); got != want {
				t.Errorf("known: %v, want %v", got, want)
			}
			code = Code{Bytes: text.Data[s.Value-text.Addr:][:s.Size], At: s.Value, Extent: func(uint64) Extent { return Extent{End: ^uint64(0)} }}
			if got := x86.Switches(&code); want && len(got) == 0 {
				t.Error("not found where nothing is known")
			}
		})
	}
}

// TestSwitchesUnknown: code of which nothing is known goes back to the frame that it kept before, however far away; another function's frame is none
// of it.
func TestSwitchesUnknown(t *testing.T) {
	far := bytes.Repeat([]byte{0x90}, 2*window)
	aligned := []byte{0x49, 0x89, 0xe7, 0x48, 0x83, 0xe4, 0xe0, 0xff, 0xe0}      // mov %rsp,%r15; and $-32,%rsp; jmp *%rax
	called := []byte{0x48, 0x89, 0xe7, 0x48, 0x83, 0xe4, 0xf0, 0xe8, 0, 0, 0, 0} // mov %rsp,%rdi; and $-16,%rsp; call
	ends := []byte{0xf4}                                                         // hlt
	for _, row := range []struct {
		name string
		code [][]byte
		want bool
	}{
		{"goes back", [][]byte{aligned, far, {0x4c, 0x89, 0xfc, 0xc3}}, false},                          // mov %r15,%rsp; ret
		{"goes back by the frame", [][]byte{aligned, far, {0x48, 0x8b, 0x64, 0x24, 0x20, 0xc3}}, false}, // mov 32(%rsp),%rsp; ret
		{"keeps nothing", [][]byte{far, {0x4c, 0x89, 0xfc, 0xc3}}, true},
		{"keeps another register", [][]byte{aligned, far, {0x4c, 0x89, 0xf4, 0xc3}}, true},                  // mov %r14,%rsp; ret
		{"after a function", [][]byte{called, ends, far, {0x48, 0x89, 0x26, 0x48, 0x89, 0xfc, 0xc3}}, true}, // mov %rsp,(%rsi); mov %rdi,%rsp; ret
		{"after a call that does not return", [][]byte{called, far, {0x48, 0x89, 0x26, 0x48, 0x89, 0xfc, 0xc3}}, true},
	} {
		code := Code{Bytes: slices.Concat(row.code...), At: 0x1000, Extent: func(uint64) Extent { return Extent{End: ^uint64(0)} }}
		if got := len(x86.Switches(&code)) > 0; got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

// TestSwitchesTooLarge: a function that says it is larger than what is looked at is believed to do what it seems to; one that is smaller is looked at.
func TestSwitchesTooLarge(t *testing.T) {
	for _, row := range []struct {
		name string
		size int
		want bool
	}{{"looked at", LargestFunction, false}, {"too large", LargestFunction + 1, true}} {
		bytes := slices.Concat([]byte{0x48, 0x89, 0xe3}, bytes.Repeat([]byte{0x90}, row.size-7), []byte{0x48, 0x89, 0xdc, 0xc3}) // mov %rsp,%rbx; …; mov %rbx,%rsp; ret
		code := Code{Bytes: bytes, At: 0x1000, Extent: func(uint64) Extent { return Extent{Start: 0x1000, End: 0x1000 + uint64(len(bytes)), Known: true} }}
		if got := len(x86.Switches(&code)) > 0; got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

// TestSwitchesInOperands: bytes of an operand are not taken for instructions where a function is known.
func TestSwitchesInOperands(t *testing.T) {
	bytes := []byte{0x8b, 0x47, 0x5c, 0xb8, 0x48, 0x89, 0xfc, 0xff, 0xc3} // mov 92(%rdi),%eax; mov $0xfffc8948,%eax; ret
	code := Code{Bytes: bytes, At: 0x1000, Extent: func(uint64) Extent { return Extent{Start: 0x1000, End: 0x1000 + uint64(len(bytes)), Known: true} }}
	if got := x86.Switches(&code); len(got) > 0 {
		t.Errorf("found at %#x", got)
	}
}

// TestX86SizeAgrees: what tells the length of most instructions fast says what taking them apart says.
func TestX86SizeAgrees(t *testing.T) {
	code := make([]byte, 16)
	for n := range 1 << 20 {
		binary.BigEndian.PutUint32(code, uint32(n)<<12|0x800)
		in, ok := x86Parse(code)
		if got := x86Plain(code); got != 0 && (!ok || got != in.size) {
			t.Fatalf("% x: %d, %v %d", code, got, ok, in.size)
		}
	}
}

// assemble makes a library of stackCode.
func assemble(t *testing.T) *elfobj.File {
	var b strings.Builder
	for _, row := range stackCode {
		fmt.Fprintf(&b, ".type %[1]s,@function\n%[1]s:\n%[2]s\n.size %[1]s,.-%[1]s\n", row.name, row.text)
	}
	b.WriteString(".bss\nfrom: .zero 8\nto: .zero 8\n.section .note.GNU-stack,\"\",@progbits\n")
	dir := t.TempDir()
	testkit.WriteFile(t, filepath.Join(dir, "code.s"), b.String())
	data, err := os.ReadFile(testkit.CC(t, dir, "code.so", "-shared", "-nostdlib", "code.s"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := elfobj.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// around returns the extent of a function by its symbol.
func around(f *elfobj.File, addr uint64) Extent {
	i := slices.IndexFunc(f.Symbols, func(s elfobj.Symbol) bool { return s.Size > 0 && addr >= s.Value && addr-s.Value < s.Size })
	return Extent{Start: f.Symbols[i].Value, End: f.Symbols[i].Value + f.Symbols[i].Size, Known: true}
}

// TestSwitchesA64 has the like in the other machine's words.
func TestSwitchesA64(t *testing.T) {
	for _, row := range []struct {
		name string
		code []uint32
		want bool
	}{
		{"from memory", []uint32{0x910003e9, 0xf9000009, 0xf9400029, 0x9100013f, 0xd65f03c0}, true},                                // mov x9, sp; str x9, [x0]; ldr x9, [x1]; mov sp, x9
		{"from an argument", []uint32{0x910003e9, 0xf9000009, 0x9100003f, 0xd65f03c0}, true},                                       // mov sp, x1
		{"frame pointer from memory", []uint32{0xf9400c1d, 0x910003bf, 0xd65f03c0}, true},                                          // ldr x29, [x0, #24]; mov sp, x29
		{"a frame", []uint32{0xa9be7bfd, 0x910003fd, 0xcb2063ff, 0x910003bf, 0xa8c27bfd, 0xd65f03c0}, false},                       // stp; mov x29, sp; sub sp, sp, x0; mov sp, x29; ldp
		{"kept in the frame", []uint32{0xa9be7bfd, 0x910003fd, 0x910003e1, 0xf9000fa1, 0xf9400fa2, 0x9100005f, 0xd65f03c0}, false}, // mov x1, sp; str x1, [x29, #24]; ldr x2, [x29, #24]; mov sp, x2
		{"kept in a register", []uint32{0x910003f3, 0xcb2063ff, 0x94000010, 0x9100027f, 0xd65f03c0}, false},                        // mov x19, sp; sub sp, sp, x0; bl; mov sp, x19
		{"aligned", []uint32{0x910003e9, 0x927be93f, 0xd65f03c0}, false},                                                           // mov x9, sp; and sp, x9, #-32
	} {
		var bytes []byte
		for _, w := range row.code {
			bytes = binary.LittleEndian.AppendUint32(bytes, w)
		}
		code := Code{Bytes: bytes, At: 0x1000, Extent: func(uint64) Extent { return Extent{Start: 0x1000, End: 0x1000 + uint64(len(bytes)), Known: true} }}
		if got := len(a64.Switches(&code)) > 0; got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}
