package inspect

import (
	"encoding/binary"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/test/testkit"
	"gocare/kpatch"
)

// memoryAt is memory from address 0 on.
type memoryAt []byte

func (m memoryAt) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 || off >= int64(len(m)) {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(b, m[off:])
	if n < len(b) {
		return n, io.ErrUnexpectedEOF
	}
	return n, nil
}

func startIn(t *testing.T, dir, program string) *testkit.Proc {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Dir = dir
	return testkit.StartCmd(t, cmd)
}

const regionAt = 0x2000

// region is a mapped patch of two functions at regionAt, by the offsets of the format: the original at 0x1000 is hooked.
func region() memoryAt {
	mem := make(memoryAt, 0x4000)
	at := func(off int) []byte { return mem[regionAt+off:] }
	le := binary.LittleEndian
	copy(at(0), "KPATCH1\x00"+"0001\x00")
	copy(at(88), "ABCDef0123456789")
	le.PutUint64(at(136), 1700000000)
	le.PutUint32(at(160), 0x600)  // total_size
	le.PutUint32(at(168), 0x400)  // elf_offset
	le.PutUint64(at(176), 0x2000) // kpatch_total_mem_sz
	le.PutUint32(at(184), 0x900)  // user_undo
	le.PutUint32(at(188), 0x500)  // user_info
	info := at(0x500)
	le.PutUint64(info[0:], 0x1000)          // daddr
	le.PutUint64(info[8:], regionAt+0x700)  // saddr
	le.PutUint32(info[16:], 20)             // dlen
	le.PutUint32(info[20:], 30)             // slen
	le.PutUint64(info[24:], regionAt+0x800) // symstr
	le.PutUint64(info[48+8:], regionAt+0x740)
	le.PutUint32(info[48+20:], 8)
	le.PutUint64(info[48+24:], regionAt+0x804)
	copy(at(0x800), "old\x00new\x00")
	copy(at(0x900), "UNDO1-----")
	mem[0x1000] = 0xe9
	le.PutUint32(mem[0x1001:], regionAt+0x700-0x1005)
	return mem
}

func regionMaps() []Mapping {
	return []Mapping{
		{Start: 0x1000, End: 0x2000, Read: true, Exec: true, Priv: true, Inode: 5, Path: "/bin/x"},
		{Start: regionAt, End: regionAt + 0x1000, Read: true, Exec: true, Priv: true},
		{Start: regionAt + 0x1000, End: regionAt + 0x2000, Read: true, Write: true, Priv: true},
	}
}

func TestReadRegions(t *testing.T) {
	mem := region()
	objects := []Object{
		{Name: "twin", BuildID: "abcdef0123456789", Start: 0x100000, End: 0x101000},
		{Name: "x", BuildID: "abcdef0123456789", Start: 0x1000, End: 0x2000},
	}
	got, err := ReadRegions(&arch.X86_64, mem, regionMaps(), objects)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d regions, %v", len(got), err)
	}
	r := got[0]
	if r.Start != regionAt || r.Size != 0x2000 || r.ID != "0001" || r.BuildID != "abcdef0123456789" || r.Header.BuildTime != 1700000000 {
		t.Errorf("got %+v", r)
	}
	if r.Object != &objects[1] {
		t.Errorf("object %+v: want the one that holds the function", r.Object)
	}
	want := []RegionFunction{
		{Old: 0x1000, New: regionAt + 0x700, OldSize: 20, NewSize: 30, Name: "old", Undo: []byte("UNDO1"), Hooked: true},
		{New: regionAt + 0x740, NewSize: 8, Name: "new", Undo: []byte("-----")},
	}
	if diff := cmp.Diff(want, r.Functions); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !r.Contains(regionAt+0x1fff) || r.Contains(regionAt+0x2000) || r.Contains(regionAt-1) {
		t.Error("Contains")
	}
}

