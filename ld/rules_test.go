package ld

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

const textHead = "\t.section .kpatch.text,\"ax\",@progbits\n\t.type f.kpnew,@function\nf.kpnew:\n"

// newFunction makes a unit of one new function.
func (b *build) newFunction(t *testing.T, unit, body string) Unit {
	t.Helper()
	asm := textHead + body + "\n\t.size f.kpnew,.-f.kpnew\n"
	return b.assemble(t, unit, asm, []UnitFunction{{Name: "f", Symbol: "f.kpnew"}})
}

// tryJoin is join for units that may be refused.
func tryJoin(o *Original, units ...Unit) (*Joined, error) {
	var resolved []*Resolved
	for _, u := range units {
		r, err := o.Resolve(u)
		if err != nil {
			return nil, err
		}
		resolved = append(resolved, r)
	}
	return Join(o, resolved)
}

// describe lists the relocations of a joined object, with names for addresses of the original.
func describe(o *Original, j *Joined) string {
	names := map[uint64]string{}
	for _, s := range o.bin.Symbols {
		if s.Defined() && s.Name != "" && s.Value != 0 && (names[s.Value] == "" || names[s.Value] > s.Name) {
			names[s.Value] = s.Name
		}
	}
	var lines []string
	for _, sec := range j.Sections {
		for _, r := range sec.Relocs {
			to := "?"
			switch r.Target.Kind {
			case InPatch:
				to = fmt.Sprintf("%s+0x%x", j.Sections[r.Target.Index].Name, r.Target.Offset)
			case InOriginal:
				s := j.Originals[r.Target.Index]
				if to = names[s.Addr+r.Target.Offset]; to == "" {
					to = "in " + s.Name
				}
			case Imported:
				i := j.Imports[r.Target.Index]
				to = strings.TrimSuffix(fmt.Sprintf("import %v %s@%s", i.Type, i.Name, i.Version), "@")
			}
			lines = append(lines, fmt.Sprintf("%s+0x%x %s %s %+d", sec.Name, r.Offset, strings.TrimPrefix(r.Type.String(), "R_X86_64_"), to, r.Addend))
		}
	}
	return strings.Join(lines, "\n")
}

type rule struct {
	name string
	body string     // of a new function
	code fault.Code // of the refusal, or
	want string     // the relocations, and
	text string     // the first bytes of the code, in hex
}

func checkRules(t *testing.T, b *build, o *Original, unit string, rules []rule) {
	t.Helper()
	for _, tt := range rules {
		t.Run(tt.name, func(t *testing.T) {
			t.Helper()
			j, err := tryJoin(o, b.newFunction(t, unit, tt.body))
			if tt.code != "" {
				checkRefusal(t, err, tt.code)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimSpace(tt.want), describe(o, j)); diff != "" {
				t.Errorf("relocations (-want +got):\n%s", diff)
			}
			if got := fmt.Sprintf("%x", j.Sections[0].Data); !strings.HasPrefix(got, strings.ReplaceAll(tt.text, " ", "")) {
				t.Errorf("code %s, want %s", got, tt.text)
			}
		})
	}
}

func checkRefusal(t *testing.T, err error, code fault.Code) {
	t.Helper()
	f := fault.As(err)
	if f == nil || f.Kind != fault.Refused || f.Code != code {
		t.Fatalf("got error %v, want a refusal with code %s", err, code)
	}
	if f.Where == "" {
		t.Errorf("refusal %q does not say where", f.Error())
	}
}

