package inspect

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/kpname"
	"gocare/internal/plain"
	"gocare/kpatch"
)

const (
	maxFunctions  = 1 << 20
	maxRegionName = 4 << 10 // bytes

	// maxRegions bounds what is kept of all regions of a process, in bytes: what looks like one may be anybody's.
	maxRegions     = 256 << 20
	functionMemory = 128 // of a function, without its name
)

// Region is a live patch: a mapping that is exactly r-xp, anonymous, and begins with the magic of a patch.
type Region struct {
	Start     Addr
	Size      uint64                  // bytes mapped, the writable part after the code included
	Raw       [kpatch.HeaderSize]byte // the header as it stands in the target
	Header    kpatch.Header           // read with less rigour than a file's: what others have applied is to be listed and removed
	BuildID   string                  // of the binary it patches
	ID        string
	Functions []RegionFunction
	Object    *Object      // the patched object, nil if it is not loaded any more
	Machine   *arch.Target // of the process, with the hooks that this patch has
}

// RegionFunction is an entry of .kpatch.info in the target.
type RegionFunction struct {
	Old, New         Addr // Old is 0 for a new function
	OldSize, NewSize uint32
	Name             string
	Undo             []byte      // the original's first bytes as saved by who applied the patch
	Hooked           bool        // the original begins with a jump to New now, or where it is a gate, to Via
	Via              Addr        // of a gate: the hook that its jump leads to; else 0
	Role             kpname.Role // see kpatch.Function; 0 in patches of others
}

// Contains reports whether a lies in the region.
func (r *Region) Contains(a Addr) bool { return a >= r.Start && a < r.Start+Addr(r.Size) }

// Regions returns the patches that are live in the process, ours and LibcarePlus', in order of address.
func (p *Process) Regions() ([]Region, error) {
	return ReadRegions(p.Machine, p.mem, p.Mappings, p.Objects)
}

// ReadRegions returns the patches found in memory. A mapping with the magic that does not hold a sound patch is an error:
// something is live there that cannot be judged.
func ReadRegions(machine *arch.Target, mem io.ReaderAt, maps []Mapping, objects []Object) ([]Region, error) {
	var regions []Region
	left := maxRegions
	for _, m := range maps {
		if !MayHoldRegion(m) {
			continue
		}
		var magic [len(kpatch.Magic)]byte
		if _, err := mem.ReadAt(magic[:], int64(m.Start)); err != nil || !kpatch.BeginsLive(magic[:]) {
			continue
		}
		r, err := readRegion(regionMemory{mem, machine, &left}, m.Start)
		if err != nil {
			return nil, fault.Refuse(fault.BadRegion, fmt.Sprintf("live patch at 0x%x", uint64(m.Start)), "cannot read it").
				WithCause(err)
		}
		for i := range objects {
			if objects[i].BuildID == r.BuildID && r.owns(&objects[i]) {
				r.Object = &objects[i]
				break
			}
		}
		regions = append(regions, r)
	}
	return regions, nil
}

// owns reports whether the first patched function lies in o, or there is none: a file may be loaded twice.
func (r *Region) owns(o *Object) bool {
	for _, f := range r.Functions {
		if f.Old != 0 {
			return o.Contains(f.Old)
		}
	}
	return true
}

// MayHoldRegion reports whether a mapping is of the kind that patches live in.
func MayHoldRegion(m Mapping) bool {
	return m.anonymous() && m.Read && !m.Write && m.Exec && m.Priv && m.End-m.Start >= kpatch.HeaderSize
}

// regionMemory is the memory of a process of a machine.
type regionMemory struct {
	io.ReaderAt
	machine *arch.Target
	left    *int // of maxRegions
}