// TestReadRegionsFar: what the header says of its hooks decides how long they are, and how much each has overwritten.
func TestReadRegionsFar(t *testing.T) {
	mem := region()
	copy(mem[regionAt:], kpatch.MagicFar)
	copy(mem[regionAt+kpatch.StateOffset:], kpatch.StateMagic)
	mem[regionAt+kpatch.StateHooks] = 1
	copy(mem[regionAt+0x900:], "UNDO-of-old.UNDO-of-new.")
	hook, _ := arch.AArch64.WithFarHooks().Hook(0x1000, regionAt+0x700)
	copy(mem[0x1000:], hook)
	got, err := ReadRegions(&arch.AArch64, mem, regionMaps(), nil)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d regions, %v", len(got), err)
	}
	if f := got[0].Functions; !f[0].Hooked || string(f[0].Undo) != "UNDO-of-old." || string(f[1].Undo) != "UNDO-of-new." || !got[0].Machine.FarHooks {
		t.Errorf("got %+v", f)
	}
	mem[regionAt+kpatch.StateHooks] = 0
	if got, err := ReadRegions(&arch.AArch64, mem, regionMaps(), nil); err != nil || got[0].Functions[0].Hooked || got[0].Machine.FarHooks {
		t.Errorf("without saying so: %+v, %v", got, err)
	}
	mem[regionAt+kpatch.StateHooks] = 1
	if _, err := ReadRegions(&arch.X86_64, mem, regionMaps(), nil); err == nil {
		t.Error("hooks that the machine has not")
	}
}

func TestReadRegionsHook(t *testing.T) {
	for _, tt := range []struct {
		name string
		code fault.Code
	}{
		{"original code", "\x55\x48\x89\xe5\x90"},
		{"a jump elsewhere", "\xe9\x00\x00\x00\x00"},
		{"a call to the new code", "\xe8\xfb\x16\x00\x00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mem := region()
			copy(mem[0x1000:], tt.code)
			got, err := ReadRegions(&arch.X86_64, mem, regionMaps(), nil)
			if err != nil || len(got) != 1 || got[0].Functions[0].Hooked {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestReadRegionsPassesOver(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(m *Mapping, mem memoryAt)
	}{
		{"writable", func(m *Mapping, _ memoryAt) { m.Write = true }},
		{"not executable", func(m *Mapping, _ memoryAt) { m.Exec = false }},
		{"not readable", func(m *Mapping, _ memoryAt) { m.Read = false }},
		{"shared", func(m *Mapping, _ memoryAt) { m.Priv = false }},
		{"of a file", func(m *Mapping, _ memoryAt) { m.Inode = 9 }},
		{"named", func(m *Mapping, _ memoryAt) { m.Path = "[anon:x]" }},
		{"no magic", func(_ *Mapping, mem memoryAt) { mem[regionAt] = 0 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mem, maps := region(), regionMaps()
			tt.change(&maps[1], mem)
			if got, err := ReadRegions(&arch.X86_64, mem, maps, nil); err != nil || len(got) != 0 {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestReadRegionsRefusesDamage(t *testing.T) {
	put := func(off int, v uint64) func(memoryAt) {
		return func(mem memoryAt) { binary.LittleEndian.PutUint64(mem[regionAt+off:], v) }
	}
	for _, tt := range []struct {
		name   string
		change func(memoryAt)
		want   string
	}{
		{"no size", put(176, 0), "bytes mapped"},
		{"huge", put(176, 1<<40), "bytes mapped"},
		{"functions in the header", put(184, 0x10<<32|0x900), "functions at"},
		{"functions outside", put(184, 0x2000<<32|0x900), "functions at"},
		{"undo outside", put(184, 0x500<<32|0x3000), "undo at"},
		{"undo ends outside", put(184, 0x500<<32|0x1ffe), "not in the region"},
		{"name outside", put(0x500+24, 0x10), "not in the region"},
		{"name without end", func(mem memoryAt) {
			copy(mem[regionAt+0x800:], strings.Repeat("x", 0x1800))
		}, "has no end"},
		{"code outside", put(0x500+8, 0x10), "not in the region"},
		{"no terminator", func(mem memoryAt) {
			for at := regionAt + 0x500; at+48 <= len(mem); at += 48 {
				copy(mem[at:at+48], mem[regionAt+0x500:])
			}
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mem := region()
			tt.change(mem)
			got, err := ReadRegions(&arch.X86_64, mem, regionMaps(), nil)
			if e := fault.As(err); e == nil || e.Code != "bad-region" || got != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%+v, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func FuzzReadRegions(f *testing.F) {
	f.Add([]byte(region()))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, err := ReadRegions(&arch.X86_64, memoryAt(data), regionMaps(), nil); err != nil && got != nil {
			t.Fatal("a value and an error")
		}
	})
}

func FuzzReadHeaders(f *testing.F) {
	f.Add([]byte("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 80)))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, ok := readHeaders(memoryAt(data))
		if !ok && len(h.loads()) > 0 {
			t.Fatal("segments of no ELF file")
		}
	})
}
