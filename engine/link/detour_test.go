package link

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"

	"gocare/engine/inspect"
	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/kpatch"
)

// TestDetour: a patch that lies further away than calls reach has a jump for each place of the original that it calls.
func TestDetour(t *testing.T) {
	const (
		bl, b    = 0x94000000, 0x14000000
		stp      = 0xa9bf7bfd
		there    = base + 1<<30
		function = bias + textAddr + 0x20
	)
	call, jump := arch.AArch64.RelocOf(arch.Call), arch.AArch64.RelocOf(arch.Jump)
	plain, returns := arch.AArch64.Stub, arch.AArch64.Detour
	for _, tt := range []struct {
		name     string
		first    uint32 // instruction of the function
		features uint32
		stub     []byte // nil: refused
	}{
		{"nothing is checked", stp, 2, plain},
		{"jumps are checked, and may lead there", btiC, 3, plain},
		{"jumps are checked", stp, 3, returns},
		{"jumps and returns are checked, and may lead there", btiC, 7, plain},
		{"jumps and returns are checked", stp, 7, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, bl), b)
			code = binary.LittleEndian.AppendUint32(code, bl)
			p := a64Patch(code, []kpatch.Symbol{{Type: elf.STT_SECTION, Section: secOriginal}}, []kpatch.Reloc{
				{Type: call, Symbol: 1, Addend: 0x20}, {Offset: 4, Type: jump, Symbol: 1, Addend: 0x20}, {Offset: 8, Type: call, Symbol: 1, Addend: 0x28},
			})
			p.Sections[secOriginal].Addr = textAddr
			o := a64ObjectWith(t, tt.first, tt.features)
			if e := fault.As(placeAt(p, o, &arch.AArch64, there)); e == nil || e.Code != "reloc-range" {
				t.Errorf("with hooks that reach as far as calls: %v", e)
			}
			image, err := Place(p, o, arch.AArch64.WithFarHooks(), there, resolve)
			if tt.stub == nil {
				if e := fault.As(err); e == nil || e.Code != "no-room" {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			table := image.Bytes[image.Layout.JmpOffset:]
			if n := binary.LittleEndian.Uint32(table[4:]); n != 2 || image.Layout.JumpSlots != 2 {
				t.Fatalf("%d of %d slots", n, image.Layout.JumpSlots)
			}
			slots := table[kpatch.JumpHeaderSize:]
			if !bytes.Equal(slots[:8], tt.stub) || binary.LittleEndian.Uint64(slots[8:]) != uint64(function) {
				t.Errorf("% x", slots[:16])
			}
			if binary.LittleEndian.Uint64(slots[kpatch.JumpSlotSize+8:]) != uint64(function)+8 {
				t.Errorf("the second slot leads to %#x", binary.LittleEndian.Uint64(slots[kpatch.JumpSlotSize+8:]))
			}
			first := uint64(there) + uint64(image.Layout.JmpOffset) + kpatch.JumpHeaderSize
			for i, want := range []uint64{first, first, first + kpatch.JumpSlotSize} {
				at := uint64(image.Layout.ElfOffset) + 0x2d4 + uint64(i)*4
				if to, ok := arch.AArch64.Leads(uint64(there)+at, image.Bytes[at:]); !ok || to != want {
					t.Errorf("instruction %d leads to %#x, want %#x", i, to, want)
				}
			}
		})
	}
}

func placeAt(p *kpatch.Patch, o *inspect.Object, machine *arch.Target, at inspect.Addr) error {
	_, err := Place(p, o, machine, at, resolve)
	return err
}
