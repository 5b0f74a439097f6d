package diffasm

import (
	"slices"
	"strings"
)

// regset is a set of the registers that a call may overwrite, one bit each: 9 general ones, 32 vectors, 8 masks. With
// -fipa-ra gcc keeps values in those that a callee in the same unit is seen to leave alone.
type regset uint64

const (
	generalRegs = 9
	vectorRegs  = 32
	maskRegs    = 8

	rax, rcx, rdx, rsi, rdi regset = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4
	allVectors                     = (regset(1)<<vectorRegs - 1) << generalRegs
	allRegs                        = regset(1)<<(generalRegs+vectorRegs+maskRegs) - 1
)

// generalBit is by the name without prefix and suffix: "eax", "ax" and "al" are "a".
var generalBit = map[string]int{"a": 0, "c": 1, "d": 2, "si": 3, "di": 4, "8": 5, "9": 6, "10": 7, "11": 8}

// register returns the bit of a register as operands spell it ("%r8d"); 0 for those that calls keep, and for the x87
// stack and the flags, which gcc never keeps values in.
func register(name string) regset {
	name = strings.TrimPrefix(name, "%")
	for i, prefix := range []string{"xmm", "ymm", "zmm", "k"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			n, isNumber := number(rest)
			switch {
			case isNumber && i < 3 && n < vectorRegs:
				return 1 << (generalRegs + n)
			case isNumber && i == 3 && n < maskRegs:
				return 1 << (generalRegs + vectorRegs + n)
			}
		}
	}
	short := strings.TrimLeft(name, "re")
	if strings.HasPrefix(name, "r") && len(name) > 1 && name[1] >= '0' && name[1] <= '9' {
		short = strings.TrimRight(short, "dwb")
	} else if len(short) == 2 {
		short = strings.TrimRight(short, "xlh")
	}
	if n, ok := generalBit[short]; ok {
		return 1 << n
	}
	if n, ok := generalBit[strings.TrimSuffix(short, "l")]; ok { // sil, dil
		return 1 << n
	}
	return 0
}

// implicit are the instructions that write registers which are no operands of theirs.
var implicit = map[string]regset{
	"mul": rax | rdx, "div": rax | rdx, "idiv": rax | rdx, "imul": rax | rdx, "cqto": rdx, "cltd": rdx, "cwtd": rdx, "cltq": rax, "cwtl": rax, "cbtw": rax,
	"movs": rsi | rdi | rcx, "stos": rdi | rcx, "cmps": rsi | rdi | rcx, "scas": rdi | rcx, "lods": rax | rsi | rcx, "rep": rcx, "repz": rcx, "repnz": rcx,
	"loop": rcx, "loope": rcx, "loopne": rcx, "cpuid": rax | rcx | rdx, "rdtsc": rax | rdx, "rdtscp": rax | rcx | rdx, "xgetbv": rax | rdx,
	"cmpxchg": rax, "cmpxchg8b": rax | rdx, "cmpxchg16b": rax | rdx, "lahf": rax, "xlat": rax, "in": rax, "ins": rdi | rcx, "outs": rsi | rcx,
	"rdpmc": rax | rdx, "rdmsr": rax | rdx, "rdpkru": rax | rdx, "pcmpestri": rcx, "pcmpistri": rcx, "vpcmpestri": rcx, "vpcmpistri": rcx,
	"pcmpestrm": 1 << generalRegs, "pcmpistrm": 1 << generalRegs, "vpcmpestrm": 1 << generalRegs, "vpcmpistrm": 1 << generalRegs,
	"vzeroupper": allVectors, "vzeroall": allVectors, "syscall": allRegs, "sysenter": allRegs, "int": allRegs, "xrstor": allRegs, "fxrstor": allRegs,
}

