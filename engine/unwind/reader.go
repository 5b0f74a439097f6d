package unwind

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var errShort = errors.New("unwind data ends early")

// reader reads values from unwind data. After an error it returns zeros; err is looked at in the end.
type reader struct {
	data []byte
	pos  int
	addr uint64 // link address of data[0]
	err  error
}

func (r *reader) left() int { return len(r.data) - r.pos }

func (r *reader) bytes(n uint64) []byte {
	if r.err != nil || n > uint64(r.left()) {
		r.fail(errShort)
		return nil
	}
	b := r.data[r.pos : r.pos+int(n)]
	r.pos += int(n)
	return b
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.pos = len(r.data)
}

func (r *reader) u8() uint8 {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.bytes(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// uleb and sleb read LEB128 numbers (DWARF 5, section 7.6) of at most 64 bits.
func (r *reader) uleb() uint64 {
	var v uint64
	for shift := 0; ; shift += 7 {
		b := r.u8()
		if shift > 63 {
			r.fail(errors.New("LEB128 number over 64 bits"))
			return 0
		}
		v |= uint64(b&0x7f) << shift
		if b&0x80 == 0 {
			return v
		}
	}
}

func (r *reader) sleb() int64 {
	var v int64
	for shift := 0; ; {
		b := r.u8()
		if shift > 63 {
			r.fail(errors.New("LEB128 number over 64 bits"))
			return 0
		}
		v |= int64(b&0x7f) << shift
		shift += 7
		if b&0x80 == 0 {
			if b&0x40 != 0 && shift < 64 {
				v |= -1 << shift
			}
			return v
		}
	}
}

func (r *reader) cString() string {
	start := r.pos
	for r.err == nil {
		if r.u8() == 0 && r.err == nil {
			return string(r.data[start : r.pos-1])
		}
	}
	return ""
}

// Pointer encodings (Linux Standard Base Core 5.0, section 10.5.1).
const (
	peOmit     = 0xff
	peAligned  = 0x50
	peIndirect = 0x80
	pePCRel    = 0x10
	peDataRel  = 0x30
)

// pointer reads an encoded pointer. base is what datarel is relative to. An indirect one is returned as the address of
// the pointer; where its value matters, the caller refuses the encoding.
func (r *reader) pointer(enc uint8, base uint64) uint64 {
	if enc == peAligned {
		pad := -(r.addr + uint64(r.pos)) & 7
		r.bytes(pad)
		return r.u64()
	}
	here := r.addr + uint64(r.pos)
	v := r.number(enc & 0x0f)
	switch enc & 0x70 {
	case 0:
		return v
	case pePCRel:
		return here + v
	case peDataRel:
		return base + v
	}
	r.fail(fmt.Errorf("pointer encoding 0x%x is not supported", enc))
	return 0
}

// number reads a value in the format of the low four bits of an encoding, sign-extended.
func (r *reader) number(format uint8) uint64 {
	switch format {
	case 0x00, 0x04, 0x0c: // absptr, udata8, sdata8
		return r.u64()
	case 0x01:
		return r.uleb()
	case 0x02:
		return uint64(r.u16())
	case 0x03:
		return uint64(r.u32())
	case 0x09:
		return uint64(r.sleb())
	case 0x0a:
		return uint64(int64(int16(r.u16())))
	case 0x0b:
		return uint64(int64(int32(r.u32())))
	}
	r.fail(fmt.Errorf("pointer format 0x%x is not supported", format))
	return 0
}
