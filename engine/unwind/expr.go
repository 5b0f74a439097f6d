package unwind

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	maxExprSteps = 4 << 10
	maxExprStack = 64
)

// expression evaluates a DWARF expression (DWARF 5, section 2.5) in one frame.
type expression struct {
	*reader
	stack []uint64
	frame *state
	steps int
}

// eval returns the value of expr. CFA rules begin with an empty stack, register rules with the CFA on it.
func (s *state) eval(expr []byte, initial ...uint64) (uint64, error) {
	e := &expression{reader: &reader{data: expr}, stack: initial, frame: s}
	for e.left() > 0 && e.err == nil {
		if e.steps++; e.steps > maxExprSteps || len(e.stack) > maxExprStack {
			return 0, errors.New("expression does not end")
		}
		e.step(e.u8())
	}
	v := e.pop()
	if e.err != nil {
		return 0, fmt.Errorf("expression: %w", e.err)
	}
	return v, nil
}

func (e *expression) push(v uint64) { e.stack = append(e.stack, v) }

func (e *expression) pop() uint64 {
	if len(e.stack) == 0 {
		e.fail(errors.New("empty stack"))
		return 0
	}
	v := e.stack[len(e.stack)-1]
	e.stack = e.stack[:len(e.stack)-1]
	return v
}

// pick pushes a copy of the entry at a depth.
func (e *expression) pick(depth int) {
	if depth >= len(e.stack) {
		e.fail(errors.New("empty stack"))
		return
	}
	e.push(e.stack[len(e.stack)-1-depth])
}

func (e *expression) register(n uint64, off int64) {
	v, err := e.frame.reg(n)
	if err != nil {
		e.fail(err)
	}
	e.push(v + uint64(off))
}

func (e *expression) deref(size uint64) {
	var b [8]byte
	at := e.pop()
	if size == 0 || size > 8 {
		e.fail(fmt.Errorf("read of %d bytes", size))
	}
	if e.err != nil {
		return
	}
	if err := e.frame.mem.read(b[:size], at); err != nil {
		e.fail(err)
	}
	e.push(binary.LittleEndian.Uint64(b[:]))
}

func (e *expression) jump(off int16) {
	to := e.pos + int(off)
	if to < 0 || to > len(e.data) {
		e.fail(errors.New("jump out of the expression"))
		return
	}
	if e.err == nil {
		e.pos = to
	}
}

func (e *expression) step(op uint8) {
	switch {
	case op >= 0x30 && op <= 0x4f: // DW_OP_lit
		e.push(uint64(op - 0x30))
	case op >= 0x70 && op <= 0x8f: // DW_OP_breg
		e.register(uint64(op-0x70), e.sleb())
	case op >= 0x08 && op <= 0x11:
		e.push(e.constant(op))
	case op >= 0x1a && op <= 0x2e && op != 0x1f && op != 0x20 && op != 0x23 && op != 0x28:
		b, a := e.pop(), e.pop()
		e.push(e.binary(op, a, b))
	default:
		e.other(op)
	}
}

func (e *expression) constant(op uint8) uint64 {
	switch op {
	case 0x08: // DW_OP_const1u
		return uint64(e.u8())
	case 0x09: // DW_OP_const1s
		return uint64(int64(int8(e.u8())))
	case 0x0a: // DW_OP_const2u
		return uint64(e.u16())
	case 0x0b: // DW_OP_const2s
		return uint64(int64(int16(e.u16())))
	case 0x0c: // DW_OP_const4u
		return uint64(e.u32())
	case 0x0d: // DW_OP_const4s
		return uint64(int64(int32(e.u32())))
	case 0x10: // DW_OP_constu
		return e.uleb()
	case 0x11: // DW_OP_consts
		return uint64(e.sleb())
	}
	return e.u64() // DW_OP_const8u, const8s
}

func (e *expression) other(op uint8) {
	switch op {
	case 0x03: // DW_OP_addr
		e.push(e.u64() + e.frame.bias)
	case 0x06: // DW_OP_deref
		e.deref(8)
	case 0x12: // DW_OP_dup
		e.pick(0)
	case 0x13: // DW_OP_drop
		e.pop()
	case 0x14: // DW_OP_over
		e.pick(1)
	case 0x15: // DW_OP_pick
		e.pick(int(e.u8()))
	case 0x16: // DW_OP_swap
		b, a := e.pop(), e.pop()
		e.push(b)
		e.push(a)
	case 0x17: // DW_OP_rot
		c, b, a := e.pop(), e.pop(), e.pop()
		e.push(c)
		e.push(a)
		e.push(b)
	case 0x19: // DW_OP_abs
		v := int64(e.pop())
		e.push(uint64(max(v, -v)))
	case 0x1f: // DW_OP_neg
		e.push(-e.pop())
	case 0x20: // DW_OP_not
		e.push(^e.pop())
	case 0x23: // DW_OP_plus_uconst
		e.push(e.pop() + e.uleb())
	case 0x28: // DW_OP_bra
		off := int16(e.u16())
		if e.pop() != 0 {
			e.jump(off)
		}
	case 0x2f: // DW_OP_skip
		e.jump(int16(e.u16()))
	case 0x92: // DW_OP_bregx
		e.register(e.uleb(), e.sleb())
	case 0x94: // DW_OP_deref_size
		e.deref(uint64(e.u8()))
	case 0x96: // DW_OP_nop
	default:
		e.fail(fmt.Errorf("operation 0x%x is not known", op))
	}
}

// binary returns a op b; comparisons are signed.
func (e *expression) binary(op uint8, a, b uint64) uint64 {
	switch op {
	case 0x1a: // DW_OP_and
		return a & b
	case 0x1b: // DW_OP_div, signed
		if b == 0 {
			e.fail(errors.New("division by zero"))
			return 0
		}
		return uint64(int64(a) / int64(b))
	case 0x1c: // DW_OP_minus
		return a - b
	case 0x1d: // DW_OP_mod, unsigned
		if b == 0 {
			e.fail(errors.New("division by zero"))
			return 0
		}
		return a % b
	case 0x1e: // DW_OP_mul
		return a * b
	case 0x21: // DW_OP_or
		return a | b
	case 0x22: // DW_OP_plus
		return a + b
	case 0x24: // DW_OP_shl
		return a << b
	case 0x25: // DW_OP_shr
		return a >> b
	case 0x26: // DW_OP_shra
		return uint64(int64(a) >> b)
	case 0x27: // DW_OP_xor
		return a ^ b
	}
	return boolean(compare(op, int64(a), int64(b)))
}

func compare(op uint8, a, b int64) bool {
	switch op {
	case 0x29: // DW_OP_eq
		return a == b
	case 0x2a: // DW_OP_ge
		return a >= b
	case 0x2b: // DW_OP_gt
		return a > b
	case 0x2c: // DW_OP_le
		return a <= b
	case 0x2d: // DW_OP_lt
		return a < b
	}
	return a != b // DW_OP_ne
}

func boolean(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
