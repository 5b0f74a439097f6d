// Package arch holds what differs between target machines, as data: sizes, instructions that are written as they stand, and
// relocation types with the kinds that all targets share.
package arch

import (
	"debug/elf"
	"runtime"
)

// Target describes a machine that patches are made for. Whether this program runs on it does not matter.
type Target struct {
	Name      string      // ELF spelling: "x86_64", "aarch64"
	Machine   elf.Machine // as in e_machine
	PageSize  uint64      // bytes; what is protected by itself begins at a multiple. In a file the smallest that the machine has, of a process the kernel's
	PageMax   uint64      // bytes; the largest that a kernel may have
	UserEnd   uint64      // end of the addresses that a process may use
	StackRoom uint64      // bytes below the stack pointer that leaf code may use without moving it (the red zone)

	Reach       uint64 // bytes that a direct call or jump can go either way
	DataReach   uint64 // bytes that the distance to a variable can be, by instructions and as a number of 32 bits
	HookSize    int    // bytes of the jump written over the start of a patched function
	UndoSize    int    // bytes of original code that a patch keeps of each function: as many as a hook overwrites
	GateSize    int    // bytes of the jump written over the start of a function that is too short for a hook
	LandingSize int    // bytes of the longest instruction that Landing has a hook pass over in a replacement, or undo
	PCBias      int64  // bytes from the field of a call or an access to where the processor counts its distance from
	Listed      bool   // its code is understood as objdump lists it, so that objects without a record can be read
	FarHooks    bool   // its hooks lead further than calls and jumps do: see WithFarHooks

	Trap    []byte   // breakpoint instruction, in memory order
	Nop     []byte   // shortest instruction that does nothing
	Syscall []byte   // instruction that enters the kernel
	Stub    []byte   // jump to the address in the 8 bytes behind it: an entry of a patch's jump table
	Detour  []byte   // the same, to where the processor lets no jump through a register lead; nil if it lets them all
	Jumps   [][]byte // how jumps begin that tools write over the start of a function

	linked       func(k RelocKind, code []byte, at int) (f LinkedField, changed, ok bool)
	takesAddress func(k RelocKind, code []byte, at int) bool
	unload       func(instruction []byte) (RelocType, bool)

	landing   func(old, new []byte) (keepOld, keepNew int, undo []byte)
	lands     func(code []byte) bool
	leads     func(from uint64, code []byte) (to uint64, ok bool)
	far       *farHook // nil where all hooks reach what accesses reach
	goName    string   // GOARCH
	hook      func(from, to uint64) ([]byte, bool)
	padding   func(code []byte) int
	gate      func(from, to uint64) ([]byte, bool)
	relocs    func() relocTable
	relocName func(uint32) string
}

// DWARFRegisters is how many registers, by their DWARF numbers, are needed to unwind a stack, of the machine that needs most:
// aarch64's x0 to x30, sp and pc.
const DWARFRegisters = 33

// ByMachine returns the target of an e_machine value.
func ByMachine(m elf.Machine) (*Target, bool) {
	for _, t := range targets {
		if t.Machine == m {
			return t, true
		}
	}
	return nil, false
}

// Host returns the target that this program runs on; nil if it is none of them.
func Host() *Target {
	for _, t := range targets {
		if t.goName == runtime.GOARCH {
			return t
		}
	}
	return nil
}

// HostName returns the name of the machine that this program runs on.
func HostName() string {
	if host := Host(); host != nil {
		return host.Name
	}
	return runtime.GOARCH
}

// Default is the target of what does not say itself what it is for, as assembly text: today of all.
func Default() *Target { return &X86_64 }

var targets = []*Target{&X86_64, &AArch64}

// Hook returns the jump of HookSize bytes at an address to another; ok is false if it does not reach.
func (t *Target) Hook(from, to uint64) (jump []byte, ok bool) { return t.hook(from, to) }

// Landing returns how many bytes at the start of a function a hook has to leave, as code may be called through pointers only where it
// begins with certain instructions, and how many of the replacement are passed over then, as these have been executed. undo is what has to
// be executed in front of the replacement, as one that is left has an effect that this does not expect; nil if none has.
func (t *Target) Landing(old, replacement []byte) (keepOld, keepNew int, undo []byte) {
	if t.landing == nil {
		return 0, 0, nil
	}
	return t.landing(old, replacement)
}

// Padding returns how many bytes at the start of code are there to fill a gap between functions: whole instructions that do
// nothing, and traps. Zeros are none: a processor reads them as instructions that write.
func (t *Target) Padding(code []byte) int { return t.padding(code) }

// Gate returns the jump of GateSize bytes at an address to another close by; ok is false if it does not reach.
func (t *Target) Gate(from, to uint64) (jump []byte, ok bool) { return t.gate(from, to) }

// Unload makes the load of an address from a GOT slot, the second of two instructions that lead to it (GOTPageOffset), an addition that has the
// address itself in its field, and returns the type of that field; ok is false if it is no such load.
func (t *Target) Unload(instruction []byte) (field RelocType, ok bool) {
	if t.unload == nil {
		return RelocType{}, false
	}
	return t.unload(instruction)
}

// Fill overwrites code with an instruction, again and again; the last may be cut.
func Fill(code, instruction []byte) {
	for len(code) > 0 {
		code = code[copy(code, instruction):]
	}
}

// WithPages returns the target with pages of another size, nil if the machine has none of it.
func (t *Target) WithPages(size uint64) *Target {
	if size < t.PageSize || size > t.PageMax || size&(size-1) != 0 {
		return nil
	}
	with := *t
	with.PageSize = size
	return &with
}

// farHook is a hook that leads wherever accesses do.
type farHook struct {
	size int // bytes
	hook func(from, to uint64) ([]byte, bool)
}

// WithFarHooks returns the target with longer hooks, which lead as far as accesses reach; nil if it has none.
func (t *Target) WithFarHooks() *Target {
	if t.far == nil {
		return nil
	}
	with := *t
	with.FarHooks, with.Reach, with.HookSize, with.UndoSize = true, t.DataReach, t.far.size, t.far.size
	with.hook, with.far = t.far.hook, nil
	return &with
}

// Lands reports whether a jump through a register, of the kind that a stub is, may lead to code where the processor checks that.
func (t *Target) Lands(code []byte) bool { return t.lands == nil || t.lands(code) }

// Leads returns where the instruction at an address goes on if it is a jump or a call that says so itself. Only targets with far hooks know.
func (t *Target) Leads(from uint64, instruction []byte) (to uint64, ok bool) {
	if t.leads == nil {
		return 0, false
	}
	return t.leads(from, instruction)
}

// PageDown returns the start of the page that holds an address or offset.
func (t *Target) PageDown(n uint64) uint64 { return n &^ (t.PageSize - 1) }

// PageUp returns n if a page begins there, else where the next one does.
func (t *Target) PageUp(n uint64) uint64 { return t.PageDown(n + t.PageSize - 1) }