// TestRulesPIE has no linker to compare with: these are references that the original does not make.
func TestRulesPIE(t *testing.T) {
	b := linkProgram(t, compile(t, "-O2"))
	o := b.open(t)
	checkRules(t, b, o, "main", []rule{
		{name: "call of a function of the original", body: "call helper", want: ".kpatch.text+0x1 PC32 helper -4", text: "e8"},
		{name: "jump to a function of the original", body: "jmp use_tls", want: ".kpatch.text+0x1 PC32 use_tls -4", text: "e9"},
		{name: "static variable", body: "mov %eax, cnt(%rip)", want: ".kpatch.text+0x2 PC32 cnt -4"},
		{name: "variable with an immediate behind it", body: "movl $7, cnt(%rip)", want: ".kpatch.text+0x2 PC32 cnt -8"},
		{name: "hidden variable of another input", body: "mov hidden_var(%rip), %eax", want: ".kpatch.text+0x2 PC32 hidden_var -4"},
		{name: "copied variable", body: "mov stderr(%rip), %rax", want: ".kpatch.text+0x3 PC32 stderr -4"},
		{name: "import with a stub", body: "call rand@PLT", want: ".kpatch.text+0x1 PC32 in .plt -4"},
		{name: "import with a slot", body: "call *malloc@GOTPCREL(%rip)", want: ".kpatch.text+0x2 PC32 in .got -4", text: "ff15"},
		{name: "IFUNC", body: "call static_ifunc", want: ".kpatch.text+0x1 PC32 in .plt -4"},
		{name: "new import", body: "call getppid@PLT", want: ".kpatch.text+0x1 PC32 import STT_FUNC getppid -4"},
		{name: "new import without @PLT", body: "jmp getppid", want: ".kpatch.text+0x1 PC32 import STT_FUNC getppid -4"},
		{name: "new import through the GOT", body: "call *getppid@GOTPCREL(%rip)", want: ".kpatch.text+0x2 PC32 import STT_FUNC getppid +4", text: "ff15"},
		{name: "new data import through the GOT", body: "mov optarg@GOTPCREL(%rip), %rax", want: ".kpatch.text+0x3 PC32 import STT_OBJECT optarg +4", text: "488b05"},
		{name: "address of a new import", body: "lea optarg(%rip), %r9", want: ".kpatch.text+0x3 PC32 import STT_OBJECT optarg +4", text: "4c8b0d"},
		{name: "direct access to a new import", body: "mov optarg(%rip), %rax", code: "direct-import"},
		{name: "direct store to a new import", body: "movl $1, optind(%rip)", code: "direct-import"},
		{name: "import of unknown type in data", body: "ret\n\t.section .kpatch.data,\"aw\",@progbits\n\t.quad getppid\n\t.section .kpatch.text", want: ".kpatch.data+0x0 GLOB_DAT import STT_OBJECT getppid +0"},
		{name: "middle of an import in data", body: "ret\n\t.section .kpatch.data,\"aw\",@progbits\n\t.quad fmod+8\n\t.section .kpatch.text", want: ".kpatch.data+0x0 GLOB_DAT import STT_OBJECT fmod@GLIBC_2.2.5 +8"},
		{name: "import of known type in data", body: "ret\n\t.section .kpatch.data,\"aw\",@progbits\n\t.quad fmod\n\t.section .kpatch.text", want: ".kpatch.data+0x0 64 import STT_FUNC fmod@GLIBC_2.2.5 +0"},
		{name: "pointer in data", body: "ret\n\t.section .kpatch.data,\"aw\",@progbits\n\t.quad table+8\n\t.section .kpatch.text", want: ".kpatch.data+0x0 64 table +8"},
		{name: "mov from the GOT", body: "mov exported@GOTPCREL(%rip), %r12", want: ".kpatch.text+0x3 PC32 exported -4", text: "4c8d25"},
		{name: "mov from the GOT, 32 bits", body: "mov exported@GOTPCREL(%rip), %eax", want: ".kpatch.text+0x2 PC32 exported -4", text: "8d05"},
		{name: "call through the GOT", body: "call *use_tls@GOTPCREL(%rip)", want: ".kpatch.text+0x2 PC32 use_tls -4", text: "67e8"},
		{name: "jump through the GOT", body: "jmp *use_tls@GOTPCREL(%rip)", want: ".kpatch.text+0x1 PC32 use_tls -4", text: "e9 00000000 90"},
		{name: "compare with the GOT", body: "cmp exported@GOTPCREL(%rip), %rax", want: ".kpatch.text+0x3 PC32 .kpatch.data+0x0 -4\n.kpatch.data+0x0 64 exported +0", text: "483b05"},
		{name: "one slot for two", body: "cmp exported@GOTPCREL(%rip), %rax\n\ttest %rax, exported@GOTPCREL(%rip)", want: ".kpatch.text+0x3 PC32 .kpatch.data+0x0 -4\n.kpatch.text+0xa PC32 .kpatch.data+0x0 -4\n.kpatch.data+0x0 64 exported +0"},
		{name: "compare of the GOT with an immediate", body: "cmpq $0, exported@GOTPCREL(%rip)", want: ".kpatch.text+0x3 PC32 .kpatch.data+0x0 -5\n.kpatch.data+0x0 64 exported +0"},
		{name: "weak and absent, tested", body: "\t.weak nowhere\n\tcmpq $0, nowhere@GOTPCREL(%rip)", want: ".kpatch.text+0x3 PC32 .kpatch.data+0x0 -5"},
		{name: "weak and absent, called", body: "\t.weak nowhere\n\tcall nowhere", want: "", text: "0f0b 0f1f00"},
		{name: "weak and absent, accessed", body: "\t.weak nowhere\n\tmov nowhere(%rip), %eax", code: "weak-undefined"},
		{name: "within the code", body: "call 1f\n1:\tret", want: "", text: "e800000000c3"},
		{name: "constant", body: "mov .LC0(%rip), %eax\n\t.section .kpatch.rodata,\"a\",@progbits\n\t.zero 8\n.LC0:\t.long 1\n\t.section .kpatch.text", want: ".kpatch.text+0x2 PC32 .kpatch.rodata+0x0 +4"},
		{name: "32-bit address", body: "mov $cnt, %eax", code: "absolute-reference"},
		{name: "64-bit distance", body: ".quad cnt-.", code: "unsupported-relocation"},
		{name: "GOT offset", body: "movabs $cnt@GOTOFF, %rax", code: "unsupported-relocation"},
		{name: "size of a symbol", body: "mov $cnt@SIZE, %eax", code: "unsupported-relocation"},
		{name: "local-exec", body: "mov %fs:tls_static@tpoff, %eax", want: "", text: "648b0425"},
		{name: "initial-exec", body: "mov tls_static@gottpoff(%rip), %r12", want: "", text: "49c7c4"},
		{name: "initial-exec, add", body: "add tls_static@gottpoff(%rip), %r13", want: "", text: "4d8dad"},
		{name: "initial-exec, add to r12", body: "add tls_static@gottpoff(%rip), %r12", want: "", text: "4981c4"},
		{name: "initial-exec, other instruction", body: "cmp tls_static@gottpoff(%rip), %rax", want: ".kpatch.text+0x3 PC32 .kpatch.data+0x0 -4", text: "483b05"},
		{name: "ordinary access to a thread-local variable", body: "mov tls_static(%rip), %eax", code: "unsupported-relocation"},
		{name: "thread-local import", body: "mov elsewhere@gottpoff(%rip), %rax", code: "new-tls-slot"},
		{name: "local-exec of an import", body: "mov %fs:elsewhere@tpoff, %eax", code: "tls-model"},
		{name: "thread-local offset as data", body: "ret\n\t.section .kpatch.data,\"aw\",@progbits\n\t.quad tls_static@dtpoff\n\t.section .kpatch.text", code: "unsupported-relocation"},
		{name: "new thread-local variable", body: "ret\n\t.section .tbss,\"awT\",@nobits\n\t.zero 4\n\t.section .kpatch.text", code: "new-tls-variable"},
		{name: "label of another object", body: "lea .LC99(%rip), %rax", code: "local-label"},
		{
			name: "two versions of a new import", body: "\t.symver one,memcpy@GLIBC_2.2.5\n\t.symver two,memcpy@GLIBC_2.14\n\tcall one\n\tcall two",
			want: ".kpatch.text+0x1 PC32 import STT_FUNC memcpy@GLIBC_2.2.5 -4\n.kpatch.text+0x6 PC32 import STT_FUNC memcpy@GLIBC_2.14 -4",
		},
		{name: "address of a lazily bound import", body: "mov rand@GOTPCREL(%rip), %rax", want: ".kpatch.text+0x3 PC32 import STT_FUNC rand@GLIBC_2.2.5 +4"},
		{name: "local-exec, far away", body: "mov %fs:tls_static@tpoff-0x7fffffff, %eax", code: "out-of-range"},
		{name: "another version of an import", body: "\t.symver old_malloc,malloc@GLIBC_2.99\n\tcall old_malloc", want: ".kpatch.text+0x1 PC32 import STT_FUNC malloc@GLIBC_2.99 -4"},
		{name: "new import with a version", body: "\t.symver old_memcpy,memcpy@GLIBC_2.2.5\n\tcall old_memcpy", want: ".kpatch.text+0x1 PC32 import STT_FUNC memcpy@GLIBC_2.2.5 -4"},
		{name: "foreign section", body: "ret\n\t.data\n\t.long 1\n\t.section .kpatch.text", code: "unknown-section"},
	})
}

