package diffasm

import (
	"bytes"
	"strconv"
	"strings"
)

// ThroughGOT rewrites, in emitted assembly, accesses to the named symbols and loads of their addresses so that they go
// through the GOT: a program that does not hold a copy of a library's variable reaches it that way only. Flags, the red
// zone and every register that the instruction does not write stay as they are.
//
//	movslq optind+4(%rip), %rax   becomes   movq optind@GOTPCREL(%rip), %rax ; movslq 4(%rax), %rax
//	movl $stderr, %edi            becomes   movq stderr@GOTPCREL(%rip), %rdi
//	cmpq $0, optarg(%rip)         becomes   leaq -128(%rsp), %rsp ; pushq %rax ; movq optarg@GOTPCREL(%rip), %rax ;
//	                                        cmpq $0, (%rax) ; popq %rax ; leaq 128(%rsp), %rsp
//
// The last form serves instructions that load no whole register, if they do not use the stack pointer. What fits none is
// left alone, for the linker to refuse.
func ThroughGOT(asm []byte, symbols []string) []byte {
	g := gotRewriter{wanted: map[string]bool{}}
	for _, s := range symbols {
		g.wanted[s] = true
	}
	var out bytes.Buffer
	for line := range bytes.Lines(asm) {
		text := string(line)
		op, args := statement(text)
		if better := g.rewrite(op, args); better != nil {
			text = "\t" + strings.Join(better, "\n\t") + "\n"
		}
		out.WriteString(text)
	}
	return out.Bytes()
}

// statement splits a line into mnemonic or directive and the rest.
func statement(line string) (op, args string) {
	line = strings.TrimSpace(line)
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		return line[:i], strings.TrimSpace(line[i:])
	}
	return line, ""
}

// gotRewriter goes through assembly line by line.
type gotRewriter struct {
	wanted map[string]bool
	cfa    cfaTracker
}

// rewrite returns the statements that replace one, nil to leave it.
func (g *gotRewriter) rewrite(op, args string) []string {
	if strings.HasPrefix(op, ".") {
		g.cfa.directive(op, args)
		return nil
	}
	for i, operand := range splitOperands(args) {
		if sym, offset, ok := g.access(operand); ok {
			if loads[op] && i == 0 && strings.HasPrefix(args, operand+", ") {
				if dest := args[len(operand)+2:]; wholeRegister[dest] != "" {
					return loadThrough(op, dest, sym, offset)
				}
			}
			return g.throughScratch(op, args, operand, displacement(offset)+"(", ")", sym)
		}
		if sym, ok := g.address(op, operand); ok && i == 0 {
			if dest := strings.TrimPrefix(args, operand+", "); wholeRegister[dest] != "" {
				return []string{loadAddress(sym, wholeRegister[dest])}
			}
			if op == "movq" {
				return g.throughScratch(op, args, operand, "", "", sym)
			}
		}
	}
	return nil
}

// access recognises the memory operand "SYM+N(%rip)".
func (g *gotRewriter) access(operand string) (sym string, offset int64, ok bool) {
	place, relative := strings.CutSuffix(operand, "(%rip)")
	if !relative {
		return "", 0, false
	}
	sym, offset, ok = symbolPlus(place)
	return sym, offset, ok && g.wanted[sym]
}

// address recognises the immediate operand "$SYM" of a move.
func (g *gotRewriter) address(op, operand string) (sym string, ok bool) {
	place, immediate := strings.CutPrefix(operand, "$")
	if !immediate || op != "movl" && op != "movq" {
		return "", false
	}
	sym, offset, ok := symbolPlus(place)
	return sym, ok && offset == 0 && g.wanted[sym]
}

func loadAddress(sym, reg string) string { return "movq\t" + sym + "@GOTPCREL(%rip), " + reg }

// loadThrough uses the register that a load writes for the address.
func loadThrough(op, dest, sym string, offset int64) []string {
	reg := wholeRegister[dest]
	return []string{loadAddress(sym, reg), op + "\t" + displacement(offset) + "(" + reg + "), " + dest}
}

// throughScratch saves a register below the red zone and uses it for the address; the operand becomes before+REG+after.
func (g *gotRewriter) throughScratch(op, args, operand, before, after, sym string) []string {
	reg := scratch(args)
	if reg == "" || strings.Contains(args, "%rsp") || strings.Contains(args, "%esp") || !scratchable(op) {
		return nil
	}
	const redZone = "128"
	access := op + "\t" + strings.Replace(args, operand, before+reg+after, 1)
	out := []string{"leaq\t-" + redZone + "(%rsp), %rsp"}
	out = append(out, g.cfa.moved(redZone)...)
	out = append(append(out, "pushq\t"+reg), g.cfa.moved("8")...)
	out = append(out, loadAddress(sym, reg), access)
	out = append(append(out, "popq\t"+reg), g.cfa.moved("-8")...)
	out = append(out, "leaq\t"+redZone+"(%rsp), %rsp")
	return append(out, g.cfa.moved("-"+redZone)...)
}

// scratch returns a register that the operands do not mention, by any of its names.
func scratch(args string) string {
	for _, r := range []string{"ax", "cx", "dx"} {
		if !strings.Contains(args, r) && !strings.Contains(args, "%"+r[:1]+"l") && !strings.Contains(args, "%"+r[:1]+"h") {
			return "%r" + r
		}
	}
	return ""
}

// scratchable reports whether an instruction reads and writes its operands and flags only: no stack, no control flow, no
// register that is not written down.
func scratchable(op string) bool {
	if strings.HasPrefix(op, "cmpxchg") {
		return false // rax
	}
	for _, family := range []string{
		"mov", "cmp", "test", "add", "sub", "and", "or", "xor", "inc", "dec", "neg", "not", "adc", "sbb", "cmov", "set",
		"bt", "ucomis", "comis", "cvt",
	} {
		if strings.HasPrefix(op, family) {
			return true
		}
	}
	return false
}

// cfaTracker knows whether the canonical frame address is told by the stack pointer at the current line.
type cfaTracker struct {
	open  bool // between .cfi_startproc and .cfi_endproc
	other bool // told by another register
	saved []bool
}

func (c *cfaTracker) directive(op, args string) {
	const stackPointer = "7" // DWARF number of rsp
	switch op {
	case ".cfi_startproc":
		*c = cfaTracker{open: true}
	case ".cfi_endproc":
		*c = cfaTracker{}
	case ".cfi_def_cfa":
		reg, _, _ := strings.Cut(args, ",")
		c.other = strings.TrimSpace(reg) != stackPointer
	case ".cfi_def_cfa_register":
		c.other = strings.TrimSpace(args) != stackPointer
	case ".cfi_escape":
		const defCFAExpression = "0xf,"
		c.other = c.other || strings.HasPrefix(args, defCFAExpression)
	case ".cfi_remember_state":
		c.saved = append(c.saved, c.other)
	case ".cfi_restore_state":
		if n := len(c.saved); n > 0 {
			c.other, c.saved = c.saved[n-1], c.saved[:n-1]
		}
	}
}

// moved returns what tells the unwinder that the stack pointer went down by so many bytes.
func (c *cfaTracker) moved(bytes string) []string {
	if !c.open || c.other {
		return nil
	}
	return []string{".cfi_adjust_cfa_offset " + bytes}
}

// splitOperands splits at the commas that stand outside parentheses.
func splitOperands(args string) []string {
	var out []string
	depth, start := 0, 0
	for i, c := range args {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				out, start = append(out, strings.TrimSpace(args[start:i])), i+1
			}
		}
	}
	return append(out, strings.TrimSpace(args[start:]))
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
