package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"gocare/engine/inspect"
	"gocare/engine/link"
	"gocare/internal/arch"
	"gocare/internal/fault"
)

// shadow is the target's memory as planned writes will leave it.
type shadow struct {
	mem   io.ReaderAt
	bytes map[inspect.Addr]byte
}

func newShadow(mem io.ReaderAt) *shadow { return &shadow{mem: mem, bytes: map[inspect.Addr]byte{}} }

func (s *shadow) write(at inspect.Addr, data []byte) {
	for i, c := range data {
		s.bytes[at+inspect.Addr(i)] = c
	}
}

// ReadAt reads memory with the writes in it.
func (s *shadow) ReadAt(b []byte, off int64) (int, error) {
	n, err := s.mem.ReadAt(b, off)
	for i := range b[:n] {
		if c, ok := s.bytes[inspect.Addr(off)+inspect.Addr(i)]; ok {
			b[i] = c
		}
	}
	return n, err
}

// touched reports whether any of n bytes was written.
func (s *shadow) touched(at inspect.Addr, n int) bool {
	for i := range n {
		if _, ok := s.bytes[at+inspect.Addr(i)]; ok {
			return true
		}
	}
	return false
}

func (s *shadow) read(at inspect.Addr, n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := s.ReadAt(b, int64(at)); err != nil {
		return nil, fault.New(fault.Environment, "", "cannot read %d bytes at %#x", n, uint64(at)).WithCause(err)
	}
	return b, nil
}

// owner is the version of a function, of a patch of ours, that its hook leads to.
type owner struct {
	id   string
	hook []byte
	code []Code
}

// hookOwner returns whose hook a function's start holds, nil if no patch's. A patch of others is refused.
func (b *planner) hookOwner(old inspect.Addr) (*owner, error) {
	for i := len(b.planned) - 1; i >= 0; i-- {
		for _, f := range b.planned[i].Functions {
			if f.Old == old {
				code := versionCode(b.planned[i].machine, b.planned[i].Image.Functions, f.New, b.planned[i].Image.Base+inspect.Addr(b.planned[i].Image.CodeSize))
				return &owner{b.planned[i].File.Patch.ID, f.Hook, []Code{code}}, nil
			}
		}
	}
	for i := range b.live {
		l := &b.live[i]
		for _, f := range l.Functions {
			if f.Old != old {
				continue
			}
			if !l.ours {
				return nil, fault.Refuse(fault.ForeignPatch, "", "is replaced already by patch %s of another tool", l.ID).
					WithHint("remove that patch first: unpatch -i %s", l.ID)
			}
			hook, err := jump(l.Machine, f.Old, f.New)
			if err != nil {
				return nil, err
			}
			have, err := b.mem.read(old, len(hook))
			if err != nil {
				return nil, err
			}
			if !bytes.Equal(have, hook) {
				continue
			}
			return &owner{l.ID, hook, l.version(b.process, f.New)}, nil
		}
	}
	return nil, nil
}

// liveCode is a function's code in a live region: up to the next function, its cold part included.
func liveCode(l *live, start inspect.Addr) Code {
	functions := make([]link.Function, len(l.Functions))
	for i, f := range l.Functions {
		functions[i] = link.Function{Name: f.Name, New: f.New}
	}
	return versionCode(l.Machine, functions, start, l.Start+inspect.Addr(l.Size))
}

// versionCode is the code of the function that a hook leads to, with what the hook may have passed over.
func versionCode(machine *arch.Target, functions []link.Function, start, end inspect.Addr) Code {
	c := Code{Start: start - inspect.Addr(machine.LandingSize), End: end}
	for _, f := range functions {
		if f.New == start {
			c.Function = f.Name
		}
		if f.New > start && f.New < c.End {
			c.End = f.New
		}
	}
	return c
}

// verify checks that a function's memory holds what the file does, but for a hook of ours, and returns its first bytes.
func (b *planner) verify(pp *PatchPlan, f *link.Function, below *owner) ([]byte, error) {
	want, err := original(pp.machine, pp.Object, f)
	if err != nil {
		return nil, err
	}
	have, err := b.mem.read(f.Old, len(want))
	if err != nil {
		return nil, err
	}
	if m := b.process.MappingAt(f.Old); m == nil || !m.Exec {
		return nil, fault.Refuse(fault.NotCode, "", "address %#x is not executable", uint64(f.Old))
	}
	if below != nil {
		if !bytes.HasPrefix(have, below.hook) {
			return nil, fault.Refuse(fault.ForeignHook, "", "the jump of patch %s at %#x was changed", below.id, uint64(f.Old))
		}
		copy(want, below.hook)
	}
	if err := compare(pp.machine, have, want, f.Old); err != nil {
		return nil, err
	}
	size := pp.machine.HookSize
	return have[:size:size], nil
}

