package ld

import (
	"encoding/binary"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// threadOffset: the segment begins two words behind the thread pointer, as aligned as it is.
func (arm64) threadOffset(seg *elfobj.Segment) int64 {
	align := max(int64(seg.Align), 1)
	return (2*8 + align - 1) / align * align
}

// relaxTLS makes a descriptor's sequence one of an offset in a slot, adrp x0; ldr x0; and its call nothing.
func (arm64) relaxTLS(k arch.RelocKind, to tlsModel, s site) (relaxed, bool) {
	op, ok := a64At(s.from(0))
	if !ok {
		return relaxed{}, false
	}
	put := func(op uint32) (relaxed, bool) {
		binary.LittleEndian.PutUint32(s.from(0), op)
		return relaxed{}, true
	}
	switch k {
	case arch.TLSDescPage:
		return relaxed{}, op&(a64IsADRP|a64Target) == a64ADRP
	case arch.TLSDescOffset:
		if op&a64IsLoad == a64Load { // ldr x1, [x0, #n]
			return put(op &^ a64Target)
		}
		return put(a64Nop)
	case arch.TLSDescCall, arch.TLSDescMark:
		return put(a64Nop)
	}
	return relaxed{}, false
}

// putThreadOffset makes adrp and ldr movz and movk, and the rest of a descriptor's sequence nops. The offset is not negative, and
// has 32 bits.
func (arm64) putThreadOffset(k arch.RelocKind, s site, offset int64) bool {
	op, ok := a64At(s.from(0))
	if !ok || offset < 0 || offset >= 1<<32 {
		return false
	}
	put := func(op uint32) bool {
		binary.LittleEndian.PutUint32(s.from(0), op)
		return true
	}
	high, low := uint32(offset>>16)<<5, uint32(offset&0xffff)<<5
	register, base := op&a64Target, op>>5&a64Target
	switch {
	case (k == arch.TLSDescPage || k == arch.TLSInitialExecPage) && op&a64IsADRP == a64ADRP:
		return put(a64MOVZ | high | register)
	case k == arch.TLSInitialExecOffset && op&a64IsLoad == a64Load && register == base,
		k == arch.TLSDescOffset && op&a64IsLoad == a64Load && base == 0:
		return put(a64MOVK | low | base)
	case k == arch.TLSDescOffset && op&0xffc00000 == 0x91000000: // add x0, x0, #n
		return put(a64Nop)
	}
	return false
}

// displace knows ldr x, [x, #slot]; nop and add x0, x0, #slots; bl __tls_get_addr; nop, and makes the nop an addition.
func (arm64) displace(k arch.RelocKind, s site, distance int64) bool {
	const isCall, call = 0xfc000000, 0x94000000
	code := s.from(0)
	first, ok := a64At(code)
	register := first & a64Target
	if ok && k == arch.TLSGeneralDynamicOffset {
		code = code[a64Command:]
		op, found := a64At(code)
		ok = found && op&isCall == call && register == 0
	}
	if !ok {
		return false
	}
	code = code[a64Command:]
	add, fits := a64Add(register, distance)
	if op, found := a64At(code); !fits || !found || op != a64Nop {
		return false
	}
	binary.LittleEndian.PutUint32(code, add)
	return true
}

// a64Add returns the instruction that adds a number to a register; ok is false if there is none.
func a64Add(register uint32, n int64) (op uint32, ok bool) {
	const add, sub, pages, page = 0x91000000, 0xd1000000, 1 << 22, 1 << 12
	op = add
	if n < 0 {
		op, n = sub, -n
	}
	if n%page == 0 {
		op, n = op|pages, n/page
	}
	return op | uint32(n)<<10 | register<<5 | register, n < page
}

// resolver keeps all registers but x0, as those of the C library do: which others code counts on is the compiler's choice.
func (arm64) resolver() (code []byte) {
	for _, op := range []uint32{
		0xa9be7be1, // stp x1, x30, [sp, #-32]!
		0xf9000be0, // str x0, [sp, #16]
		0xf9400400, // ldr x0, [x0, #8]
		0xf9400001, // ldr x1, [x0]
		0xd63f0020, // blr x1
		0xf9400be1, // ldr x1, [sp, #16]
		0xf9400821, // ldr x1, [x1, #16]
		0x8b010000, // add x0, x0, x1
		0xa8c27be1, // ldp x1, x30, [sp], #32
		0xd65f03c0, // ret
	} {
		code = binary.LittleEndian.AppendUint32(code, op)
	}
	return code
}
