package unwind

import (
	"bytes"
	"slices"
)

// Numbers of registers in instructions (Intel SDM, volume 2, table 3-1).
const (
	x86RAX = 0
	x86RCX = 1
	x86RDX = 2
	x86RSP = 4
	x86RBP = 5
	x86RSI = 6
	x86RDI = 7
)

var x86Code = code{
	stack: x86RSP, base: x86RBP,
	parts:     1<<3 | 1<<x86RSP | 1<<x86RBP | 1<<10 | 0xf<<12, // r10 leads to the arguments of a function that aligns its stack
	arguments: 1<<x86RDI | 1<<x86RSI | 1<<x86RDX | 1<<x86RCX | 3<<8,
	results:   1<<x86RAX | 1<<x86RDX,
	called:    8,
	align:     1,
	next:      x86Next,
	decode:    x86Decode,
	keeps:     x86Keeps,
	size:      x86Size,
}

// x86Decode says what an instruction does (Intel SDM, volume 2, appendix A).
func x86Decode(code []byte, at uint64) step {
	in, ok := x86Parse(code)
	if !ok {
		return step{}
	}
	s := step{size: in.size}
	in.goesOn(&s, at+uint64(in.size))
	in.moves(&s)
	s.odd = in.odd()
	if in.mapped == 1 && in.rex&8 == 0 && in.operandOf32() {
		s.moves = slices.DeleteFunc(s.moves, func(m move) bool { return m.register == x86RSP }) // half an address is none
	}
	return s
}

// operandOf32 reports whether the instruction works on 64 bits only where its prefix says so.
func (in *x86Inst) operandOf32() bool { return in.op&0xf0 != 0x50 && in.op != 0x8f && in.op != 0xc9 }

// odd reports whether the instruction is one that code written by hand has seldom: sums of bytes, input and output, what only kernels may do.
func (in *x86Inst) odd() bool {
	op := in.op
	switch {
	case in.mapped != 1:
		return false
	case op < 0x40:
		return op&1 == 0
	case op >= 0x6c && op <= 0x6f, op >= 0xa0 && op <= 0xa3, op >= 0xe0 && op <= 0xe7, op >= 0xec && op <= 0xef:
		return true
	}
	return bytes.IndexByte([]byte{0x63, 0x98, 0x9b, 0x9c, 0x9e, 0x9f, 0xc2, 0xca, 0xcb, 0xcc, 0xcd, 0xd7, 0xf1, 0xf4, 0xf5, 0xfa, 0xfb, 0xf8, 0xf9}, op) >= 0
}

// goesOn says where code goes on after the instruction, which ends at an address.
func (in *x86Inst) goesOn(s *step, end uint64) {
	to := end + uint64(in.immediate)
	switch op := in.op; {
	case in.vector:
	case in.mapped == 1 && (op&0xf0 == 0x70 || op >= 0xe0 && op <= 0xe3), in.mapped == 0x0f && op&0xf0 == 0x80:
		s.next, s.target = branch, to
	case in.mapped == 1 && (op == 0xe9 || op == 0xeb):
		s.next, s.target = jump, to
	case in.mapped == 1 && op == 0xe8:
		s.next, s.target = call, to
	case in.mapped == 1 && op == 0xff && in.reg&7 == 2:
		s.next = call
	case in.mapped == 1 && op == 0xff && in.reg&7 == 4:
		s.next, s.cases = away, true
	case in.mapped == 1 && (op == 0xc2 || op == 0xc3 || op == 0xca || op == 0xcb || op == 0xcf || op == 0xcc || op == 0xf4),
		in.mapped == 0x0f && op == 0x0b:
		s.next = away
	}
}

// give adds a move to a register.
func (s *step) give(register int, from uint32, load slot) {
	if register != noRegister {
		s.moves = append(s.moves, move{register: register, store: noSlot, from: from, load: load})
	}
}

// lose adds one of something that is no address.
func (s *step) lose(register int) { s.give(register, 0, noSlot) }

// keep adds a move to memory.
func (s *step) keep(to slot, from uint32) {
	if to.base != noRegister {
		s.moves = append(s.moves, move{register: noRegister, store: to, from: from, load: noSlot})
	}
}

// bit is the register as one of a set.
func bit(register int) uint32 {
	if register == noRegister {
		return 0
	}
	return 1 << register
}

// place returns the operand in memory; with an index it is anywhere.
func (in *x86Inst) place() slot {
	if in.index != noRegister {
		return slot{in.operand.base, 1<<40 + in.operand.offset}
	}
	return in.operand
}

// moves says what the instruction does to registers.
func (in *x86Inst) moves(s *step) {
	switch {
	case in.vector:
		in.vectorMoves(s)
	case in.mapped == 1:
		in.oneByteMoves(s)
	case in.mapped == 0x0f:
		in.twoByteMoves(s)
	case in.mapped == 0x38 && in.op&0xfe == 0xf0, in.mapped == 0x38 && in.op == 0xf6: // movbe, crc32, adcx
		s.lose(in.reg)
	}
}

