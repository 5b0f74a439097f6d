package link

import (
	"encoding/binary"
	"fmt"

	"gocare/engine/inspect"
	"gocare/internal/fault"
	"gocare/kpatch"
)

// keepLandings moves hooks behind instructions that code may only be called at through pointers, in the list of functions and in that of the image:
// whoever reads either finds where the jump is and where it leads.
func (l *linker) keepLandings() error {
	const landingReach = 64 // bytes, of the first instructions
	if l.object.ELF == nil {
		return nil
	}
	for i := range l.image.Functions {
		f := &l.image.Functions[i]
		if f.IsNew() || f.Via != 0 {
			continue
		}
		old := l.object.ELF.BytesUpTo(uint64(l.object.LinkAddr(f.Old)), landingReach)
		keepOld, keepNew, lands := l.machine.Landing(old, l.image.Bytes[f.New-l.image.Base:])
		if !lands && l.object.ELF.ChecksBranches() {
			return fault.Refuse(fault.LandingPad, "", "function %q begins with an instruction that signs its return address, and its replacement does not", f.Name)
		}
		if uint32(keepOld) >= f.OldSize || uint32(keepNew) >= f.NewSize {
			if keepOld == 0 {
				continue
			}
			return fmt.Errorf("function %q: %w", f.Name, fault.Refuse(fault.TooShort, "", "is %d bytes long, which its first instruction takes", f.OldSize))
		}
		f.Old, f.OldSize = f.Old+inspect.Addr(keepOld), f.OldSize-uint32(keepOld)
		f.New, f.NewSize = f.New+inspect.Addr(keepNew), f.NewSize-uint32(keepNew)
		entry := l.image.Bytes[int(l.layout.UserInfo)+i*kpatch.InfoEntrySize:]
		binary.LittleEndian.PutUint64(entry, uint64(f.Old))
		binary.LittleEndian.PutUint64(entry[8:], uint64(f.New))
		binary.LittleEndian.PutUint32(entry[16:], f.OldSize)
		binary.LittleEndian.PutUint32(entry[20:], f.NewSize)
	}
	return nil
}
