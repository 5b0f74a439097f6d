package machine

import (
	"strings"
	"sync"
)

// trait is what a rule asks of an instruction.
type trait uint16

const (
	writesLast  trait = 1 << iota // writes its last operand and no other, if it has two where it is WideArithmetic
	reads                         // writes no operand, with no more than a size behind its stem
	replaces                      // writes its last operand without reading it
	replaces3                     // likewise, with three operands or more
	clears                        // makes its last operand 0 if the other is the same
	scratchable                   // reads and writes its operands, registers and flags only: no stack, no control flow, no segment
	unnamed                       // may use legacy registers that are not written down
	loads                         // writes the whole of a 32 or 64 bit register from memory, or its address, and nothing else
	copies                        // copies memory, if it is String
	fills                         // fills memory, if it is String
	scalar                        // reads 4 or 8 bytes of memory with "ss" or "sd" behind its stem
	scalars                       // likewise, with anything between
	target                        // its operand is a place in the code
	always                        // writes the unseen registers whatever happens
)

// row is one line of the table of instructions.
type row struct {
	stem   string
	kind   Kind
	traits trait
	effect Effect
	// unseen are registers that it writes which are no operands of it. It holds with no more than a size behind the stem, with
	// one operand where writesLast is for two, and of what copies only without operands in registers.
	unseen RegisterSet
	access int64 // bytes of memory that it reads
}

const computes = writesLast | scratchable

var (
	raxRdx    = Set(rax, rdx)
	stringAll = Set(rsi, rdi, rcx)
)

