// Package machine knows the instructions of target machines: it is the one place with mnemonics, registers and forms of operands.
//
// Input: statements of package asm, and lines of assembly. Output: instructions, decoded as far as the comparison asks; what they
// read, write and imply; what callers and callees agree on; and assembly that reaches symbols through the GOT.
//
// It refuses nothing: what it does not know is Other, which may read and write all that its operands name.
package machine
