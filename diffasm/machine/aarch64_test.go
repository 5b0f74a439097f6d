package machine

import (
	"fmt"
	"strings"
	"testing"

	"gocare/diffasm/asm"
)

// armStatement is an instruction of AArch64 as the parser hands it on.
func armStatement(text string) asm.Statement {
	op, args := statement(text)
	return asm.Statement{Op: op, Args: armMark(op, args), Kind: asm.Instruction}
}

// TestArmMark: words that are no symbols are marked, and symbols of their names are not; what is marked is written as it was.
func TestArmMark(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"registers", "add\tx0, x1, w2, uxtw 3", "%x0, %x1, %w2, %uxtw 3"},
		{"an address", "ldr\tx0, [x1, :lo12:v+8]", "%x0, [%x1, :lo12:v+8]"},
		{"a variable with the name of a register", "ldr\tx0, [x1, #:lo12:x2]", "%x0, [%x1, #:lo12:x2]"},
		{"its page", "adrp\tx0, x2", "%x0, x2"},
		{"a function with the name of a condition", "bl\teq", "eq"},
		{"a condition", "csel\tw0, w1, wzr, eq", "%w0, %w1, %wzr, %eq"},
		{"a condition in a jump", "b.eq\tlsl", "lsl"},
		{"a place behind a register", "cbz\tx0, x1", "%x0, x1"},
		{"a place behind a bit", "tbnz\tw0, #3, sp", "%w0, #3, sp"},
		{"a jump through a register", "br\tx1", "%x1"},
		{"a literal", "ldr\tx0, =x1", "%x0, =x1"},
		{"vectors", "ld1\t{v0.16b - v1.16b}, [x0], 32", "{%v0.16b - %v1.16b}, [%x0], 32"},
		{"an element", "mov\tx0, v1.d[1]", "%x0, %v1.d[1]"},
		{"predicates", "ld1w\t{z0.s}, p0/z, [x0, x1, lsl 2]", "{%z0.s}, %p0/%z, [%x0, %x1, %lsl 2]"},
		{"a register of the system", "mrs\tx0, tpidr_el0", "%x0, %tpidr_el0"},
		{"a barrier", "dmb\tish", "%ish"},
		{"a symbol", "add\tx0, x0, :lo12:count", "%x0, %x0, :lo12:count"},
		{"no operands", "ret", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			op, args := statement(tt.text)
			got := armMark(op, args)
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if back := armSyntax.Operands(asm.Statement{Op: op, Kind: asm.Instruction}, got); back != args {
				t.Errorf("it comes back as %q", back)
			}
		})
	}
}

// describeArm writes what an instruction does, step by step.
func describeArm(in Insn) string {
	var steps []string
	for s := &in; s != nil; s = s.Then {
		text := fmt.Sprint(s.Kind)
		for _, o := range s.Operands {
			switch {
			case o.Kind == InRegister:
				text += fmt.Sprintf(" r%d", o.Register)
			case o.Kind == Memory:
				text += fmt.Sprintf(" [r%d+r%d+%s%d]", o.Base, o.Index, o.Symbol, o.Disp)
			default:
				text += fmt.Sprintf(" #%s%d", o.Symbol, o.Disp)
			}
			for _, f := range []struct {
				is   bool
				name string
			}{{o.Indirect, "*"}, {o.GOT, "@got"}, {o.Segment, "@tls"}, {o.Linked && !o.Segment, "@plt"}} {
				if f.is {
					text += f.name
				}
			}
		}
		if s.Effect != NoEffect {
			text += fmt.Sprintf(" effect %d", s.Effect)
		}
		if s.Width > 0 {
			text += fmt.Sprintf(" width %d", s.Width)
		}
		if s.AccessSize > 0 {
			text += fmt.Sprintf(" access %d", s.AccessSize)
		}
		steps = append(steps, text)
	}
	return strings.Join(steps, "; ")
}

