package arch

import "bytes"

const x86LoadThreadPointer = "\x64\x48\x8b\x04\x25\x00\x00\x00\x00" // mov %fs:0,%rax

// x86Linked knows what linkers make of thread-local accesses and of loads from the GOT (psABI 1.0, section B.2; ELF Handling For
// Thread-Local Storage 0.21, section 5.5).
func x86Linked(k RelocKind, code []byte, at int) (f LinkedField, changed, ok bool) {
	before := func(n int, text string) bool {
		return at >= n && bytes.HasPrefix(code[at-n:], []byte(text))
	}
	relative := at >= 2 && code[at-1]&0xc7 == 0x05 // (%rip)
	switch k {
	case TLSGeneralDynamic:
		switch {
		case before(4, "\x66\x48\x8d\x3d"):
			return f, false, true
		case before(4, x86LoadThreadPointer+"\x48\x8d\x80"):
			return LinkedField{Kind: TLSLocalExec, Moved: 8, Call: 8}, true, true
		case before(4, x86LoadThreadPointer+"\x48\x03\x05"):
			return LinkedField{Kind: TLSInitialExec, Moved: 8, Bias: -4, Call: 8}, true, true
		}
	case TLSLocalDynamic:
		switch {
		case before(3, "\x48\x8d\x3d"):
			return f, false, true
		case before(3, "\x66\x66\x66"+x86LoadThreadPointer):
			return LinkedField{Kind: None, Call: 5}, true, true
		case before(3, "\x66\x66\x66\x66"+x86LoadThreadPointer):
			return LinkedField{Kind: None, Call: 6}, true, true
		}
	case TLSInitialExec:
		switch {
		case relative && (code[at-2] == 0x8b || code[at-2] == 0x03):
			return f, false, true
		case at >= 3 && (code[at-2] == 0xc7 || code[at-2] == 0x81) && code[at-1]&0xf8 == 0xc0, at >= 3 && code[at-2] == 0x8d && code[at-1]&0xc0 == 0x80:
			return LinkedField{Kind: TLSLocalExec}, true, true
		}
	case TLSDescLoad:
		switch {
		case relative && code[at-2] == 0x8d:
			return f, false, true
		case at >= 3 && code[at-2] == 0xc7 && code[at-1]&0xf8 == 0xc0:
			return LinkedField{Kind: TLSLocalExec}, true, true
		case relative && code[at-2] == 0x8b:
			return LinkedField{Kind: TLSInitialExec, Bias: -4}, true, true
		}
	case TLSDescCall:
		if before(0, "\x66\x90") {
			return LinkedField{Kind: None}, true, true
		}
		return f, false, before(0, "\xff\x10")
	case GOTLoad, GOTLoadRelax:
		return x86LinkedGOT(code, at, relative)
	default:
		return f, false, true
	}
	return f, false, false
}

// x86LinkedGOT: what kept its type in the relocations though the slot is gone is a distance to the symbol. GNU ld changes the type, too.
func x86LinkedGOT(code []byte, at int, relative bool) (f LinkedField, changed, ok bool) {
	switch {
	case relative && code[at-2] == 0x8d, at >= 2 && code[at-2] == 0x67 && code[at-1] == 0xe8:
		return LinkedField{Kind: PC32, Bias: -4}, true, true
	case relative, at >= 2 && code[at-2] == 0xff && (code[at-1] == 0x15 || code[at-1] == 0x25):
		return f, false, true
	}
	return f, false, false
}

// x86TakesAddress: lea, and immediates of mov and push.
func x86TakesAddress(k RelocKind, code []byte, at int) bool {
	switch {
	case k == PC32 && at >= 3:
		return code[at-2] == 0x8d && code[at-1]&0xc7 == 0x05 && code[at-3]&0xf8 == 0x48
	case (k == Abs32 || k == Abs32S || k == Abs64) && at >= 2:
		op := code[at-1]
		return op&0xf8 == 0xb8 || op == 0x68 || code[at-2] == 0xc7 || op&0xc0 == 0x80 || op&0xc7 == 0x04 || code[at-2]&0xc7 == 0x04
	}
	return false
}