// original returns a function's bytes in the object's file, with padding behind it if it is shorter than a jump. Only patches that
// others made say so of a function: ours count the padding to it.
func original(machine *arch.Target, o *inspect.Object, f *link.Function) ([]byte, error) {
	const longestPadding = 64 // bytes of one instruction, and more
	addr, size, need := uint64(o.LinkAddr(f.Old)), uint64(f.OldSize), uint64(machine.HookSize)
	code := o.ELF.BytesUpTo(addr, size+need+longestPadding)
	if uint64(len(code)) < max(size, need) {
		return nil, fault.Refuse(fault.WrongBuild, o.Path, "has no code at %#x", addr).
			WithHint("the patch was made for another build")
	}
	if size >= need {
		return slices.Clone(code[:size]), nil
	}
	if machine.FarHooks {
		return nil, fault.Refuse(fault.TooShort, "", "is %d bytes long; a jump out of the reach of calls needs %d, and there is no room within it", f.OldSize, need).
			WithHint("remove patches that are no longer needed with --unmap, so that there is room closer to the program; or patch a caller of it instead")
	}
	alone := code[:min(uint64(len(code)), nextSymbol(o, addr)-addr)]
	if uint64(len(alone)) < need || size+uint64(machine.Padding(alone[size:])) < need {
		return nil, fault.Refuse(fault.TooShort, "", "is %d bytes long and what follows is no padding; a jump needs %d", f.OldSize, need).
			WithHint("patch a caller of it instead")
	}
	return slices.Clone(code[:need]), nil
}

// nextSymbol returns the lowest address behind addr at which the object defines a symbol, else the highest address there is.
func nextSymbol(o *inspect.Object, addr uint64) uint64 {
	next := uint64(math.MaxUint64)
	for i := range o.ELF.Symbols {
		if s := &o.ELF.Symbols[i]; s.Defined() && s.Name != "" && s.Value > addr {
			next = min(next, s.Value)
		}
	}
	return next
}

// compare reports the first byte of a function that is not the original's, and what it looks like.
func compare(machine *arch.Target, have, want []byte, at inspect.Addr) error {
	for i := range have {
		if have[i] == want[i] {
			continue
		}
		what, first := "was changed by another tool", i-i%len(machine.Trap) // of the instruction, where all are as long as a trap
		switch {
		case bytes.HasPrefix(have[first:], machine.Trap):
			what = "holds a breakpoint or probe of another tool"
		case first == 0 && slices.ContainsFunc(machine.Jumps, func(jump []byte) bool { return bytes.HasPrefix(have, jump) }):
			what = "begins with a jump of another tool"
		}
		return fault.Refuse(fault.ForeignHook, "", "the code at %#x %s (%x, original %x)",
			uint64(at)+uint64(i), what, have[i:min(i+8, len(have))], want[i:min(i+8, len(want))]).
			WithHint("remove that debugger, probe or patch, then try again")
	}
	return nil
}

// verifyParts checks every original range the patch replaces: the file has the bytes the patch was made from, and the
// memory of parts other than the functions themselves has them too.
func (b *planner) verifyParts(pp *PatchPlan) error {
	if pp.File.Patch.Meta == nil {
		return nil
	}
	for _, part := range pp.File.Patch.Meta.Parts {
		data, ok := pp.Object.ELF.BytesAt(part.Addr, part.Size)
		sum := sha256.Sum256(data)
		if !ok || part.SHA256 != "" && hex.EncodeToString(sum[:]) != part.SHA256 {
			return fault.Refuse(fault.WrongBuild, pp.Object.Path, "the code of %q at %#x is not what the patch was made from", part.Name, part.Addr).
				WithHint("make the patch from this very build; its BuildID was given by hand")
		}
		code := Code{Start: pp.Object.Addr(inspect.LinkAddr(part.Addr)), Function: part.Function, entrance: atStart}
		code.End = code.Start + inspect.Addr(part.Size)
		if strings.HasSuffix(part.Name, ".cold") {
			code.entrance = nowhere
		}
		pp.Busy = append(pp.Busy, code)
		if part.Name == part.Function {
			continue
		}
		have, err := b.mem.read(code.Start, int(part.Size))
		if err != nil {
			return err
		}
		if err := compare(b.process.Machine, have, data, code.Start); err != nil {
			return fmt.Errorf("part %q: %w", part.Name, err)
		}
	}
	return nil
}

// coldParts returns the parts that gcc splits off a function, by their symbols. Where static functions share the name
// all are taken: too many only makes the check stricter.
func coldParts(o *inspect.Object, name string) []Code {
	var list []Code
	for i := range o.ELF.Symbols {
		s := &o.ELF.Symbols[i]
		if s.Name == name+".cold" && s.Defined() && s.Size > 0 {
			start := o.Addr(inspect.LinkAddr(s.Value))
			list = append(list, Code{start, start + inspect.Addr(s.Size), name, nowhere})
		}
	}
	return list
}
