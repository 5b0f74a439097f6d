package ld

import "gocare/internal/arch"

// machine is what this package knows of a target's instructions beyond its table in package arch. Its parts stand beside the
// code that uses them.
type machine interface {
	accesses
	tlsCode
	linkedCode
}

// machineOf returns the implementation for a target.
func machineOf(t *arch.Target) machine {
	switch t {
	case &arch.X86_64:
		return x86{}
	case &arch.AArch64:
		return arm64{}
	}
	return nil
}