// families are the instructions by the start of their names; the longest that fits counts. Some questions have narrower answers
// than the manual (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2): what a column leaves out is taken for
// unknown by whoever asks, or holds of no instruction that compilers write.
var families = []row{
	// Moves.
	{stem: "mov", kind: Move, traits: computes | scalar},
	{stem: "movs", kind: Move, traits: computes | copies, unseen: stringAll},
	{stem: "movdir64b", traits: scratchable}, // writes where its last operand leads
	{stem: "movhp", kind: MoveHalf, traits: computes},
	{stem: "movlp", kind: MoveHalf, traits: computes},
	{stem: "cmov", traits: computes},
	{stem: "lea", kind: Address, traits: computes},
	{stem: "push", kind: Push, traits: reads},
	{stem: "pop", kind: Pop, traits: writesLast},
	{stem: "leave", kind: Leave, traits: computes},
	{stem: "xchg", kind: Exchange, traits: scratchable},
	{stem: "xadd", kind: Exchange, traits: scratchable},
	{stem: "cmpxchg", kind: CompareExchange, traits: scratchable | unnamed, unseen: Set(rax)},
	{stem: "bswap", traits: scratchable},

	// Control flow.
	{stem: "call", kind: Call},
	{stem: "j", kind: Branch},
	{stem: "loop", kind: Branch, unseen: Set(rcx)},
	{stem: "loope", kind: Branch, unseen: Set(rcx)},
	{stem: "loopne", kind: Branch, unseen: Set(rcx)},
	{stem: "ret", kind: Return},
	{stem: "xbegin", traits: target, unseen: Set(rax)}, // if it aborts
	{stem: "nop", kind: Nop},
	{stem: "int", unseen: clobbered},
	{stem: "syscall", unseen: clobbered},
	{stem: "sysenter", unseen: clobbered},

	// Arithmetic.
	{stem: "add", effect: Add, traits: computes | scalar},
	{stem: "sub", effect: Sub, traits: computes | clears | scalar},
	{stem: "and", effect: And, traits: computes},
	{stem: "xor", effect: Xor, traits: computes | clears},
	{stem: "or", traits: computes},
	{stem: "not", traits: computes},
	{stem: "neg", traits: computes},
	{stem: "inc", traits: computes},
	{stem: "incssp", traits: reads},
	{stem: "dec", traits: computes},
	{stem: "adc", traits: scratchable},
	{stem: "sbb", traits: scratchable},
	{stem: "sal", traits: computes},
	{stem: "sar", traits: computes},
	{stem: "shl", traits: computes},
	{stem: "shr", traits: computes},
	{stem: "rol", traits: scratchable},
	{stem: "ror", traits: scratchable},
	{stem: "rcl", traits: scratchable},
	{stem: "rcr", traits: scratchable},
	{stem: "mul", kind: WideArithmetic, traits: reads | scratchable | unnamed | scalar | always, unseen: raxRdx},
	{stem: "imul", kind: WideArithmetic, traits: computes | unnamed | replaces3 | always, unseen: raxRdx},
	{stem: "div", kind: WideArithmetic, traits: reads | scratchable | unnamed | scalar | always, unseen: raxRdx},
	{stem: "idiv", kind: WideArithmetic, traits: reads | scratchable | unnamed | always, unseen: raxRdx},
	{stem: "set", traits: computes},
	{stem: "cmp", kind: Compare, traits: reads | scratchable | scalars},
	{stem: "test", kind: Compare, traits: reads | scratchable},
	{stem: "bt", traits: scratchable},
	{stem: "bs", traits: scratchable},
	{stem: "bsf", traits: computes | replaces},
	{stem: "bsr", traits: computes | replaces},
	{stem: "popcnt", traits: computes | replaces},
	{stem: "lzcnt", traits: computes | replaces},
	{stem: "tzcnt", traits: computes | replaces},
	{stem: "crc32", traits: scratchable},
	{stem: "cltd", kind: Extend, traits: always, unseen: Set(rdx)},
	{stem: "cqto", kind: Extend, traits: always, unseen: Set(rdx)},
	{stem: "cwtd", traits: always, unseen: Set(rdx)},
	{stem: "cltq", traits: always, unseen: Set(rax)},
	{stem: "cwtl", traits: always, unseen: Set(rax)},
	{stem: "cbtw", traits: always, unseen: Set(rax)},

	// Strings, and what reads or writes registers of the system.
	{stem: "stos", traits: fills, unseen: Set(rdi, rcx)},
	{stem: "cmps", kind: Compare, traits: scratchable | scalars, unseen: stringAll},
	{stem: "scas", unseen: Set(rdi, rcx)},
	{stem: "lods", unseen: Set(rax, rsi, rcx)},
	{stem: "in", unseen: Set(rax)},
	{stem: "ins", unseen: Set(rdi, rcx)},
	{stem: "outs", unseen: Set(rsi, rcx)},
	{stem: "xlat", unseen: Set(rax)},
	{stem: "lahf", unseen: Set(rax)},
	{stem: "cpuid", unseen: Set(rax, rcx, rdx)},
	{stem: "rdtsc", unseen: raxRdx},
	{stem: "rdtscp", unseen: Set(rax, rcx, rdx)},
	{stem: "rdpmc", unseen: raxRdx},
	{stem: "rdmsr", unseen: raxRdx},
	{stem: "rdpkru", unseen: raxRdx},
	{stem: "xgetbv", unseen: raxRdx},
	{stem: "xrstor", unseen: clobbered},
	{stem: "xrstor64", unseen: clobbered},
	{stem: "xrstors", unseen: clobbered},
	{stem: "xrstors64", unseen: clobbered},
	{stem: "fxrstor", unseen: clobbered},
	{stem: "fxrstor64", unseen: clobbered},
	{stem: "encodekey128", unseen: allVectors},
	{stem: "encodekey256", unseen: allVectors},
	{stem: "aesencwide128kl", unseen: allVectors},
	{stem: "aesencwide256kl", unseen: allVectors},
	{stem: "aesdecwide128kl", unseen: allVectors},
	{stem: "aesdecwide256kl", unseen: allVectors},
	{stem: "prefetch", traits: scratchable},

	// SSE.
	{stem: "cvt", traits: computes | replaces},
	{stem: "sqrt", traits: scratchable | replaces | scalar},
	{stem: "pshuf", traits: scratchable | replaces},
	{stem: "pextr", traits: scratchable | replaces},
	{stem: "pmovmskb", traits: scratchable | replaces},
	{stem: "pxor", traits: computes | clears},
	{stem: "comi", traits: scratchable | scalar},
	{stem: "ucomi", traits: scratchable | scalar},
	{stem: "max", traits: scratchable | scalar},
	{stem: "min", traits: scratchable | scalar},
	{stem: "round", traits: scratchable},
	{stem: "unpck", traits: scratchable},
	{stem: "shuf", traits: scratchable},
	{stem: "blend", traits: scratchable},
	{stem: "rsqrt", traits: scratchable},
	{stem: "rcp", traits: scratchable},
	{stem: "hadd", traits: scratchable},
	{stem: "hsub", traits: scratchable},
	{stem: "dp", traits: scratchable},
	{stem: "insert", traits: scratchable},
	{stem: "extract", traits: scratchable},
	{stem: "pinsr", traits: scratchable},
	{stem: "padd", traits: scratchable},
	{stem: "psub", traits: scratchable},
	{stem: "pmul", traits: scratchable},
	{stem: "pmadd", traits: scratchable},
	{stem: "pand", traits: scratchable},
	{stem: "por", traits: scratchable},
	{stem: "pmax", traits: scratchable},
	{stem: "pmin", traits: scratchable},
	{stem: "psll", traits: scratchable},
	{stem: "psrl", traits: scratchable},
	{stem: "psra", traits: scratchable},
	{stem: "punpck", traits: scratchable},
	{stem: "pack", traits: scratchable},
	{stem: "pabs", traits: scratchable},
	{stem: "pavg", traits: scratchable},
	{stem: "psad", traits: scratchable},
	{stem: "palign", traits: scratchable},
	{stem: "pmov", traits: scratchable},
	{stem: "ptest", traits: scratchable},
	{stem: "pblend", traits: scratchable},
	{stem: "phadd", traits: scratchable},
	{stem: "phsub", traits: scratchable},
	{stem: "pcmp", traits: scratchable | unnamed},
	{stem: "pcmpestri", traits: scratchable | unnamed, unseen: Set(rcx)},
	{stem: "pcmpistri", traits: scratchable | unnamed, unseen: Set(rcx)},
	{stem: "pcmpestrm", traits: scratchable | unnamed, unseen: Set(xmm0)},
	{stem: "pcmpistrm", traits: scratchable | unnamed, unseen: Set(xmm0)},

	// AVX.
	{stem: "v", traits: scratchable | replaces3},
	{stem: "vcvt", traits: scratchable | replaces | replaces3},
	{stem: "vf", traits: scratchable},
	{stem: "vxor", traits: scratchable | replaces3 | clears},
	{stem: "vpxor", traits: scratchable | replaces3 | clears},
	{stem: "kxor", traits: clears},
	{stem: "vp2intersectd", traits: scratchable | replaces3, unseen: allMasks}, // a pair of masks
	{stem: "vp2intersectq", traits: scratchable | replaces3, unseen: allMasks},
	{stem: "vpcmp", traits: scratchable | unnamed | replaces3},
	{stem: "vpcmpestri", traits: scratchable | unnamed | replaces3, unseen: Set(rcx)},
	{stem: "vpcmpistri", traits: scratchable | unnamed | replaces3, unseen: Set(rcx)},
	{stem: "vpcmpestrm", traits: scratchable | unnamed | replaces3, unseen: Set(xmm0)},
	{stem: "vpcmpistrm", traits: scratchable | unnamed | replaces3, unseen: Set(xmm0)},
	{stem: "vzeroupper", traits: scratchable | replaces3, unseen: allVectors},
	{stem: "vzeroall", traits: scratchable | replaces3, unseen: allVectors},
	{stem: "fm", traits: scalars},  // "vfmadd213sd", without its "v"
	{stem: "fnm", traits: scalars}, // likewise

	// x87.
	{stem: "fld", traits: scratchable},
	{stem: "fild", traits: scratchable},
	{stem: "fst", traits: scratchable},
	{stem: "fist", traits: scratchable},
	{stem: "fadd", traits: scratchable},
	{stem: "fiadd", traits: scratchable},
	{stem: "fsub", traits: scratchable},
	{stem: "fisub", traits: scratchable},
	{stem: "fmul", traits: scratchable},
	{stem: "fimul", traits: scratchable},
	{stem: "fdiv", traits: scratchable},
	{stem: "fidiv", traits: scratchable},
	{stem: "fcom", traits: scratchable},
	{stem: "ficom", traits: scratchable},
}

