package diffasm

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

// ThroughGOT rewrites, in emitted assembly, accesses to the named symbols and uses of their addresses so that they go
// through the GOT: a program that does not hold a copy of a library's variable reaches it that way only. Flags, the red
// zone and every register that the instruction does not write stay as they are.
//
//	movslq optind+4(%rip), %rax   becomes   movq optind@GOTPCREL(%rip), %rax ; movslq 4(%rax), %rax
//	movl $stderr, %edi            becomes   movq stderr@GOTPCREL(%rip), %rdi
//	call *hook(%rip)              becomes   movq hook@GOTPCREL(%rip), %r11 ; call *(%r11)
//	cmpq $0, optarg(%rip)         becomes   leaq -128(%rsp), %rsp ; pushq %rax ; movq optarg@GOTPCREL(%rip), %rax ;
//	                                        cmpq $0, (%rax) ; popq %rax ; leaq 128(%rsp), %rsp
//
// The last form serves what loads no whole register. What fits none is left alone, for the linker to refuse.
func ThroughGOT(asm []byte, symbols []string) []byte {
	g := gotRewriter{wanted: map[string]bool{}}
	for _, s := range symbols {
		g.wanted[s] = true
	}
	var out bytes.Buffer
	for line := range bytes.Lines(asm) {
		text := string(line)
		if held := g.held; held != "" && !isAside(text) {
			g.held, text = "", "\t"+held+" "+strings.TrimLeft(text, " \t")
		}
		out.WriteString(g.line(text))
	}
	return out.Bytes()
}

// gotRewriter goes through assembly line by line.
type gotRewriter struct {
	wanted map[string]bool
	cfa    cfaTracker
	inline bool   // in inline assembly, where nothing is known of registers
	held   string // a prefix that stood alone on the line before
}

// line rewrites a line of one or, in inline assembly, several statements.
func (g *gotRewriter) line(text string) string {
	switch op, args := statement(text); {
	case strings.HasPrefix(op, "#"):
		g.inline = op == "#APP" || g.inline && op != "#NO_APP"
		return text
	case strings.HasPrefix(op, "."):
		g.cfa.directive(op, args)
		return text
	}
	if op, args := statement(text); prefix[op] && args == "" {
		g.held = op
		return ""
	}
	if !g.mentions(text) {
		return text
	}
	code, _, _ := strings.Cut(text, "#")
	var out []string
	changed := false
	for _, part := range strings.Split(loosePrefix.ReplaceAllString(code, "$1 "), ";") {
		label, rest := cutLabels(part)
		better := g.rewrite(instructionOf(rest))
		if better == nil {
			better = []string{strings.TrimSpace(rest)}
		} else {
			changed = true
		}
		if label != "" {
			better[0] = label + "\t" + better[0]
		}
		out = append(out, better...)
	}
	if !changed {
		return text
	}
	return "\t" + strings.Join(out, "\n\t") + "\n"
}

// isAside reports whether a line holds no instruction: a prefix waits for the next.
func isAside(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || line[0] == '.' || line[0] == '#'
}

// mentions reports whether a line has one of the symbols in it, perhaps.
func (g *gotRewriter) mentions(text string) bool {
	t := tokens{s: text}
	for tok, ok := t.next(); ok; tok, ok = t.next() {
		if g.wanted[tok.text] {
			return true
		}
	}
	return false
}

// statement splits a line into mnemonic or directive and the rest.
func statement(line string) (op, args string) {
	line = strings.TrimSpace(line)
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		return line[:i], strings.TrimSpace(line[i:])
	}
	return line, ""
}

// loosePrefix is a prefix that stands like a statement of its own, as old assemblers wanted it.
var loosePrefix = regexp.MustCompile(`\b(lock|notrack|bnd)\s*;`)

var labels = regexp.MustCompile(`^\s*([\w.$]+:\s*)*`)

// cutLabels cuts the labels in front of a statement off.
func cutLabels(text string) (label, rest string) {
	n := len(labels.FindString(text))
	return strings.TrimSpace(text[:n]), text[n:]
}

// rewrite returns the statements that replace one, nil to leave it.
func (g *gotRewriter) rewrite(in instruction) []string {
	u, ok := g.use(in)
	switch {
	case !ok:
		return nil
	case strings.HasPrefix(in.operands[u.at], "*"):
		return g.branch(in, u)
	case in.op == "pushq" && in.prefix == "":
		return g.push(u)
	}
	if out := loadInto(in, u); out != nil {
		return out
	}
	return g.throughScratch(in, u)
}

func loadAddress(sym, reg string) string { return "movq\t" + sym + "@GOTPCREL(%rip), " + reg }

// loadInto uses the register that a load writes for the address, nil where there is none.
func loadInto(in instruction, u use) []string {
	if u.at != 0 || len(in.operands) != 2 || in.prefix != "" {
		return nil
	}
	dest := in.operands[1]
	reg := wholeRegister[dest]
	if reg == "" || reg == u.base || strings.HasPrefix(u.index, reg) {
		return nil
	}
	before, operand := u.operand(reg)
	out := append([]string{loadAddress(u.symbol, reg)}, before...)
	switch {
	case u.immediate && (in.op == "movl" || in.op == "movq" || in.op == "movabsq"):
		return out
	case u.immediate || !loads[in.op]:
		return nil
	case in.op == "leaq" && operand == "("+reg+")":
		return out
	}
	return append(out, in.with(0, operand))
}