func TestRulesShared(t *testing.T) {
	b := linkProgram(t, compile(t, "-O2", "-fPIC"), "-shared")
	o := b.open(t)
	checkRules(t, b, o, "main", []rule{
		{name: "exported function", body: "call public_helper@PLT", want: ".kpatch.text+0x1 PC32 in .plt -4"},
		{name: "exported function without a stub", body: "call never_called_by_anyone@PLT", want: ".kpatch.text+0x1 PC32 import STT_FUNC never_called_by_anyone -4"},
		{name: "exported variable", body: "mov exported@GOTPCREL(%rip), %rax", want: ".kpatch.text+0x3 PC32 in .got -4", text: "488b05"},
		{name: "exported variable, directly", body: "mov exported(%rip), %eax", code: "direct-import"},
		{name: "exported variable in data", body: "ret\n\t.section .kpatch.data,\"aw\",@progbits\n\t.quad exported+2\n\t.section .kpatch.text", want: ".kpatch.data+0x0 GLOB_DAT import STT_OBJECT exported +2"},
		{name: "hidden function", body: "call hidden_global", want: ".kpatch.text+0x1 PC32 hidden_global -4"},
		{name: "exported variable without a slot", body: "mov unused_export@GOTPCREL(%rip), %rax", want: ".kpatch.text+0x3 PC32 import STT_OBJECT unused_export +4"},
		{name: "32-bit address", body: "mov $cnt, %eax", code: "absolute-reference"},
		{name: "general-dynamic", body: "data16 lea tls_exported@tlsgd(%rip), %rdi", want: ".kpatch.text+0x4 PC32 in .got -4", text: "66488d3d"},
		{name: "general-dynamic without a slot", body: "data16 lea unused_tls@tlsgd(%rip), %rdi", code: "new-tls-slot"},
		{name: "initial-exec without a slot", body: "mov tls_exported@gottpoff(%rip), %rax", code: "new-tls-slot"},
		{name: "local-exec", body: "mov %fs:tls_static@tpoff, %eax", code: "tls-model"},
		{name: "descriptor without a slot", body: "lea tls_exported@tlsdesc(%rip), %rax", code: "new-tls-slot"},
		{name: "descriptor call without a slot", body: "call *tls_exported@tlscall(%rax)", code: "new-tls-slot"},
	})
}

