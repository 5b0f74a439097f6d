package unwind

import "encoding/binary"

var a64Code = code{
	stack: a64SP, base: a64FP,
	parts:     0x7ff<<19 | 1<<a64SP,
	arguments: 0xff,
	results:   3,
	align:     4,
	next:      a64Next,
	decode:    a64Decode,
	keeps:     a64Keeps,
	size:      func(code []byte) int { return min(len(code), 4) &^ 3 },
}

// a64Next knows add, sub and the logical operations that give sp a value made from another register.
func a64Next(code []byte, from int) int {
	for at := from; at+4 <= len(code); at += 4 {
		w := binary.LittleEndian.Uint32(code[at:])
		if w&31 == a64SP && w>>5&31 != a64SP && (a64Sum(w) || a64Masked(w)) {
			return at
		}
	}
	return len(code)
}

// a64Sum knows add and sub, with a number or an extended register, that leave the flags alone (Arm ARM, Add/subtract).
func a64Sum(w uint32) bool { return w&0xbf800000 == 0x91000000 || w&0xbfe00000 == 0x8b200000 }

// a64Masked knows and, orr and eor with a number.
func a64Masked(w uint32) bool { return w&0x9f800000 == 0x92000000 && w&0x60000000 != 0x60000000 }

// a64Decode says what an instruction does.
func a64Decode(code []byte, at uint64) step {
	if len(code) < 4 {
		return step{}
	}
	w := binary.LittleEndian.Uint32(code)
	s := step{size: 4}
	a64GoesOn(&s, w, at)
	if s.next == onward {
		a64Moves(&s, w)
	}
	return s
}

func a64GoesOn(s *step, w uint32, at uint64) {
	to := func(low, width int) uint64 { return at + uint64(int64(int32(w>>low<<(32-width)))>>(32-width)*4) }
	switch {
	case w&0xfc000000 == 0x14000000:
		s.next, s.target = jump, to(0, 26)
	case w&0xfc000000 == 0x94000000: // bl
		s.next, s.target = call, to(0, 26)
	case w&0xfe600000 == 0xd6200000: // blr
		s.next = call
	case w&0xff000000 == 0x54000000, w&0x7e000000 == 0x34000000: // b.cond, cbz
		s.next, s.target = branch, to(5, 19)
	case w&0x7e000000 == 0x36000000: // tbz
		s.next, s.target = branch, to(5, 14)
	case w&0xfffffc1f == 0xd61f0000: // br
		s.next, s.cases = away, true
	case w&0xfe000000 == 0xd6000000, w>>16 == 0, w&0xffe00000 == 0xd4200000: // ret, braa and the like; udf; brk
		s.next = away
	}
}

// a64Moves says what it does to registers. Number 31 is sp in sums, as a base, and where a masked value goes; else it is zero.
func a64Moves(s *step, w uint32) {
	d, n, m := int(w&31), int(w>>5&31), a64Register(w>>16)
	switch {
	case a64Sum(w) && w&0x00200000 != 0 && w&0x1f000000 == 0x0b000000:
		s.give(d, bit(n)|bit(m), noSlot)
	case a64Sum(w):
		s.give(d, bit(n), noSlot)
	case a64Masked(w):
		s.give(d, bit(a64Register(w>>5)), noSlot)
	case w&0x1f000000 == 0x0a000000, w&0x1f200000 == 0x0b000000: // logical operations and sums of registers
		s.give(a64Register(w), bit(a64Register(w>>5))|bit(m), noSlot)
	case w&0x0a000000 == 0x08000000:
		a64Memory(s, w)
	case w&0x1c000000 == 0x10000000, w&0x0e000000 == 0x0a000000: // other operations on numbers and registers
		s.give(a64Register(w), 0, noSlot)
	}
}

// a64Register returns the register in the low bits where number 31 is zero.
func a64Register(w uint32) int {
	if w &= 31; w != 31 {
		return int(w)
	}
	return noRegister
}

// a64Memory knows loads and stores of one general register or two (Arm ARM, Loads and Stores).
func a64Memory(s *step, w uint32) {
	base, t := int(w>>5&31), a64Register(w)
	load := w&(1<<22) != 0
	signed := func(low, width, scale int) int64 {
		return int64(int32(w>>low<<(32-width))) >> (32 - width) * int64(scale)
	}
	switch {
	case w&(1<<26) != 0: // of a vector register
	case w&0xffc00000 == 0xf9000000, w&0xffc00000 == 0xf9400000:
		s.transfer(load, t, slot{base, int64(w>>10&0xfff) * 8})
	case w&0xffa00c00 == 0xf8000000:
		s.transfer(load, t, slot{base, signed(12, 9, 1)})
	case w&0xffa00400 == 0xf8000400: // the base moves as well
		s.transfer(load, t, slot{base, 0})
	case w&0xfe000000 == 0xa8000000:
		at := slot{base, signed(15, 7, 8)}
		if w&(1<<23) != 0 { // the base moves as well
			at.offset = 0
		}
		s.transfer(load, t, at)
		s.transfer(load, a64Register(w>>10), slot{base, at.offset + 8})
	case load, w&0x3b000000 == 0x18000000: // others, and those of literals
		s.give(t, 0, noSlot)
	}
}

// transfer adds a move between a register and memory.
func (s *step) transfer(load bool, register int, place slot) {
	if load {
		s.give(register, 0, place)
	} else {
		s.keep(place, bit(register))
	}
}

// a64Keeps returns where the last instruction of code begins that copies sp to a register; -1 if there is none.
func a64Keeps(code []byte) int {
	for at := len(code)&^3 - 4; at >= 0; at -= 4 {
		if w := binary.LittleEndian.Uint32(code[at:]); w&^31 == 0x910003e0 && w&31 != a64SP {
			return at
		}
	}
	return -1
}
