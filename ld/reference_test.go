package ld

import (
	"debug/elf"
	"encoding/binary"
	"testing"

	"gocare/internal/elfobj"
)

// TestEveryReference looks up the symbol of every relocation of every input that the linker placed and compares with
// the value that the linker wrote.
func TestEveryReference(t *testing.T) {
	for _, tt := range []struct {
		name           string
		cflags, lflags []string
		atLeast        int
	}{
		{"pie", []string{"-O2"}, nil, 30},
		{"no-pie", []string{"-O2", "-fno-pie"}, []string{"-no-pie"}, 30},
		{"static", []string{"-O2", "-fno-pie"}, []string{"-static"}, 4000},
		{"static pie", []string{"-O2"}, []string{"-static-pie"}, 4000},
		{"static gold", []string{"-O2", "-fno-pie"}, []string{"-static", "-fuse-ld=gold"}, 4000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := linkProgram(t, compile(t, tt.cflags...), tt.lflags...)
			o := b.open(t)
			checked := 0
			for i := range b.objects {
				checked += checkInput(t, o, i)
			}
			t.Logf("%d references", checked)
			if checked < tt.atLeast {
				t.Errorf("%d references compared, want at least %d", checked, tt.atLeast)
			}
		})
	}
}

func checkInput(t *testing.T, o *Original, input int) int {
	t.Helper()
	f, checked := o.objects[input].File, 0
	for i := range f.Sections {
		p := o.places[input][i]
		if p.state != placed || len(f.Sections[i].Data) == 0 || f.Sections[i].Name == ".eh_frame" {
			continue
		}
		if err := o.mismatch(inputSection{input, i}, 0, uint64(len(f.Sections[i].Data)), p.addr); err != nil {
			t.Errorf("%s: %v", objectName(&o.objects[input]), err)
			continue
		}
		relas, err := f.Relas(i)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range relas {
			checked += checkReference(t, o, input, &f.Sections[i], p.addr, r)
		}
	}
	return checked
}

func checkReference(t *testing.T, o *Original, input int, sec *elfSection, base uint64, r elfobj.Rela) int {
	t.Helper()
	sym := &o.objects[input].File.Symbols[r.Symbol]
	if sym.Name == "" || sym.Type == elf.STT_SECTION || sym.Name[0] == '.' {
		return 0
	}
	if sym.Section == int(elf.SHN_ABS) {
		return 0
	}
	b, err := o.names.lookup(input, sym)
	if err != nil {
		if fault := err.Error(); !expectedRefusal(o, input, sym) {
			t.Errorf("%s: %s", objectName(&o.objects[input]), fault)
		}
		return 0
	}
	field, ok := o.bin.BytesAt(base+r.Offset, 4)
	if !ok || b.kind == bindDiscarded || b.kind == bindNumber {
		return 0
	}
	linked := base + r.Offset + uint64(int64(int32(binary.LittleEndian.Uint32(field)))) - uint64(r.Addend)
	switch elf.R_X86_64(r.Type) {
	case elf.R_X86_64_PC32:
	case elf.R_X86_64_PLT32:
		if stub, found := o.names.slots.stub(b); found && stub == linked {
			return 1
		}
	default:
		return 0
	}
	if b.kind == bindImport {
		if addr, found := o.names.canonical(b); found && addr != linked {
			t.Errorf("%s: %s is at 0x%x, the linker wrote 0x%x", objectName(&o.objects[input]), sym.Name, addr, linked)
		}
		return 0
	}
	if b.addr != linked {
		t.Errorf("%s %s+0x%x: %s is at 0x%x, the linker wrote 0x%x", objectName(&o.objects[input]), sec.Name, r.Offset, sym.Name, b.addr, linked)
	}
	return 1
}

// expectedRefusal reports whether a name is one that lookup refuses by design.
func expectedRefusal(o *Original, input int, sym *elfobj.Symbol) bool {
	return sym.Defined() && o.places[input][sym.Section].state == merged
}