// single are instructions of which something holds that does not of all in their family.
var single = []row{
	{stem: "jmp", kind: Jump},
	{stem: "jmpq", kind: JumpPointer},
	{stem: "hlt", kind: Trap},
	{stem: "ud2", kind: Trap},
	{stem: "cmpxchg8b", unseen: raxRdx},
	{stem: "cmpxchg16b", unseen: raxRdx},
	{stem: "movq", traits: loads},
	{stem: "movl", traits: loads},
	{stem: "movslq", traits: loads},
	{stem: "movzbl", traits: loads},
	{stem: "movzwl", traits: loads},
	{stem: "movsbl", traits: loads},
	{stem: "movswl", traits: loads},
	{stem: "movzbq", traits: loads},
	{stem: "movzwq", traits: loads},
	{stem: "movsbq", traits: loads},
	{stem: "movswq", traits: loads},
	{stem: "leaq", traits: loads},
	{stem: "flds", access: 4},
	{stem: "fldl", access: 8},
	{stem: "fldt", access: 10},
	{stem: "fadds", access: 4},
	{stem: "faddl", access: 8},
	{stem: "fmuls", access: 4},
	{stem: "fmull", access: 8},
	{stem: "fsubs", access: 4},
	{stem: "fsubl", access: 8},
	{stem: "fsubrs", access: 4},
	{stem: "fsubrl", access: 8},
	{stem: "fdivs", access: 4},
	{stem: "fdivl", access: 8},
	{stem: "fdivrs", access: 4},
	{stem: "fdivrl", access: 8},
}