func readRegion(mem regionMemory, start Addr) (Region, error) {
	r := Region{Start: start, Machine: mem.machine}
	if _, err := mem.ReadAt(r.Raw[:], int64(start)); err != nil {
		return Region{}, err
	}
	if kpatch.FarHooks(r.Raw[:]) {
		if r.Machine = r.Machine.WithFarHooks(); r.Machine == nil {
			return Region{}, fmt.Errorf("header: hooks that %s has not", mem.machine.Name)
		}
	}
	h := kpatch.ReadHeader(r.Raw[:])
	h.BuildID, h.ID = plain.Line(strings.ToLower(h.BuildID)), plain.Line(h.ID)
	r.Header, r.ID, r.BuildID, r.Size = h, h.ID, h.BuildID, h.TotalMemory
	if h.TotalMemory < kpatch.HeaderSize || h.TotalMemory > 1<<31 {
		return Region{}, fmt.Errorf("header: %d bytes mapped", h.TotalMemory)
	}
	if h.UserInfo < kpatch.HeaderSize || uint64(h.UserInfo) >= h.TotalMemory || uint64(h.UserUndo) > h.TotalMemory {
		return Region{}, fmt.Errorf("header: functions at 0x%x, undo at 0x%x of %d bytes", h.UserInfo, h.UserUndo, h.TotalMemory)
	}
	var err error
	r.Functions, err = r.readFunctions(mem)
	if err != nil {
		return Region{}, err
	}
	return r, nil
}

// readFunctions reads .kpatch.info up to its terminator: a new function has daddr and dlen 0, the end saddr and slen too.
func (r *Region) readFunctions(mem regionMemory) ([]RegionFunction, error) {
	var functions []RegionFunction
	undo := r.Start + Addr(r.Header.UserUndo)
	for at := r.Start + Addr(r.Header.UserInfo); ; at += kpatch.InfoEntrySize {
		if !r.Contains(at+kpatch.InfoTerminatorSize-1) || len(functions) > maxFunctions {
			return nil, fmt.Errorf("%s: no end after %d functions", kpname.Info, len(functions))
		}
		var b [kpatch.InfoEntrySize]byte
		n, err := mem.ReadAt(b[:], int64(at))
		if n < kpatch.InfoTerminatorSize {
			return nil, fmt.Errorf("%s at 0x%x: %w", kpname.Info, uint64(at), err)
		}
		u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
		u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
		f := RegionFunction{Old: Addr(u64(0)), New: Addr(u64(8)), OldSize: u32(16), NewSize: u32(20)}
		switch flags := u32(40); {
		case n < len(b):
		case flags&kpatch.InfoGate != 0:
			f.Via = Addr(u64(32))
		case kpname.Role(flags).Known() && u64(32) == uint64(f.New):
			f.Role = kpname.Role(flags)
		}
		if f.Old == 0 && f.New == 0 && f.OldSize == 0 && f.NewSize == 0 {
			return functions, nil
		}
		if err := r.fill(&f, mem, Addr(u64(24)), undo+Addr(r.Machine.UndoSize*len(functions))); err != nil {
			return nil, fmt.Errorf("%s: function %d: %w", kpname.Info, len(functions), err)
		}
		if *mem.left -= functionMemory + len(f.Name); *mem.left < 0 {
			return nil, fmt.Errorf("the patches of the process have too many functions")
		}
		functions = append(functions, f)
	}
}

// fill reads what an entry refers to: name, saved bytes, and the first bytes of the original.
func (r *Region) fill(f *RegionFunction, mem regionMemory, name, undo Addr) error {
	if !r.Contains(name) || !r.Contains(f.New) || !r.Contains(undo+Addr(r.Machine.UndoSize)-1) {
		return fmt.Errorf("name at 0x%x, code at 0x%x, undo at 0x%x not in the region", uint64(name), uint64(f.New), uint64(undo))
	}
	text := make([]byte, min(maxRegionName, uint64(r.Start)+r.Size-uint64(name)))
	n, err := mem.ReadAt(text, int64(name))
	end := bytes.IndexByte(text[:n], 0)
	if end < 0 {
		return fmt.Errorf("name at 0x%x has no end: %w", uint64(name), err)
	}
	f.Name = plain.Line(string(text[:end]))
	f.Undo = make([]byte, r.Machine.UndoSize)
	if _, err := mem.ReadAt(f.Undo, int64(undo)); err != nil {
		return err
	}
	if f.Old == 0 {
		return nil
	}
	hook, ok := r.Machine.Hook(uint64(f.Old), uint64(f.New))
	if f.Via != 0 {
		hook, ok = r.Machine.Gate(uint64(f.Old), uint64(f.Via))
	}
	code := make([]byte, len(hook))
	if _, err := mem.ReadAt(code, int64(f.Old)); err != nil {
		return nil // the patched object is not loaded any more
	}
	f.Hooked = ok && bytes.Equal(code, hook)
	return nil
}
