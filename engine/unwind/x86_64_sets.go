package unwind

import "bytes"

// This file finds in the bytes of code, at the speed of memory, what may give rsp a value. Nearly all of what it finds is a part of another
// instruction, or comes to nothing, so that it must be decoded then.

// x86Ways are the kinds of instructions that give rsp a value, or rbp where leave takes it from there. A kind is told by two bytes: the opcode and
// what follows it.
type x86Ways uint16

const (
	x86FromRM   x86Ways = 1 << iota // op reg, r/m: rsp is reg
	x86ToRM                         // op r/m, reg: rsp is r/m
	x86Address                      // lea
	x86Either                       // xchg
	x86Moved                        // cmov
	x86Popped                       // pop, of one byte
	x86PoppedRM                     // pop, of two
	x86Swapped                      // xchg with rax
	x86Frame                        // mov to rbp
	x86FrameRM                      // likewise, rbp is r/m
)

// x86Opcodes and x86Operands tell the ways by the bytes.
var x86Opcodes, x86Operands = x86WaysOfBytes()

func x86WaysOfBytes() (opcodes, operands [256]x86Ways) {
	for _, op := range []byte{0x03, 0x0b, 0x33, 0x8b} {
		opcodes[op] = x86FromRM
		opcodes[op-2] = x86ToRM
	}
	opcodes[0x8b] |= x86Frame
	opcodes[0x89] |= x86FrameRM
	opcodes[0x8d], opcodes[0x87], opcodes[0x5c], opcodes[0x8f], opcodes[0x94] = x86Address, x86Either, x86Popped, x86PoppedRM, x86Swapped
	for b := range 256 {
		if b&0xf0 == 0x40 {
			opcodes[b] = x86Moved
		}
		reg, rm, direct := b>>3&7, b&7, b>>6 == 3
		operands[b] = x86Popped | x86Swapped
		if reg == x86RSP {
			operands[b] |= x86FromRM | x86Address | x86Either | x86Moved
		}
		if direct && rm == x86RSP {
			operands[b] |= x86ToRM | x86Either
		}
		if reg == x86RBP && !(direct && rm == x86RSP) {
			operands[b] |= x86Frame
		}
		if direct && rm == x86RBP && reg != x86RSP {
			operands[b] |= x86FrameRM
		}
	}
	operands[0x24] &^= x86Popped // then 5c is an operand on the stack
	operands[0xc4] |= x86PoppedRM
	return opcodes, operands
}

// x86Next returns where the next instruction may begin, from an offset on, that gives rsp a value; the length of the code if there is none.
func x86Next(code []byte, from int) int {
	for i := from; i+1 < len(code); i++ {
		if ways := x86Opcodes[code[i]] & x86Operands[code[i+1]]; ways != 0 {
			if at := x86Begins(code, i, ways); at >= from {
				return at
			}
		}
	}
	if n := len(code); n > from && code[n-1] == 0x5c {
		return n - 1
	}
	return len(code)
}

// x86Begins returns where the instruction begins that may have its opcode at an offset, -1 if none does. Ways are of few kinds at once.
func x86Begins(code []byte, op int, ways x86Ways) int {
	prefix := func(back int) byte { // REX if it says that operands have 64 bits, else 0
		if op < back || code[op-back]&0xf8 != 0x48 {
			return 0
		}
		return code[op-back]
	}
	is := func(kind x86Ways) bool { return ways&kind != 0 }
	if is(x86Popped | x86PoppedRM) {
		if op > 0 && code[op-1]&0xf1 == 0x41 { // r12
			return -1
		}
		return op
	}
	if is(x86Moved) {
		if op > 0 && code[op-1] == 0x0f && prefix(2) != 0 && prefix(2)&4 == 0 {
			return op - 2
		}
		return -1
	}
	rex := prefix(1)
	toReg, toRM := rex&4 == 0, rex&1 == 0
	switch {
	case rex == 0:
	case is(x86FromRM) && toReg, is(x86ToRM|x86Swapped) && toRM, is(x86Either) && (toReg || toRM):
		return op - 1
	case is(x86Address) && toReg && !x86NearStack(rex, code[op+1:]):
		return op - 1
	case (is(x86Frame) && toReg || is(x86FrameRM) && toRM) && x86Leaves(code[op-1:]):
		return op - 1
	}
	return -1
}

// x86NearStack reports whether the operand of lea is one that adds to rsp or rbp.
func x86NearStack(rex byte, operand []byte) bool {
	rm, mod := operand[0]&7, operand[0]>>6
	return rex&1 == 0 && (rm == x86RBP && mod != 0 || rm == x86RSP && len(operand) > 1 && operand[1]&7 == x86RSP)
}

// x86Leaves reports whether code comes, straight and soon, to leave or its like.
func x86Leaves(code []byte) bool {
	const near = 40
	code = code[:min(len(code), near)]
	if bytes.IndexByte(code, 0xc9) < 0 && !bytes.Contains(code, []byte{0x48, 0x89, 0xec}) {
		return false
	}
	for len(code) > 0 {
		in, ok := x86Parse(code)
		if !ok {
			return false
		}
		if in.mapped == 1 && (in.op == 0xc9 || in.op == 0x89 && in.rm == x86RSP && in.reg == x86RBP) {
			return true
		}
		var s step
		if in.goesOn(&s, 0); s.next == away || s.next == jump {
			return false
		}
		code = code[in.size:]
	}
	return false
}

// x86Keeps returns where the last instruction of code begins that copies rsp to another register; -1 if there is none.
func x86Keeps(code []byte) int {
	for i := len(code) - 3; i >= 0; i-- {
		if code[i+1] == 0x89 && code[i]&^1 == 0x48 && code[i+2]&0xf8 == 0xe0 {
			return i
		}
	}
	return -1
}