func TestRulesFixed(t *testing.T) {
	b := linkProgram(t, compile(t, "-O2", "-fno-pie"), "-no-pie")
	o := b.open(t)
	checkRules(t, b, o, "main", []rule{
		{name: "32-bit address", body: "mov $cnt, %eax", want: ".kpatch.text+0x1 32 cnt +0"},
		{name: "32-bit signed address", body: "mov table(,%rax,4), %eax", want: ".kpatch.text+0x3 32S table +0"},
		{name: "32-bit address of an import", body: "mov $getppid, %eax", code: "direct-import"},
		{name: "32-bit address of an import with a fixed address", body: "mov $malloc, %eax", want: ".kpatch.text+0x1 32 in .plt +0"},
	})
	static := linkProgram(t, b.dir, "-static")
	checkRules(t, static, static.open(t), "main", []rule{
		{name: "import in a static executable", body: "call no_such_function", code: "undefined-symbol"},
		{name: "library function in a static executable", body: "call printf", want: ".kpatch.text+0x1 PC32 _IO_printf -4"},
	})
}

// TestRulesOfSlots: what the original has in its GOT depends on how it was linked.
func TestRulesOfSlots(t *testing.T) {
	now := linkProgram(t, compile(t, "-O2"), "-Wl,-z,now")
	checkRules(t, now, now.open(t), "main", []rule{
		{name: "address of a bound import", body: "mov rand@GOTPCREL(%rip), %rax", want: ".kpatch.text+0x3 PC32 in .got -4"},
	})
	noPLT := linkProgram(t, compile(t, "-O2", "-fno-plt"))
	checkRules(t, noPLT, noPLT.open(t), "main", []rule{
		{name: "IFUNC through its slot", body: "call *static_ifunc@GOTPCREL(%rip)", want: ".kpatch.text+0x2 PC32 in .got -4", text: "ff15"},
		{name: "IFUNC without a stub", body: "call static_ifunc", code: "ifunc-without-stub"},
		{name: "import without a stub", body: "call rand@PLT", want: ".kpatch.text+0x1 PC32 import STT_FUNC rand@GLIBC_2.2.5 -4"},
	})
}