// vectorMoves knows those of BMI.
func (in *x86Inst) vectorMoves(s *step) {
	switch {
	case in.mapped == 0x38 && in.op == 0xf3:
		s.lose(in.vvvv)
	case in.mapped == 0x38 && in.op == 0xf6:
		s.lose(in.vvvv)
		s.lose(in.reg)
	case in.mapped == 0x38 && (in.op == 0xf2 || in.op == 0xf5 || in.op == 0xf7), in.mapped == 0x3a && in.op == 0xf0:
		s.lose(in.reg)
	}
}

func (in *x86Inst) oneByteMoves(s *step) {
	low := int(in.op&7 | in.rex&1<<3)
	switch op := in.op; {
	case op < 0x40 && op&7 < 4 && op&0x38 != 0x38 && op&1 == 1:
		in.arithmetic(s)
	case op&0xf8 == 0x50:
		s.keep(pushed, bit(low))
	case op&0xf8 == 0x58:
		s.give(low, 0, pushed)
	case op == 0x8f:
		s.give(in.rm, 0, pushed)
	case op == 0xff && in.reg&7 == 6 && in.mod != 3:
		s.moves = append(s.moves, move{register: noRegister, store: pushed, load: in.place()})
	case op == 0xff && in.reg&7 == 6:
		s.keep(pushed, bit(in.rm))
	case op == 0x63 || op == 0x69 || op == 0x6b:
		s.lose(in.reg)
	case op == 0x87 && in.mod == 3:
		s.give(in.rm, bit(in.reg), noSlot)
		s.give(in.reg, bit(in.rm), noSlot)
	case op == 0x87:
		s.keep(in.place(), bit(in.reg))
		s.give(in.reg, 0, in.place())
	case op == 0x89 && in.mod == 3:
		s.give(in.rm, bit(in.reg), noSlot)
	case op == 0x89:
		s.keep(in.place(), bit(in.reg))
	case op == 0x8b:
		s.give(in.reg, bit(in.rm), in.place())
	case op == 0x8d:
		s.give(in.reg, bit(in.operand.base)|bit(in.index), noSlot)
	case op > 0x90 && op < 0x98, op == 0x90 && in.rex&1 != 0:
		s.give(low, bit(x86RAX), noSlot)
		s.give(x86RAX, bit(low), noSlot)
	case op == 0xc9:
		s.give(x86RSP, bit(x86RBP), noSlot)
		s.give(x86RBP, 0, pushed)
	case op >= 0xb8 && op <= 0xbf:
		s.lose(low)
	case (op == 0xc1 || op == 0xd1 || op == 0xd3) && in.rm == x86RSP: // it is aligned
	case op == 0xc7, op == 0xc1, op == 0xd1, op == 0xd3:
		s.lose(in.rm)
	case op == 0xf7:
		in.multiply(s)
	case op == 0xa5 || op == 0xab: // their pointers stay near
	case op == 0xad:
		s.lose(x86RAX)
	}
}

// arithmetic: a sum or difference is an address if one of both is; so is one that was aligned. xor of a register with itself is 0. To take something
// off rsp makes room on the stack; to add to it goes to another stack, or gives that room back.
func (in *x86Inst) arithmetic(s *step) {
	to, from := in.rm, bit(in.reg)
	if in.op&2 != 0 {
		to, from = in.reg, bit(in.rm)
	}
	switch {
	case to == x86RSP && (in.op&0x38 == 0x08 || in.op&0x38 == 0x30 || in.op&0x38 == 0):
		s.adds = in.op&0x38 == 0
		s.lose(to)
	case to == x86RSP && in.op&0x38 == 0x28:
		s.room = true
	case to == noRegister || to == x86RSP:
	case in.op&0x38 == 0x30 && in.rm == in.reg:
		s.lose(to)
	default:
		s.give(to, bit(to)|from, noSlot)
	}
}

func (in *x86Inst) multiply(s *step) {
	switch in.reg & 7 {
	case 2, 3:
		s.lose(in.rm)
	case 4, 5, 6, 7:
		s.lose(x86RAX)
		s.lose(x86RDX)
	}
}

func (in *x86Inst) twoByteMoves(s *step) {
	switch op := in.op; {
	case op&0xf0 == 0x40:
		s.give(in.reg, bit(in.rm), in.place())
	case op == 0xaf, op == 0xb6, op == 0xb7, op == 0xbe, op == 0xbf, op == 0xbc, op == 0xbd, op == 0xb8:
		s.lose(in.reg)
	case op&0xf0 == 0x90:
		s.lose(in.rm)
	case op&0xf8 == 0xc8:
		s.lose(int(op&7 | in.rex&1<<3))
	case op == 0xa2:
		for _, r := range []int{x86RAX, x86RCX, x86RDX, 3} {
			s.lose(r)
		}
	case op == 0x31 || op == 0x05:
		s.lose(x86RAX)
		s.lose(x86RDX)
	}
}
