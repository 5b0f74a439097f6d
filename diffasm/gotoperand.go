package diffasm

import (
	"regexp"
	"strconv"
	"strings"
)

// instruction is a statement with its prefixes.
type instruction struct {
	prefix   string // "lock ", or ""
	op, args string
	operands []string
}

func instructionOf(text string) instruction {
	var in instruction
	in.op, in.args = statement(text)
	for prefix[in.op] {
		in.prefix += in.op + " "
		in.op, in.args = statement(in.args)
	}
	in.operands = splitOperands(in.args)
	return in
}

// prefix are those that may stand before an instruction on memory.
var prefix = map[string]bool{"lock": true, "notrack": true, "bnd": true}

// with writes the instruction with another operand in place of one of its own.
func (in *instruction) with(i int, operand string) string {
	operands := append([]string(nil), in.operands...)
	operands[i] = operand
	return in.prefix + in.op + "\t" + strings.Join(operands, ", ")
}

// use is an operand that a symbol's address is in.
type use struct {
	at        int // index of the operand
	symbol    string
	offset    int64
	immediate bool
	base      string // registers of an operand that is no plain "SYM+N(%rip)", with their "%"
	index     string // and scale: "%rax,8"
}

// branches reports whether an operand without "*" is where the instruction goes to.
func (in *instruction) branches() bool {
	return strings.HasPrefix(in.op, "j") || strings.HasPrefix(in.op, "call") || strings.HasPrefix(in.op, "loop") || in.op == "xbegin"
}

// use finds the one operand that names a wanted symbol.
func (g *gotRewriter) use(in instruction) (found use, ok bool) {
	for i, operand := range in.operands {
		u, is := g.parse(strings.TrimPrefix(operand, "*"))
		if !is || in.branches() && !strings.HasPrefix(operand, "*") {
			continue
		}
		if ok {
			return use{}, false
		}
		found, ok = u, true
		found.at = i
	}
	return found, ok
}

// memory is SYM+N(BASE,INDEX,SCALE) with 64 bit registers.
var memory = regexp.MustCompile(`^([^(]+)(?:\((%r\w+)?(?:,\s*(%[rxyz]\w+(?:,\s*[1248])?))?\))?$`)

// parse reads an operand: "$SYM+N" or a memory operand with the symbol in its displacement.
func (g *gotRewriter) parse(operand string) (u use, ok bool) {
	place, immediate := strings.CutPrefix(operand, "$")
	if !immediate {
		m := memory.FindStringSubmatch(operand)
		if m == nil {
			return use{}, false
		}
		place, u.base, u.index = m[1], m[2], m[3]
		if u.base == "%rip" {
			u.base = ""
			if u.index != "" {
				return use{}, false
			}
		}
	}
	u.immediate = immediate
	u.symbol, u.offset, ok = symbolPlus(place)
	return u, ok && g.wanted[u.symbol]
}

// operand is what takes the place of a use once reg holds the symbol's address; before are the statements that are
// needed besides. An immediate is the address itself.
func (u *use) operand(reg string) (before []string, operand string) {
	switch {
	case u.immediate && u.offset == 0:
		return nil, reg
	case u.immediate:
		return []string{"leaq\t" + displacement(u.offset) + "(" + reg + "), " + reg}, reg
	case u.base != "" && u.index != "":
		before = []string{"leaq\t(" + reg + "," + u.base + "), " + reg}
		return before, displacement(u.offset) + "(" + reg + "," + u.index + ")"
	case u.base != "":
		return nil, displacement(u.offset) + "(" + reg + "," + u.base + ")"
	case u.index != "":
		return nil, displacement(u.offset) + "(" + reg + "," + u.index + ")"
	}
	return nil, displacement(u.offset) + "(" + reg + ")"
}

// onStack is a memory operand relative to the stack pointer.
var onStack = regexp.MustCompile(`^(-?\d*)\(%rsp(,.*)?\)$`)

// below returns the instruction for a stack pointer that is so many bytes lower. Operands that are or contain the stack
// pointer in another way will not do.
func (in *instruction) below(except int, bytes int64) (instruction, bool) {
	out := *in
	out.operands = append([]string(nil), in.operands...)
	for i, operand := range in.operands {
		if i == except || !strings.Contains(operand, "%rsp") && !strings.Contains(operand, "%esp") && operand != "%sp" && operand != "%spl" {
			continue
		}
		m := onStack.FindStringSubmatch(operand)
		if m == nil || strings.HasPrefix(in.op, "lea") {
			return out, false
		}
		n, err := strconv.ParseInt("0"+m[1], 10, 64)
		if strings.HasPrefix(m[1], "-") {
			n, err = strconv.ParseInt(m[1], 10, 64)
		}
		if err != nil {
			return out, false
		}
		out.operands[i] = displacement(n+bytes) + "(%rsp" + m[2] + ")"
	}
	return out, true
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