// branch goes through r11, which no call passes anything in and every call may change.
func (g *gotRewriter) branch(in instruction, u use) []string {
	if g.inline || u.immediate || u.base != "" || u.index != "" || in.op != "call" && in.op != "jmp" || len(in.operands) != 1 {
		return nil
	}
	_, operand := u.operand("%r11")
	return []string{loadAddress(u.symbol, "%r11"), in.with(u.at, "*"+operand)}
}

// push makes room first and fills it then. What tells the unwinder of a push stands behind the instruction.
func (g *gotRewriter) push(u use) []string {
	if u.base != "" || u.index != "" {
		return nil
	}
	before, operand := u.operand("%rax")
	out := append([]string{"leaq\t-8(%rsp), %rsp"}, g.cfa.moved("8")...)
	out = append(append(out, "pushq\t%rax"), g.cfa.moved("8")...)
	out = append(append(out, loadAddress(u.symbol, "%rax")), before...)
	if !u.immediate {
		out = append(out, "movq\t"+operand+", %rax")
	}
	out = append(append(out, "movq\t%rax, 8(%rsp)"), "popq\t%rax")
	return append(out, g.cfa.moved("-16")...)
}

// throughScratch saves a register below the red zone and uses it for the address.
func (g *gotRewriter) throughScratch(in instruction, u use) []string {
	const redZone = 128
	reg := scratch(in)
	if reg == "" || u.immediate && (!strings.HasSuffix(in.op, "q") || len(in.operands) != 2) {
		return nil
	}
	others, ok := in.below(u.at, redZone+8)
	if !ok || strings.HasPrefix(u.base, "%rsp") {
		return nil
	}
	before, operand := u.operand(reg)
	out := append([]string{"leaq\t-" + strconv.Itoa(redZone) + "(%rsp), %rsp"}, g.cfa.moved(strconv.Itoa(redZone))...)
	out = append(append(out, "pushq\t"+reg), g.cfa.moved("8")...)
	out = append(append(out, loadAddress(u.symbol, reg)), before...)
	out = append(append(out, others.with(u.at, operand), "popq\t"+reg), g.cfa.moved("-8")...)
	out = append(out, "leaq\t"+strconv.Itoa(redZone)+"(%rsp), %rsp")
	return append(out, g.cfa.moved("-"+strconv.Itoa(redZone))...)
}

// scratch returns a register that an instruction neither names, by any of its names, nor uses without naming it; "" where
// that cannot be told.
func scratch(in instruction) string {
	switch {
	case !scratchable(in.op):
		return ""
	case highByte.MatchString(in.args): // next to these there is no r8 to r15
		if unnamed(in.op) {
			return ""
		}
	case unnamed(in.op):
		for _, r := range []string{"%r8", "%r9", "%r10", "%r11"} {
			if !strings.Contains(in.args, r) {
				return r
			}
		}
		return ""
	}
	for _, r := range []string{"ax", "cx", "dx"} {
		if !strings.Contains(in.args, r) && !strings.Contains(in.args, "%"+r[:1]+"l") && !strings.Contains(in.args, "%"+r[:1]+"h") {
			return "%r" + r
		}
	}
	return ""
}

var highByte = regexp.MustCompile(`%[abcd]h\b`)

// unnamed reports whether an instruction may use legacy registers that are not written down.
func unnamed(op string) bool {
	for _, family := range []string{"cmpxchg", "mul", "imul", "div", "idiv", "xsave", "xrstor", "fxsave", "fxrstor", "mulx", "pcmp", "vpcmp"} {
		if strings.HasPrefix(op, family) {
			return true
		}
	}
	return false
}

// scratchable reports whether an instruction reads and writes its operands, registers and flags only: no stack, no control
// flow, no segment.
func scratchable(op string) bool {
	for _, family := range []string{
		"mov", "cmp", "test", "add", "sub", "and", "or", "xor", "inc", "dec", "neg", "not", "adc", "sbb", "cmov", "set",
		"bt", "bs", "popcnt", "lzcnt", "tzcnt", "xadd", "xchg", "mul", "imul", "div", "idiv", "lea", "sal", "shl", "sar", "shr", "rol", "ror",
		"rcl", "rcr", "bswap", "crc32", "prefetch", "ucomis", "comis", "cvt", "sqrt", "max", "min", "round", "unpck", "shuf", "blend",
		"rsqrt", "rcp", "hadd", "hsub", "dp", "insert", "extract", "pinsr", "pextr", "padd", "psub", "pmul", "pmadd", "pand", "por", "pxor",
		"pcmp", "pmax", "pmin", "pshuf", "psll", "psrl", "psra", "punpck", "pack", "pabs", "pavg", "psad", "palign", "pmov", "ptest",
		"pblend", "phadd", "phsub", "fld", "fild", "fst", "fist", "fadd", "fiadd", "fsub", "fisub", "fmul", "fimul", "fdiv", "fidiv", "fcom", "ficom",
		"v",
	} {
		if strings.HasPrefix(op, family) {
			return op != "movs" && op != "cmps" && op != "verr" && op != "verw"
		}
	}
	return false
}

// loads are the instructions that write the whole of a 32 or 64 bit register from memory, or its address, and nothing else.
var loads = map[string]bool{
	"movq": true, "movl": true, "movslq": true,
	"movzbl": true, "movzwl": true, "movsbl": true, "movswl": true,
	"movzbq": true, "movzwq": true, "movsbq": true, "movswq": true, "leaq": true,
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