// writers are the common instructions that write their last operand only, by the start of their names; readers write no operand.
var (
	writers = []string{
		"mov", "lea", "add", "sub", "xor", "and", "or", "not", "neg", "sal", "sar", "shl", "shr", "imul", "inc", "dec", "pop", "set", "cmov", "cvt", "pxor",
	}
	readers  = []string{"cmp", "test", "push", "mul", "div", "idiv"}
	prefixes = []string{"notrack", "bnd", "lock", "rep", "repz", "repe", "repnz", "repne"}
)

// overwrites returns the registers that a function and those it calls write: with most, all that may be, else those that
// surely are, or that callers have to take for written since a callee is not known.
func overwrites(f *File, fn *fn, most bool, seen map[*fn]bool) regset {
	if seen[fn] {
		return 0
	}
	seen[fn] = true
	var set regset
	for _, s := range fn.streams {
		for _, st := range s.stmts {
			if st.kind != insn || st.asm && !most {
				continue
			}
			op, args, unseen := withoutPrefix(st)
			to := f.callee(op, args)
			switch {
			case st.asm, to == nil && isUnknownCall(op, args, most), to != nil && most && f.replaceable(args):
				return allRegs
			case to != nil:
				set |= overwrites(f, to, most, seen)
			case most:
				set |= unseen | mayWrite(op, args)
			default:
				set |= surelyWrites(op, args)
			}
		}
	}
	return set
}

// withoutPrefix returns an instruction without its prefixes, and what it and they write unseen.
func withoutPrefix(st stmt) (op, args string, unseen regset) {
	op, args = st.op, st.args
	for slices.Contains(prefixes, op) {
		unseen |= implicit[op]
		op, args, _ = strings.Cut(args, " ")
		args = strings.TrimSpace(args)
	}
	if set, ok := implicit[op]; ok {
		return op, args, unseen | set
	}
	return op, args, unseen | implicit[strings.TrimRight(op, "bwlq")]
}

// callee returns the function of the unit that an instruction calls or jumps to.
func (f *File) callee(op, args string) *fn {
	if !strings.HasPrefix(op, "call") && !strings.HasPrefix(op, "j") {
		return nil
	}
	name, _, _ := strings.Cut(args, "@")
	if target, off, ok := f.follow(name); ok && off == 0 {
		name = target
	}
	return f.fnByName[name]
}

// replaceable reports whether another object may put its own function in the place of a called one.
func (f *File) replaceable(args string) bool {
	name, plt, _ := strings.Cut(args, "@")
	return plt != "" && f.isGlobal(name) || f.interposed(name)
}

// isUnknownCall reports whether an instruction leaves for code of which nothing is known. A jump through a register may be
// that or a switch.
func isUnknownCall(op, args string, most bool) bool {
	if isLocal(args) {
		return false
	}
	return strings.HasPrefix(op, "call") || strings.HasPrefix(op, "j") && (most || !strings.HasPrefix(args, "*"))
}

func mayWrite(op, args string) regset {
	if isOneOf(op, readers) {
		return 0
	}
	if writesLast(op, args) {
		return lastRegister(args)
	}
	var set regset
	t := tokens{s: args}
	for tok, ok := t.next(); ok; tok, ok = t.next() {
		if tok.kind == tokReg {
			set |= register(tok.text)
		}
	}
	return set
}

func surelyWrites(op, args string) regset {
	if writesLast(op, args) {
		return lastRegister(args)
	}
	return 0
}

// isOneOf reports whether op is one of the names, with or without a suffix for the size.
func isOneOf(op string, names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		rest, ok := strings.CutPrefix(op, n)
		return ok && strings.Trim(rest, "bwlq") == ""
	})
}

// writesLast: imul with one operand only reads that.
func writesLast(op, args string) bool {
	if strings.HasPrefix(op, "imul") && !strings.Contains(args, ",") {
		return false
	}
	return slices.ContainsFunc(writers, func(w string) bool { return strings.HasPrefix(op, w) })
}

func lastRegister(args string) regset {
	last := strings.TrimSpace(args[strings.LastIndexByte(args, ',')+1:])
	if !strings.HasPrefix(last, "%") {
		return 0
	}
	return register(last)
}