func TestArmDecode(t *testing.T) {
	move, address, other := fmt.Sprint(Move), fmt.Sprint(Address), fmt.Sprint(Other)
	for _, tt := range []struct{ name, text, want string }{
		{"a move", "mov\tx0, x1", move + " r1 r0 width 64"},
		{"a number", "mov\tw0, 12", move + " #12 r0 width 32"},
		{"zero", "mov\tx0, xzr", move + " #0 r0 width 64"},
		{"a page", "adrp\tx0, v", move + " #0 r0 width 64"},
		{"the rest of an address", "add\tx0, x0, :lo12:v", address + " [r-1+r-1+v0] r0"},
		{"an address", "adr\tx0, .L2", address + " [r-1+r-1+.L20] r0"},
		{"a sum", "add\tx0, sp, 16", address + " [r31+r-1+16] r0"},
		{"a large sum", "add\tx0, sp, #1, lsl #12", address + " [r31+r-1+4096] r0"},
		{"a difference", "sub\tsp, sp, #32", address + " [r31+r-1+-32] r31"},
		{"room on the stack", "sub\tsp, sp, x0", other + " r0 r31 effect 2"},
		{"two registers", "add\tx0, x1, x2, lsl 3", address + " [r1+r2+0] r0"},
		{"a mask", "and\tsp, x9, #-16", move + " r9 r31 width 64; " + other + " #-16 r31 effect 3"},
		{"a load by name", "ldr\tw0, [x1, #:lo12:v+4]", move + " [r-1+r-1+v4] r0 width 32 access 4"},
		{"a byte by name", "ldrb\tw0, [x1, :lo12:v]", move + " [r-1+r-1+v0] r0 width 32 access 1"},
		{"a slot of the GOT", "ldr\tx0, [x0, :got_lo12:v]", move + " [r-1+r-1+v0]@got r0 width 64"},
		{"a store", "str\tx0, [sp, 8]", move + " r0 [r31+r-1+8] width 64"},
		{"a byte stored", "strb\tw0, [x1, x2]", move + " r0 [r1+r2+0] width 8"},
		{"a pair pushed", "stp\tx29, x30, [sp, -32]!", address + " [r31+r-1+-32] r31; " + move + " r29 [r31+r-1+0] width 64; " + move + " r30 [r31+r-1+8] width 64"},
		{"a pair popped", "ldp\tx29, x30, [sp], 32", move + " [r31+r-1+0] r29 width 64; " + move + " [r31+r-1+8] r30 width 64; " + address + " [r31+r-1+32] r31"},
		{"a pair over its base", "ldp\tx0, x1, [x0]", move + " [r0+r-1+8] r1 width 64; " + move + " [r0+r-1+0] r0 width 64"},
		{"a call", "bl\tf", fmt.Sprint(Call) + " [r-1+r-1+f0]@plt"},
		{"a call through a register", "blr\tx1", fmt.Sprint(Call) + " r1*"},
		{"a jump by a register's value", "tbnz\tw0, #31, .L2", fmt.Sprint(Branch) + " [r-1+r-1+.L20]"},
		{"a jump by flags", "bne\t.L2", fmt.Sprint(Branch) + " [r-1+r-1+.L20]"},
		{"a return", "ret", fmt.Sprint(Return)},
		{"a trap", "brk\t#1000", fmt.Sprint(Trap) + " #1000"},
		{"a swap", "swpal\tx0, x1, [x2]", move + " r0 [r2+r-1+0] width 64; " + move + " [r2+r-1+0] r1 width 64"},
		{"vectors", "st1\t{v0.16b - v1.16b}, [x0]", move + " r32 [r0+r-1+0] width 128; " + move + " r33 [r0+r-1+16] width 128"},
		{"a thread-local variable", "add\tx0, x0, :tprel_lo12_nc:v", address + " [r0+r-1+0] r0"},
		{"part of a register", "movk\tx0, 0x12, lsl 16", other + " #1179648 r0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := describeArm(arm64{}.Decode(armStatement(tt.text))); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestArmWrites(t *testing.T) {
	for _, tt := range []struct {
		name, text  string
		may, surely RegisterSet
	}{
		{"a sum", "add\tw3, w0, w1", Set(3), Set(3)},
		{"a register that calls keep", "mov\tx19, x0", 0, 0},
		{"a pair", "ldp\tx0, x19, [x1]", Set(0), Set(0)},
		{"an address moved on", "ldr\tx0, [x1], 8", Set(0, 1), Set(0, 1)},
		{"a store", "str\tx0, [x1]", 0, 0},
		{"a comparison", "cmp\tx0, x1", 0, 0},
		{"an exclusive store", "stlxr\tw2, x0, [x1]", Set(2), Set(2)},
		{"a signed return address", "paciasp", Set(30), 0},
		{"the same by number", "hint\t#25", Set(17, 30), 0},
		{"a vector that calls keep half of", "fmov\td8, d0", 0, 0},
		{"a vector", "fmov\td7, d0", Set(v0 + 7), Set(v0 + 7)},
		{"what is not known", "unheard\tx0, x1, [x2]", Set(0, 1, 2), 0},
		{"a system call", "svc\t#0", ^armKept, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if may, surely := (arm64{}).Writes(armStatement(tt.text)); may != tt.may || surely != tt.surely {
				t.Errorf("got %x and %x, want %x and %x", may, surely, tt.may, tt.surely)
			}
		})
	}
}

// TestArmNamesAddress: what reads or writes a variable does not name its address, nor does its page.
func TestArmNamesAddress(t *testing.T) {
	for text, want := range map[string]bool{
		"adrp\tx0, v": false, "add\tx0, x0, :lo12:v": true, "ldr\tw0, [x0, :lo12:v]": false, "adr\tx0, v": true, "ldr\tx0, =v": true,
		"add\tx0, x0, 8": false, "ldr\tx0, [x0, #:gottprel_lo12:v]": true, "movz\tx0, #:abs_g0:v": true,
	} {
		if got := (arm64{}).NamesAddress(armStatement(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// TestArmLeadIn: a replacement that does not sign its return address at once has room in front of it, where the original may.
func TestArmLeadIn(t *testing.T) {
	function := func(code ...string) *asm.Function {
		s := &asm.Stream{Statements: []asm.Statement{{Kind: asm.Label, Op: "f"}}}
		for _, text := range code {
			s.Statements = append(s.Statements, armStatement(text))
		}
		return &asm.Function{Name: "f", Streams: []*asm.Stream{s}}
	}
	for _, tt := range []struct {
		name             string
		old, replacement *asm.Function
		want             string
	}{
		{"neither", function("bti\tc", "ret"), function("ret"), ""},
		{"both", function("paciasp", "ret"), function("hint\t25", "ret"), ""},
		{"the old one", function("hint\t#25", "ret"), function("hint\t34", "ret"), "nop"},
		{"the old one with key B", function("pacibsp", "ret"), function("ret"), "nop"},
		{"the old one later", function("bti\tc", "cbz\tw0, .L2", "hint\t27", "ret"), function("ret"), "nop"},
		{"the new one later", function("paciasp", "ret"), function("bti\tc", "cbz\tw0, .L2", "paciasp", "ret"), "nop"},
		{"the new one", function("ret"), function("paciasp", "ret"), ""},
	} {
		if got := (arm64{}).LeadIn(tt.old, tt.replacement); got != tt.want {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

// TestArmWithRoom: behind what loads from a slot of a thread-local variable, and nothing else, there is an instruction that does nothing.
func TestArmWithRoom(t *testing.T) {
	const text = "\tadrp\tx0, :gottprel:v\n\tldr\tx0, [x0, #:gottprel_lo12:v] // v\n\tldr\tx1, [x1, :got_lo12:w]\n"
	want := strings.Replace(text, "// v\n", "// v\n\tnop\n", 1)
	if got := string(arm64{}.WithRoom([]byte(text))); got != want {
		t.Errorf("%q", got)
	}
	if got := string(x86{}.WithRoom([]byte(text))); got != text {
		t.Errorf("x86-64: %q", got)
	}
}
