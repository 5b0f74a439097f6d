package diffasm

import (
	"bytes"
	"strconv"
	"strings"
)

// ThroughGOT rewrites, in emitted assembly, loads from the named symbols and loads of their addresses so that they go
// through the GOT: a program that does not hold a copy of a library's variable reaches it that way only. Each load writes
// a whole general register, which serves as the scratch register; flags and stack stay as they are. Other accesses are
// left alone, for the linker to refuse.
//
//	movslq optind+4(%rip), %rax   becomes   movq optind@GOTPCREL(%rip), %rax ; movslq 4(%rax), %rax
//	movl $stderr, %edi            becomes   movq stderr@GOTPCREL(%rip), %rdi
func ThroughGOT(asm []byte, symbols []string) []byte {
	wanted := map[string]bool{}
	for _, s := range symbols {
		wanted[s] = true
	}
	var out bytes.Buffer
	for line := range bytes.Lines(asm) {
		text := string(line)
		if op, args, ok := strings.Cut(strings.TrimSpace(text), "\t"); ok {
			if better := throughGOT(op, args, wanted); better != "" {
				text = better
			}
		}
		out.WriteString(text)
	}
	return out.Bytes()
}

// throughGOT returns the lines that replace one instruction, or "" to leave it.
func throughGOT(op, args string, wanted map[string]bool) string {
	source, dest, ok := strings.Cut(args, ", ")
	reg := wholeRegister[dest]
	if !ok || reg == "" {
		return ""
	}
	place, relative := strings.CutSuffix(source, "(%rip)")
	address := strings.HasPrefix(source, "$") && (op == "movl" || op == "movq")
	sym, offset, ok := symbolPlus(strings.TrimPrefix(place, "$"))
	if !ok || !wanted[sym] || !relative && !address {
		return ""
	}
	load := "\tmovq\t" + sym + "@GOTPCREL(%rip), " + reg + "\n"
	switch {
	case address && offset == 0:
		return load
	case relative && loads[op]:
		return load + "\t" + op + "\t" + displacement(offset) + "(" + reg + "), " + dest + "\n"
	}
	return ""
}

func displacement(offset int64) string {
	if offset == 0 {
		return ""
	}
	return strconv.FormatInt(offset, 10)
}

// loads are the instructions that write the whole of a 32 or 64 bit register from memory and nothing else.
var loads = map[string]bool{
	"movq": true, "movl": true, "movslq": true,
	"movzbl": true, "movzwl": true, "movsbl": true, "movswl": true,
	"movzbq": true, "movzwq": true, "movsbq": true, "movswq": true,
}

// wholeRegister maps the names of 32 and 64 bit general registers, a write to which leaves nothing of the old value, to
// the 64 bit one. The stack pointer is none.
var wholeRegister = func() map[string]string {
	m := map[string]string{}
	for _, r := range []string{"ax", "bx", "cx", "dx", "si", "di", "bp"} {
		m["%e"+r], m["%r"+r] = "%r"+r, "%r"+r
	}
	for _, r := range []string{"8", "9", "10", "11", "12", "13", "14", "15"} {
		m["%r"+r+"d"], m["%r"+r] = "%r"+r, "%r"+r
	}
	return m
}()
