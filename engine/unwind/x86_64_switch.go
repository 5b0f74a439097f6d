package unwind

import (
	"bytes"
	"encoding/binary"
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
	results:   1<<x86RAX | 1<<x86RDX,
	called:    8,
	align:     1,
	setsStack: x86SetsStack,
	decode:    x86Decode,
}

// x86SetsStack knows mov, lea, xchg, cmov, or, xor, pop and iretq that give rsp a value. lea that adds to rsp or rbp is none.
func x86SetsStack(code []byte) bool {
	switch b := code[0]; {
	case b == 0x5c:
		return len(code) < 2 || code[1] != 0x24 // that is an operand on the stack
	case b == 0x8f:
		return len(code) > 1 && code[1] == 0xc4
	case b&0xf8 == 0x48 && len(code) > 1 && (code[1] == 0x94 && b&1 == 0 || code[1] == 0xcf):
		return true
	case b&0xf8 != 0x48 || len(code) < 3:
		return false
	}
	rex, op, modrm := code[0], code[1], code[2]
	toReg := rex&4 == 0 && modrm>>3&7 == x86RSP
	toRM := rex&1 == 0 && modrm>>6 == 3 && modrm&7 == x86RSP
	if x86SetsFrame(rex, op, modrm, code[3:]) {
		return true
	}
	switch op {
	case 0x89, 0x09, 0x31:
		return toRM
	case 0x8b, 0x0b, 0x33:
		return toReg
	case 0x8d:
		return toReg && !(rex&1 == 0 && (modrm&7 == x86RBP && modrm>>6 != 0 || modrm&7 == x86RSP && len(code) > 3 && code[3]&7 == x86RSP))
	case 0x87:
		return toReg || toRM
	case 0x0f:
		return modrm&0xf0 == 0x40 && len(code) > 3 && code[3]>>3&7 == x86RSP && rex&4 == 0
	}
	return false
}

// x86SetsFrame knows mov that gives rbp a value other than rsp, where leave or its like stands near.
func x86SetsFrame(rex, op, modrm byte, rest []byte) bool {
	loaded := op == 0x8b && rex&4 == 0 && modrm>>3&7 == x86RBP && !(modrm>>6 == 3 && modrm&7 == x86RSP)
	copied := op == 0x89 && rex&1 == 0 && modrm>>6 == 3 && modrm&7 == x86RBP && modrm>>3&7 != x86RSP
	if !loaded && !copied {
		return false
	}
	const near = 32
	rest = rest[:min(len(rest), near)]
	return bytes.IndexByte(rest, 0xc9) >= 0 || bytes.Contains(rest, []byte{0x48, 0x89, 0xec})
}

// x86Inst is an instruction taken apart.
type x86Inst struct {
	size        int
	rex         byte
	narrow      bool // prefix 66
	mapped      int  // opcode map: 1, 0x0f, 0x38, 0x3a; of VEX and EVEX as well
	vector      bool // VEX or EVEX
	op          byte
	hasRM       bool
	mod         byte
	reg, rm     int  // rm if mod is 3
	operand     slot // in memory otherwise; noRegister if it is relative to the code or absolute
	index       int  // noRegister if none
	vvvv        int
	immediate   int64
	immediateAt int
}

// x86LongXOP stands for AMD's map with operands of 4 bytes.
const x86LongXOP = 10

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