// TestLibraries: the shared libraries of the link give type and version of a new import.
func TestLibraries(t *testing.T) {
	b := linkProgram(t, compile(t, "-O2"))
	for _, name := range []string{"libc.so.6", "libm.so.6"} {
		path := strings.TrimSpace(testkit.Run(t, b.dir, "gcc", "-print-file-name="+name))
		lib, err := elfobj.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		b.objects = append(b.objects, Object{Path: path, File: lib})
	}
	checkRules(t, b, b.open(t), "main", []rule{
		{name: "function in data", body: "ret\n\t.section .kpatch.data,\"aw\",@progbits\n\t.quad getppid\n\t.section .kpatch.text", want: ".kpatch.data+0x0 64 import STT_FUNC getppid@GLIBC_2.2.5 +0"},
		{name: "variable in data", body: "ret\n\t.section .kpatch.data,\"aw\",@progbits\n\t.quad optarg+4\n\t.section .kpatch.text", want: ".kpatch.data+0x0 GLOB_DAT import STT_OBJECT optarg@GLIBC_2.2.5 +4"},
		{name: "variable", body: "mov optarg@GOTPCREL(%rip), %rax", want: ".kpatch.text+0x3 PC32 import STT_OBJECT optarg@GLIBC_2.2.5 +4"},
		{name: "in no library", body: "call no_such_function", code: "undefined-symbol"},
		{name: "weak and in a library", body: "\t.weak getppid\n\tcall getppid", want: ".kpatch.text+0x1 PC32 import STT_FUNC getppid@GLIBC_2.2.5 -4"},
		{name: "address of a function", body: "lea getppid(%rip), %rax", want: ".kpatch.text+0x3 PC32 import STT_FUNC getppid@GLIBC_2.2.5 +4", text: "488b05"},
	})
}

// TestUnits: what units of one patch offer each other.
func TestUnits(t *testing.T) {
	b := linkProgram(t, compile(t, "-O2"))
	o := b.open(t)
	user := b.newFunction(t, "main", "call fresh\n\tmov fresh_var(%rip), %eax")
	giver := b.assemble(t, "other", "\t.section .kpatch.text,\"ax\",@progbits\n\t.globl fresh.kpnew\nfresh.kpnew:\n\tret\n"+
		"\t.section .kpatch.data,\"aw\",@progbits\n\t.zero 8\n\t.globl fresh_var.kpnew\nfresh_var.kpnew:\n\t.quad 1\n",
		[]UnitFunction{{Name: "fresh", Symbol: "fresh.kpnew"}})
	j := join(t, o, user, giver)
	if got, want := describe(o, j), ".kpatch.text+0x7 PC32 .kpatch.data+0x8 -4"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if call := j.Sections[0].Data[:5]; string(call) != "\xe8\x06\x00\x00\x00" {
		t.Errorf("call %x", call)
	}
	_, err := tryJoin(o, giver, giver)
	checkRefusal(t, err, "duplicate-symbol")
	weak := b.assemble(t, "other", "\t.section .kpatch.text,\"ax\",@progbits\n\t.weak fresh.kpnew\nfresh.kpnew:\n\tret\n",
		[]UnitFunction{{Name: "fresh", Symbol: "fresh.kpnew"}})
	for _, units := range [][]Unit{{weak, weak}, {giver, weak}, {weak, giver}} {
		_, err := tryJoin(o, units...)
		checkRefusal(t, err, "duplicate-symbol")
	}
	moved := b.assemble(t, "other", "\t.section .kpatch.text,\"ax\",@progbits\n\t.globl main.kpnew\nmain.kpnew:\n\tret\n",
		[]UnitFunction{{Name: "main", Symbol: "main.kpnew"}})
	_, err = tryJoin(o, moved)
	checkRefusal(t, err, "moved-global")
	imported := b.assemble(t, "other", "\t.section .kpatch.text,\"ax\",@progbits\n\t.globl rand.kpnew\nrand.kpnew:\n\tret\n",
		[]UnitFunction{{Name: "rand", Symbol: "rand.kpnew"}})
	_, err = tryJoin(o, imported)
	checkRefusal(t, err, "moved-global")
	checkRules(t, b, o, "main", []rule{
		{name: "no unit offers it", body: "call fresh", want: ".kpatch.text+0x1 PC32 import STT_FUNC fresh -4"},
	})
}
