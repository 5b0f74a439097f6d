package machine

import (
	"strconv"
	"strings"
	"sync"
)

// Numbers of the registers of AArch64: the general ones, the stack pointer in the place of the zero register, then the vectors.
const (
	x0          Register = 0
	x8          Register = 8
	x9          Register = 9
	x16         Register = 16
	x17         Register = 17
	x18         Register = 18
	x19         Register = 19
	x28         Register = 28
	x29         Register = 29
	x30         Register = 30
	sp64        Register = 31
	v0          Register = 32
	armAddress           = 32 // general registers
	armVectors           = 32
	firstKeptV           = 8 // of the vectors; calls keep the low half of these
	keptVectors          = 8
)

// aapcs64 is the Procedure Call Standard for the Arm 64-bit Architecture, section 6.
var aapcs64 = Convention{
	Stack: sp64, Frame: x29,
	Args:       []Register{x0, 1, 2, 3, 4, 5, 6, 7},
	VectorArgs: []Register{v0, v0 + 1, v0 + 2, v0 + 3, v0 + 4, v0 + 5, v0 + 6, v0 + 7},
	Results:    []Register{x0, 1, v0, v0 + 1, v0 + 2, v0 + 3},
	ResultAt:   x8,
	StackFrame: true,
	Kept:       armKept,
	Clobbered:  ^armKept,
}

const armKept RegisterSet = (1<<(x29+1)-1)&^(1<<x19-1) | 1<<sp64 | (1<<keptVectors-1)<<(v0+firstKeptV)

// armRegisters holds the registers by name. The zero register and predicates, in which no address stands, have no number.
var armRegisters = sync.OnceValue(func() map[string]namedRegister {
	m := map[string]namedRegister{
		"sp": {sp64, 64, false}, "wsp": {sp64, 32, false}, "xzr": {NoRegister, 64, false}, "wzr": {NoRegister, 32, false},
		"fp": {x29, 64, false}, "lr": {x30, 64, false}, "ip0": {x16, 64, false}, "ip1": {x17, 64, false},
	}
	for i := range Register(armVectors) {
		n := strconv.Itoa(int(i))
		if i < sp64 {
			m["x"+n], m["w"+n] = namedRegister{x0 + i, 64, false}, namedRegister{x0 + i, 32, false}
		}
		for prefix, bits := range map[string]int{"b": 8, "h": 16, "s": 32, "d": 64, "q": 128, "v": 128, "z": 2048} {
			m[prefix+n] = namedRegister{v0 + i, bits, false}
		}
		if i < 16 {
			m["p"+n], m["pn"+n] = namedRegister{NoRegister, 0, false}, namedRegister{NoRegister, 0, false}
		}
	}
	return m
})

// armRegister returns the register that a word names, "v0.16b" too.
func armRegister(word string) (namedRegister, bool) {
	name, _, _ := strings.Cut(strings.ToLower(word), ".")
	r, found := armRegisters()[name]
	return r, found
}