// x86Parse finds the parts of an instruction.
func x86Parse(code []byte) (in x86Inst, ok bool) {
	in = x86Inst{mapped: 1, operand: noSlot, index: noRegister, reg: noRegister, rm: noRegister}
	r := &reader{data: code[:min(len(code), 15)]}
	b := r.u8()
	for ; x86Prefix(b) && r.err == nil; b = r.u8() {
		in.narrow = in.narrow || b == 0x66
	}
	if b&0xf0 == 0x40 {
		in.rex = b
		b = r.u8()
	}
	switch {
	case b == 0xc5 || b == 0xc4 || b == 0x62 || b == 0x8f && r.left() > 0 && r.data[r.pos]&0x18 != 0:
		in.vectorPrefix(r, b)
	case b == 0x0f:
		in.mapped, in.op = 0x0f, r.u8()
		if in.op == 0x38 || in.op == 0x3a {
			in.mapped, in.op = int(in.op), r.u8()
		}
	default:
		in.op = b
	}
	kind := in.operands()
	if in.hasRM = kind&x86RM != 0; in.hasRM {
		in.modRM(r)
	}
	in.number(r, in.immediateSize(kind))
	in.size = r.pos
	return in, r.err == nil && kind&x86Bad == 0
}

func x86Prefix(b byte) bool {
	switch b {
	case 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3:
		return true
	}
	return false
}

// vectorPrefix reads VEX (C5, C4), EVEX (62) and AMD's XOP (8F). Where their bits are inverted, so are these.
func (in *x86Inst) vectorPrefix(r *reader, first byte) {
	in.vector = true
	p := r.u8()
	maps := [32]int{1: 0x0f, 2: 0x38, 3: 0x3a, 5: 0x38, 6: 0x38, 8: 0x3a, 9: 0x38, 10: x86LongXOP} // of 5, 6 and 8 to 10 only the length counts
	last := p
	switch first {
	case 0xc5:
		in.mapped, in.rex = 0x0f, ^p>>5&4
	default:
		last = r.u8()
		mask := byte(31)
		if first == 0x62 {
			mask = 7
		}
		in.mapped, in.rex = maps[p&mask], ^p>>5&7|last>>4&8
		if first == 0x62 {
			r.u8()
		}
	}
	in.vvvv = int(^last >> 3 & 15)
	in.op = r.u8()
}

// modRM reads the byte of that name, what it says to follow, and the registers.
func (in *x86Inst) modRM(r *reader) {
	b := r.u8()
	in.mod = b >> 6
	in.reg = int(b>>3&7 | in.rex&4<<1)
	rm := int(b & 7)
	if in.mod == 3 {
		in.rm = rm | int(in.rex&1<<3)
		return
	}
	base := rm | int(in.rex&1<<3)
	if rm == x86RSP {
		sib := r.u8()
		rm = int(sib & 7)
		base = rm | int(in.rex&1<<3)
		if i := int(sib>>3&7 | in.rex&2<<2); i != x86RSP {
			in.index = i
		}
		if rm == x86RBP && in.mod == 0 {
			base = noRegister
		}
	} else if rm == x86RBP && in.mod == 0 {
		base = noRegister
	}
	in.operand = slot{base: base}
	switch {
	case in.mod == 1:
		in.operand.offset = int64(int8(r.u8()))
	case in.mod == 2, base == noRegister:
		in.operand.offset = int64(int32(r.u32()))
	}
}

// number reads an immediate operand.
func (in *x86Inst) number(r *reader, size int) {
	in.immediateAt = r.pos
	data := r.bytes(uint64(size))
	if r.err != nil {
		return
	}
	switch size {
	case 1:
		in.immediate = int64(int8(data[0]))
	case 4:
		in.immediate = int64(int32(binary.LittleEndian.Uint32(data)))
	}
}

// What follows an opcode.
const (
	x86RM   = 1 << iota
	x86Byte // immediate operands
	x86Word // 4 bytes, 2 if narrow
	x86Rel  // 4 bytes
	x86Bad
)

// x86Rows says it for each opcode of the first map, 16 in a row: . nothing, m ModR/M, b a byte, w a word, B and W both, r a distance, x none such.
const x86Rows = "mmmmbwxxmmmmbwx." + "mmmmbwxxmmmmbwxx" + "mmmmbw.xmmmmbw.x" + "mmmmbw.xmmmmbw.x" +
	"................" + "................" + "xxxm....wWbB...." + "bbbbbbbbbbbbbbbb" +
	"BWxBmmmmmmmmmmmm" + "..........x....." + "........bw......" + "bbbbbbbbwwwwwwww" +
	"BB..xxBW....xbx." + "mmmmxxx.mmmmmmmm" + "bbbbbbbbrrxb...." + "......mm......mm"