// prefix is a word that may stand before an instruction.
type prefix struct {
	unseen RegisterSet // as of a row
	loose  bool        // before an instruction on memory or a jump; in old code like a statement of its own
}

var prefixes = map[string]prefix{
	"notrack":  {loose: true},
	"bnd":      {loose: true},
	"lock":     {loose: true},
	"xacquire": {loose: true},
	"xrelease": {loose: true},
	"rep":      {unseen: Set(rcx)},
	"repz":     {unseen: Set(rcx)},
	"repe":     {},
	"repnz":    {unseen: Set(rcx)},
	"repne":    {},
}

// lookup finds rows: by the name of one instruction, by a stem as it stands here, and by the first letter, the longest stem first.
type lookup struct {
	single, stems map[string]*row
	byLetter      [256][]*row
}

var instructions = sync.OnceValue(func() *lookup {
	l := &lookup{single: map[string]*row{}, stems: map[string]*row{}}
	for i := range families {
		r := &families[i]
		l.stems[r.stem] = r
		list := &l.byLetter[r.stem[0]]
		at := 0
		for at < len(*list) && len((*list)[at].stem) >= len(r.stem) {
			at++
		}
		*list = append((*list)[:at], append([]*row{r}, (*list)[at:]...)...)
	}
	for i := range single {
		r := single[i]
		r.inherit(l.family(r.stem))
		l.single[r.stem] = &r
	}
	return l
})

// inherit adds what the family says to a row of one instruction.
func (r *row) inherit(of *row) {
	r.traits |= of.traits
	r.unseen |= of.unseen
	r.effect = of.effect
	if r.kind == Other {
		r.kind = of.kind
	}
}

// unheard is the row of what is in no family.
var unheard row

func (l *lookup) family(op string) *row {
	if op == "" {
		return &unheard
	}
	for _, r := range l.byLetter[op[0]] {
		if strings.HasPrefix(op, r.stem) {
			return r
		}
	}
	return &unheard
}

// find returns the row of an instruction, never nil.
func (l *lookup) find(op string) *row {
	if r := l.single[op]; r != nil {
		return r
	}
	return l.family(op)
}

// has reports a trait.
func (r *row) has(t trait) bool { return r.traits&t != 0 }

// sized reports whether an instruction has no more than a size behind the stem of its row.
func (r *row) sized(op string) bool { return strings.Trim(op[len(r.stem):], "bwlq") == "" }

// accessSize returns how many bytes an SSE or x87 instruction with one operand in memory reads, 0 for what is not known.
func (l *lookup) accessSize(op string) int64 {
	op = strings.TrimPrefix(op, "v")
	if n := len(op) - 2; n > 0 {
		exact := l.stems[op[:n]]
		if exact != nil && exact.has(scalar) || l.family(op[:n]).has(scalars) {
			switch op[n:] {
			case "sd":
				return 8
			case "ss":
				return 4
			}
		}
	}
	return l.find(op).access
}
