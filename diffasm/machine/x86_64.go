package machine

import (
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/internal/lazyregexp"
)

// x86 is the System V AMD64 target, in AT&T syntax as gcc and clang write it.
type x86 struct{}

// LeadIn: a hook leaves no instruction in front of it that has an effect.
func (x86) LeadIn(*asm.Function, *asm.Function) string { return "" }

// WithRoom: what is loaded from a slot may be part of any instruction.
func (x86) WithRoom(asm []byte) []byte { return asm }

func (x86) Syntax() *asm.Syntax { return asm.ATT }

func (x86) Convention() *Convention { return &sysV }

func (x86) Kind(st asm.Statement) Kind { return instructions().find(st.Op).kind }

func (x86) Decode(st asm.Statement) Insn {
	op, args, prefix := withoutPrefixes(st)
	r := instructions().find(op)
	in := Insn{Effect: r.effect, Operands: parseOperands(args)}
	n := len(in.Operands)
	in.Kind = r.kindOf(prefix, in.Operands)
	in.Overwrites = r.has(replaces) || n > 2 && r.has(replaces3)
	in.ReadsOnly = r.has(reads) && r.sized(op)
	in.Clears = r.has(clears)
	switch in.Kind {
	case Move:
		in.Width = moveWidth(op, in.Operands)
	case String:
		in.Copies, in.Fills = r.has(copies), r.has(fills)
		in.From, in.To = rsi, rdi
		if in.Fills {
			in.From = rax
		}
	case Call:
		in.Descriptor = in.Operands[0].Indirect && in.Operands[0].Linked // "*v@TLSCALL(%rax)"
	}
	in.seeThrough()
	if prefix == "" && !strings.ContainsAny(args, "+-") && slices.ContainsFunc(in.Operands, isSymbol) {
		in.AccessSize = instructions().accessSize(op)
	}
	return in
}

// isSymbol reports whether an operand stands at a symbol; only what does is asked for its size.
func isSymbol(o Operand) bool { return o.Symbol != "" && o.Kind == Memory }

// withoutPrefixes splits an instruction; a prefix that stands alone is one itself.
func withoutPrefixes(st asm.Statement) (op, args, prefix string) {
	op, args = st.Op, st.Args
	for args != "" {
		if _, is := prefixes[op]; !is {
			break
		}
		prefix = op
		rest := ""
		if i := strings.IndexAny(args, " \t"); i >= 0 {
			args, rest = args[:i], asm.Trim(args[i:])
		}
		op, args = args, rest
	}
	return op, args, prefix
}

// kindOf returns what an instruction does with its operands. Forms with another number of them than their kind has only compute.
func (r *row) kindOf(prefix string, ops []Operand) Kind {
	repeated := strings.HasPrefix(prefix, "r") && len(ops) != 1 && r.kind != Return
	switch {
	case repeated, r.has(copies|fills) && isString(ops):
		return String
	case !r.kind.takes(len(ops)):
		return Other
	}
	return r.kind
}

// takes reports whether instructions of a kind have so many operands.
func (k Kind) takes(operands int) bool {
	switch k {
	case Extend:
		return operands == 0
	case Push, Pop, Call, Jump, JumpPointer, Branch, WideArithmetic:
		return operands == 1
	case Move, MoveHalf, Address, Compare:
		return operands == 2
	}
	return true
}

// isString knows a string instruction by its operands; clang writes "rep;" in front as a statement of its own.
func isString(ops []Operand) bool { return len(ops) == 2 && ops[1].Segment && ops[1].Base == rdi }

// isCopy tells a string instruction that copies from moves that are spelled like one: it alone has no operands, or both in memory.
func isCopy(ops []Operand) bool {
	return len(ops) == 0 || len(ops) == 2 && ops[0].Kind == Memory && ops[1].Kind == Memory
}

// moveWidth returns how many bits a move writes at most.
func moveWidth(op string, ops []Operand) int {
	width := 64
	for _, o := range ops {
		if o.Kind == InRegister && o.Width > 0 && (o.Width < 64 || o.Width > width) {
			width = o.Width
		}
	}
	if strings.HasSuffix(op, "l") || strings.HasSuffix(op, "w") || strings.HasSuffix(op, "b") {
		width = min(width, 32)
	}
	return width
}

// Writes takes an instruction that is in no family for one that may write every register it names.
func (x86) Writes(st asm.Statement) (may, surely RegisterSet) {
	op, args, prefix := withoutPrefixes(st)
	r, ops := instructions().find(op), parseOperands(args)
	may = prefixes[prefix].unseen | prefixes[op].unseen
	unseen := r.unseenIn(op, ops)
	may |= unseen
	if r.has(always) {
		surely = unseen
	}
	switch {
	case r.has(reads) && r.sized(op):
	case r.has(writesLast) && (r.kind != WideArithmetic || len(ops) > 1):
		if n := len(ops); n > 0 && ops[n-1].Kind == InRegister {
			surely |= ops[n-1].Named & clobbered
		}
		may |= surely
	default:
		for _, o := range ops {
			may |= o.Named & clobbered
		}
	}
	return may & clobbered, surely
}

// unseenIn returns the registers that an instruction writes which are no operands of it.
func (r *row) unseenIn(op string, ops []Operand) RegisterSet {
	switch {
	case r.has(copies) && isCopy(ops): // whatever size is behind the stem
		return r.unseen
	case r.has(copies), !r.sized(op), r.kind == WideArithmetic && r.has(writesLast) && len(ops) > 1:
		return 0
	case r.kind == WideArithmetic && (strings.HasSuffix(op, "b") || len(ops) > 0 && ops[0].Kind == InRegister && ops[0].Width == 8):
		return Set(rax) // its two halves
	}
	return r.unseen
}

func (x86) NamesAddress(st asm.Statement) bool {
	return instructions().find(st.Op).kind == Address || hasSymbolic(st.Args) || hasSlot(st.Args)
}

// hasSlot reports whether an operand may be the slot of an address, or of the distance of a thread-local variable.
func hasSlot(args string) bool {
	i := strings.IndexByte(args, '@')
	return i >= 0 && len(args) >= i+4 && strings.EqualFold(args[i:i+4], "@got")
}

// hasSymbolic reports whether operands may have an immediate one that is no number.
func hasSymbolic(args string) bool {
	i := strings.IndexByte(args, '$')
	return i >= 0 && i+1 < len(args) && strings.IndexByte("-0123456789", args[i+1]) < 0
}

func (x86) MarksNumber(_, token string) bool { return token == "$" }

var immediate = lazyregexp.New(`\$-?\d+`)

func (x86) MaskMoved(line string, hide func(v uint64) bool) string {
	if k := instructions().find(asm.FirstWord(asm.Trim(line))).kind; k != Move && k != MoveHalf {
		return line
	}
	return immediate.ReplaceAllStringFunc(line, func(s string) string {
		if v, ok := asm.Number(s[1:]); ok && hide(v) {
			return "$text"
		}
		return s
	})
}
