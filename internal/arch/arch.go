// Package arch holds what differs between target machines, as data.
package arch

import "debug/elf"

// Target describes a machine that patches are made for. Whether this program runs on it does not matter.
type Target struct {
	Name      string      // ELF spelling: "x86_64", "aarch64"
	Machine   elf.Machine // as in e_machine
	PtrSize   int         // bytes
	Reach     int64       // bytes a direct call or jump can go either way
	HookSize  int         // bytes of the jump written over the start of a patched function
	Trap      []byte      // breakpoint instruction, in memory order
	StackRoom int64       // bytes below SP that leaf code may use without moving SP (the red zone)
	PageSize  uint64      // bytes; alignment of .kpatch.data
}

// ByMachine returns the target of an e_machine value.
func ByMachine(m elf.Machine) (*Target, bool) {
	for _, t := range targets {
		if t.Machine == m {
			return t, true
		}
	}
	return nil, false
}

var targets = []*Target{&X86_64}