// x86Rows0F says it for those after 0F.
const x86Rows0F = "mmmmx.......xm.B" + "mmmmmmmmmmmmmmmm" + "mmmmxxxxmmmmmmmm" + "........x.x.xxxx" +
	"mmmmmmmmmmmmmmmm" + "mmmmmmmmmmmmmmmm" + "mmmmmmmmmmmmmmmm" + "BBBBmmm.mmmmmmmm" +
	"rrrrrrrrrrrrrrrr" + "mmmmmmmmmmmmmmmm" + "...mBmxx...mBmmm" + "mmmmmmmmmmBmmmmm" +
	"mmBmBBBm........" + "mmmmmmmmmmmmmmmm" + "mmmmmmmmmmmmmmmm" + "mmmmmmmmmmmmmmmm"

var x86Kinds = [256]int{
	'.': 0, 'm': x86RM, 'b': x86Byte, 'w': x86Word, 'B': x86RM | x86Byte, 'W': x86RM | x86Word, 'r': x86Rel, 'x': x86Bad,
}

// operands returns what follows the opcode.
func (in *x86Inst) operands() int {
	switch in.mapped {
	case 1:
		return x86Kinds[x86Rows[in.op]]
	case 0x0f:
		return x86Kinds[x86Rows0F[in.op]]
	case 0x38:
		return x86RM
	case 0x3a:
		return x86RM | x86Byte
	case x86LongXOP:
		return x86RM | x86Word
	}
	return x86Bad
}

// immediateSize returns how many bytes the immediate operands take; those of F6 and F7 depend on the operation.
func (in *x86Inst) immediateSize(kind int) int {
	word := 4
	if in.narrow && in.rex&8 == 0 {
		word = 2
	}
	switch {
	case in.mapped == 1 && in.op == 0xf6 && in.reg&7 < 2:
		return 1
	case in.mapped == 1 && in.op == 0xf7 && in.reg&7 < 2:
		return word
	case in.mapped == 1 && in.op >= 0xa0 && in.op <= 0xa3, in.mapped == 1 && in.op >= 0xb8 && in.op <= 0xbf && in.rex&8 != 0:
		return 8
	case in.mapped == 1 && (in.op == 0xc2 || in.op == 0xca):
		return 2
	case in.mapped == 1 && in.op == 0xc8:
		return 3
	case kind&x86Byte != 0:
		return 1
	case kind&x86Word != 0:
		return word
	case kind&x86Rel != 0:
		return 4
	}
	return 0
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
	case in.mapped == 1 && (op == 0xc2 || op == 0xc3 || op == 0xca || op == 0xcb || op == 0xcf || op == 0xcc || op == 0xf4 || op == 0xff && in.reg&7 == 4),
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
	case op == 0xcf:
		s.lose(x86RSP)
	case op >= 0xb8 && op <= 0xbf:
		s.lose(low)
	case op == 0xc7, op == 0xc1, op == 0xd1, op == 0xd3:
		s.lose(in.rm)
	case op == 0xf7:
		in.multiply(s)
	case op == 0xa5 || op == 0xab: // their pointers stay near
	case op == 0xad:
		s.lose(x86RAX)
	}
}

// arithmetic: a sum or difference is an address if one of both is; so is one that was aligned. xor of a register with itself is 0.
func (in *x86Inst) arithmetic(s *step) {
	to, from := in.rm, bit(in.reg)
	if in.op&2 != 0 {
		to, from = in.reg, bit(in.rm)
	}
	switch {
	case to == x86RSP && (in.op&0x38 == 0x08 || in.op&0x38 == 0x30):
		s.lose(to)
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
