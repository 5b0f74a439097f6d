package machine

import (
	"strconv"
	"strings"
	"sync"

	"gocare/internal/arch"
)

// Numbers of the general registers, as instructions encode them. Vector registers follow, then masks.
const (
	rax Register = iota
	rcx
	rdx
	rbx
	rsp
	rbp
	rsi
	rdi
	r8
	r9
	r10
	r11
	r12
	r13
	r14
	r15
	xmm0

	vectors = 32
	k0      = xmm0 + vectors
	masks   = 8
)

// sysV is the System V ABI, AMD64 supplement, version 1.0, section 3.2.
var sysV = Convention{
	Stack: rsp, Frame: rbp,
	Args:       []Register{rdi, rsi, rdx, rcx, r8, r9},
	VectorArgs: []Register{xmm0, xmm0 + 1, xmm0 + 2, xmm0 + 3, xmm0 + 4, xmm0 + 5, xmm0 + 6, xmm0 + 7},
	Results:    []Register{rax, rdx, xmm0, xmm0 + 1},
	ResultAt:   NoRegister,
	Kept:       keptByCalls,
	Clobbered:  clobbered,
}

const (
	allRegisters RegisterSet = 1<<(k0+masks) - 1
	allVectors   RegisterSet = (1<<vectors - 1) << xmm0
	allMasks     RegisterSet = (1<<masks - 1) << k0
	keptByCalls  RegisterSet = 1<<rbx | 1<<rsp | 1<<rbp | 1<<r12 | 1<<r13 | 1<<r14 | 1<<r15
	clobbered                = allRegisters &^ keptByCalls
)

// redZone is how many bytes below the stack pointer code may use without moving it.
var redZone = int(arch.X86_64.StackRoom)

// namedRegister is what the name of a register means.
type namedRegister struct {
	register Register
	bits     int  // 0 of a mask
	high     bool // the second byte
}

// holder returns a register in which an address may stand.
func (r namedRegister) holder() Register {
	if r.register >= k0 {
		return NoRegister
	}
	return r.register
}

// registers holds every register by its names without "%". The x87 stack, MMX, segments and flags, which compilers keep no
// values in over calls, are not among them.
var registers = sync.OnceValue(func() map[string]namedRegister {
	m := map[string]namedRegister{}
	add := func(r Register, names ...string) {
		for i, bits := range []int{64, 32, 16, 8, 8}[:len(names)] {
			m[names[i]] = namedRegister{r, bits, i == 4}
		}
	}
	for i, c := range []string{"a", "c", "d", "b"} {
		add(rax+Register(i), "r"+c+"x", "e"+c+"x", c+"x", c+"l", c+"h")
	}
	for i, c := range []string{"sp", "bp", "si", "di"} {
		add(rsp+Register(i), "r"+c, "e"+c, c, c+"l")
	}
	for r := r8; r <= r15; r++ {
		name := "r" + strconv.Itoa(int(r))
		add(r, name, name+"d", name+"w", name+"b")
	}
	for i := range Register(vectors) {
		for prefix, bits := range map[string]int{"xmm": 128, "ymm": 256, "zmm": 512} {
			m[prefix+strconv.Itoa(int(i))] = namedRegister{xmm0 + i, bits, false}
		}
	}
	for i := range Register(masks) {
		m["k"+strconv.Itoa(int(i))] = namedRegister{k0 + i, 0, false}
	}
	return m
})

// wholeNames are the names of the general registers as a whole, with "%".
var wholeNames = sync.OnceValue(func() (names [xmm0]string) {
	for name, r := range registers() {
		if r.bits == 64 && r.register < xmm0 {
			names[r.register] = "%" + name
		}
	}
	return names
})

// isStackPointer knows the stack pointer by its DWARF number, which gcc writes, and by its name, which clang does.
func isStackPointer(reg string) bool {
	reg = strings.TrimSpace(reg)
	return reg == "7" || reg == "%rsp"
}
