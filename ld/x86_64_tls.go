package ld

import (
	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// threadOffset: the segment ends where the thread pointer points (ELF Handling For Thread-Local Storage 0.21, variant II).
func (x86) threadOffset(seg *elfobj.Segment) int64 {
	align := max(int64(seg.Align), 1)
	return -((int64(seg.Memsz) + align - 1) / align * align)
}

// putThreadOffset: accesses are by one address.
func (x86) putThreadOffset(arch.RelocKind, site, int64) bool { return false }

// displace: no instruction is left free.
func (x86) displace(arch.RelocKind, site, int64) bool { return false }

// resolver: where descriptors are asked for (-mtls-dialect=gnu2), what the original has none of is refused.
func (x86) resolver() []byte { return nil }

// relaxTLS: the sequences of section 5.5 there, and of the psABI 1.0 for TLSDESC.
func (x86) relaxTLS(k arch.RelocKind, to tlsModel, s site) (relaxed, bool) {
	switch k {
	case arch.TLSInitialExec:
		return relaxed{}, x86InitialExec(s)
	case arch.TLSGeneralDynamic:
		return x86GeneralDynamic(s, to)
	case arch.TLSLocalDynamic:
		return x86LocalDynamic(s)
	case arch.TLSDescLoad:
		return relaxed{}, x86Descriptor(s, to)
	case arch.TLSDescCall:
		return relaxed{}, x86DescriptorCall(s)
	}
	return relaxed{}, false
}

// x86InitialExec: mov of x@gottpoff(%rip) becomes mov of an immediate, add becomes lea, or add where lea would need another byte
// (%rsp and %r12).
func x86InitialExec(s site) bool {
	op := s.from(3)
	if op == nil || !atEnd(s) || op[0]&0xf8 != 0x48 || op[2]&0xc7 != 0x05 || op[1] != 0x8b && op[1] != 0x03 {
		return false
	}
	high, reg := op[0]>>2&1, op[2]>>3&7 // the register's number, REX.R and three bits
	switch {
	case op[1] == 0x8b:
		op[0], op[1], op[2] = 0x48|high, 0xc7, 0xc0|reg
	case reg == 4:
		op[0], op[1], op[2] = 0x48|high, 0x81, 0xc0|reg
	default:
		op[0], op[1], op[2] = 0x48|high<<2|high, 0x8d, 0x80|reg<<3|reg
	}
	return true
}

// The sequences of the dynamic models that the linker may replace as a whole: the instructions around the field
// at offset 4 (general dynamic) or 3 (local dynamic), with a call behind it, direct or through the GOT.
const (
	loadThreadPointer = "\x64\x48\x8b\x04\x25\x00\x00\x00\x00" // mov %fs:0,%rax
	padLD             = "\x66\x66\x66"
)

// x86GeneralDynamic: data16 lea x@tlsgd(%rip),%rdi; data16 data16 rex.W call __tls_get_addr becomes mov %fs:0,%rax and
// lea x@tpoff(%rax),%rax, or add x@gottpoff(%rip),%rax.
func x86GeneralDynamic(s site, to tlsModel) (relaxed, bool) {
	seq := s.from(4)
	if len(seq) < 16 || string(seq[:4]) != "\x66\x48\x8d\x3d" || !isGDCall(seq[8:12]) || !atEnd(s) {
		return relaxed{}, false
	}
	switch to {
	case localExec:
		copy(seq, loadThreadPointer+"\x48\x8d\x80")
	case initialExec:
		copy(seq, loadThreadPointer+"\x48\x03\x05")
	}
	return relaxed{field: 8, gone: 8}, true
}

func isGDCall(b []byte) bool {
	return string(b) == "\x66\x66\x48\xe8" || string(b) == "\x66\x48\xff\x15"
}

// x86LocalDynamic: lea x@tlsld(%rip),%rdi; call __tls_get_addr becomes mov %fs:0,%rax behind prefixes.
func x86LocalDynamic(s site) (relaxed, bool) {
	seq := s.from(3)
	if len(seq) < 13 || string(seq[:3]) != "\x48\x8d\x3d" || !atEnd(s) {
		return relaxed{}, false
	}
	switch {
	case seq[7] == 0xe8:
		copy(seq, padLD+loadThreadPointer)
		return relaxed{gone: 5}, true
	case seq[7] == 0xff && seq[8] == 0x15:
		copy(seq, "\x66"+padLD+loadThreadPointer)
		return relaxed{gone: 6}, true
	}
	return relaxed{}, false
}

// x86Descriptor: lea x@tlsdesc(%rip),%rax becomes mov $x@tpoff,%rax, or mov x@gottpoff(%rip),%rax.
func x86Descriptor(s site, to tlsModel) bool {
	op := s.from(3)
	if op == nil || !atEnd(s) || op[0]&0xfb != 0x48 || op[1] != 0x8d || op[2]&0xc7 != 0x05 {
		return false
	}
	switch to {
	case localExec:
		op[0], op[1], op[2] = 0x48|op[0]>>2&1, 0xc7, 0xc0|op[2]>>3&7
	case initialExec:
		op[1] = 0x8b
	}
	return true
}

// x86DescriptorCall: call *x@tlscall(%rax) becomes a nop of two bytes.
func x86DescriptorCall(s site) bool {
	seq := s.from(0)
	if len(seq) < 2 || seq[0] != 0xff || seq[1] != 0x10 {
		return false
	}
	copy(seq, "\x66\x90")
	return true
}
