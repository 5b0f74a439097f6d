package link

import (
	"gocare/engine/inspect"
	"gocare/internal/fault"
)

// This file lets a patch that lies out of the reach of calls call the original: by jumps in its jump table, as a linker's veneers.

// writeDetours writes a slot for each place of the original that calls and jumps lead to.
func (l *linker) writeDetours() error {
	if !l.machine.FarHooks {
		return nil
	}
	for _, d := range l.patch.Detours() {
		start, err := l.symbolValue(&l.patch.Symbols[d.Symbol])
		if err != nil {
			return err
		}
		to := inspect.Addr(start + uint64(d.Addend))
		stub, err := l.stubTo(to)
		if err != nil {
			return err
		}
		entry := len(l.imports) + len(l.detours)
		l.writeSlot(entry, stub, to)
		l.detours[d] = l.slotAddr(entry)
	}
	return nil
}

// stubTo returns how to jump to code of the original. Functions that nothing calls through pointers may begin with what the processor lets no
// jump through a register lead to; a return may, unless the processor keeps a list of where returns lead.
func (l *linker) stubTo(to inspect.Addr) ([]byte, error) {
	const instruction = 16 // bytes, at most
	file := l.object.ELF
	if file == nil || !file.ChecksBranches() || l.machine.Lands(file.BytesUpTo(uint64(l.object.LinkAddr(to)), instruction)) {
		return l.machine.Stub, nil
	}
	if file.ChecksReturns() {
		return nil, fault.Refuse(fault.NoRoom, "", "the code at 0x%x is out of reach of calls, and the processor lets no other jump lead there", uint64(to)).
			WithHint("remove patches that are no longer needed with --unmap, so that there is room closer to the program")
	}
	return l.machine.Detour, nil
}
