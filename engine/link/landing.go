package link

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"gocare/engine/inspect"
	"gocare/internal/fault"
	"gocare/kpatch"
)

// keepLandings moves hooks behind instructions that code may only be called at through pointers, in the list of functions and in that of the image:
// whoever reads either finds where the jump is and where it leads.
func (l *linker) keepLandings() error {
	if l.object.ELF == nil {
		return nil
	}
	for i := range l.image.Functions {
		f := &l.image.Functions[i]
		if f.IsNew() || f.Via != 0 {
			continue
		}
		keepOld, keepNew, err := l.landing(f)
		if err != nil {
			return fmt.Errorf("function %q: %w", f.Name, err)
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

// landing returns how many bytes behind the starts of a function and of its replacement the jump is and leads. The latter is less than 0 where
// something has to be executed in front of the replacement, which is put there.
func (l *linker) landing(f *Function) (keepOld, keepNew int, err error) {
	const reach = 64 // bytes, of the first instructions
	old := l.object.ELF.BytesUpTo(uint64(l.object.LinkAddr(f.Old)), reach)
	keepOld, keepNew, undo := l.machine.Landing(old, l.image.Bytes[f.New-l.image.Base:])
	switch {
	case keepOld == 0, undo != nil && !l.object.ELF.ChecksBranches(): // then the jump may take its place
		return 0, 0, nil
	case keepOld >= int(f.OldSize) || keepNew >= int(f.NewSize):
		return 0, 0, fault.Refuse(fault.TooShort, "", "is %d bytes long, which its first instruction takes", f.OldSize)
	case undo != nil && !l.putBefore(f, undo):
		return 0, 0, fault.Refuse(fault.LandingPad, "", "it begins with an instruction that signs its return address, and its replacement does not")
	}
	return keepOld, keepNew - len(undo), nil
}

// putBefore puts an instruction in front of a replacement. ok is false where there is anything but what fills a gap.
func (l *linker) putBefore(f *Function, instruction []byte) (ok bool) {
	start := f.New - inspect.Addr(len(instruction))
	for i := range l.image.Functions {
		if o := &l.image.Functions[i]; start >= o.New && start < o.New+inspect.Addr(o.NewSize) {
			return false
		}
	}
	gap := l.image.Bytes[start-l.image.Base : f.New-l.image.Base]
	if !bytes.Equal(gap, l.machine.Nop) {
		return false
	}
	copy(gap, instruction)
	return true
}
