package unwind

import "encoding/binary"

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

// x86Size returns the length of an instruction; 0 if it is none.
func x86Size(code []byte) int {
	if n := x86Plain(code); n > 0 {
		return n
	}
	in, ok := x86Parse(code)
	if !ok {
		return 0
	}
	return in.size
}

// x86Plain returns the length of an instruction of the kinds that most are of, fast; 0 of others.
func x86Plain(code []byte) int {
	if len(code) < 15 {
		return 0
	}
	n, wide := 0, false
	if code[0]&0xf0 == 0x40 {
		n, wide = 1, code[0]&8 != 0
	}
	op := code[n]
	n++
	var kind int
	switch {
	case op == 0x0f:
		op = code[n]
		n++
		if op == 0x38 || op == 0x3a {
			return 0
		}
		kind = x86Kinds[x86Rows0F[op]]
	case x86Prefix(op), op == 0xf6, op == 0xf7, op == 0x8f, op&0xfe == 0xc4, op == 0xc2, op == 0xc8, op == 0xca, op == 0x62, op&0xfc == 0xa0, wide && op&0xf8 == 0xb8:
		return 0
	default:
		kind = x86Kinds[x86Rows[op]]
	}
	if kind&x86Bad != 0 {
		return 0
	}
	if kind&x86RM != 0 {
		n += x86Operand(code[n], code[n+1])
	}
	if kind&x86Byte != 0 {
		return n + 1
	}
	if kind&(x86Word|x86Rel) != 0 {
		return n + 4
	}
	return n
}

// x86Operand returns how long ModR/M and what it says to follow are.
func x86Operand(modrm, sib byte) int {
	mod, rm := modrm>>6, modrm&7
	n := 1
	if mod != 3 && rm == x86RSP {
		n++
		rm = sib & 7
	}
	switch {
	case mod == 1:
		return n + 1
	case mod == 2, mod == 0 && rm == x86RBP:
		return n + 4
	}
	return n
}
