package inspect

import (
	"testing"

	"gocare/internal/arch"
	"gocare/internal/fault"
)

const gib = Addr(1) << 30

// mappings makes mappings from pairs of addresses; path names the last one.
func mappings(path string, bounds ...Addr) []Mapping {
	var maps []Mapping
	for i := 0; i < len(bounds); i += 2 {
		maps = append(maps, Mapping{Start: bounds[i], End: bounds[i+1]})
	}
	maps[len(maps)-1].Path = path
	return maps
}

func TestFreeRegion(t *testing.T) {
	const lib = Addr(0x7f0000000000)
	for _, tt := range []struct {
		name string
		maps []Mapping
		near []Range
		size uint64
		opt  freeOptions
		want Addr // 0: refused
	}{
		{
			name: "below the object, behind a guard page",
			maps: mappings("", lib, lib+0x10000, lib+0x12000, lib+0x20000),
			near: []Range{{lib, lib + 0x10000}}, size: 0x1800,
			want: lib - 0x3000,
		},
		{
			name: "a gap too small for both guard pages is passed over",
			maps: mappings("", lib-0x100000, lib, lib+0x3000, lib+0x10000),
			near: []Range{{lib, lib + 0x3000}}, size: 0x2000,
			want: lib + 0x11000,
		},
		{
			name: "a gap that just fits",
			maps: mappings("", lib-0x100000, lib, lib+0x3000, lib+0x100000),
			near: []Range{{lib + 0x3000, lib + 0x4000}}, size: 0x1000,
			want: lib + 0x1000,
		},
		{
			name: "every byte is in reach",
			maps: mappings("", lib, lib+gib, lib+gib, lib+2*gib),
			near: []Range{{lib, lib + 1}, {lib + 2*gib - 0x8000, lib + 2*gib - 0x7fff}}, size: 0x1000,
			want: 0,
		},
		{
			name: "one of two sides is in reach",
			maps: mappings("", lib-3*gib, lib+gib),
			near: []Range{{lib, lib + gib}}, size: 0x1000,
			want: lib + gib + 0x1000,
		},
		{
			name: "not where the heap grows",
			maps: mappings("[heap]", 0x10000, 0x400000, 0x400000, 0x600000, 0x600000, 0x700000),
			near: []Range{{0x400000, 0x500000}}, size: 0x1000, opt: freeOptions{MinAddr: 0x10000, Brk: 0x600000},
			want: 0x700000 + brkRoom + 0x1000,
		},
		{
			name: "not above .bss while there is no heap",
			maps: mappings("", 0x10000, 0x400000, 0x400000, 0x500000),
			near: []Range{{0x400000, 0x500000}}, size: 0x1000, opt: freeOptions{MinAddr: 0x10000, Brk: 0x500000},
			want: 0x500000 + brkRoom + 0x1000,
		},
		{
			name: "not between .bss and the heap",
			maps: mappings("", 0x10000, 0x400000, 0x400000, 0x500000),
			near: []Range{{0x400000, 0x500000}}, size: 0x1000, opt: freeOptions{MinAddr: 0x10000, Brk: 0x900000, Keep: []Range{{0x500000, 0x900000}}},
			want: 0x900000 + brkRoom + 0x1000,
		},
		{
			name: "not where the stack grows",
			maps: mappings("[stack]", lib, lib+0x1000, lib+0x10000000, lib+0x10021000),
			near: []Range{{lib + 0x10000000, lib + 0x10021000}}, size: 0x1000,
			want: lib + 0x10021000 + 0x1000,
		},
		{
			name: "above mmap_min_addr",
			maps: mappings("", 0x12000, 0x7f000000, 0x7f000000, 5*gib),
			near: []Range{{0x400000, 0x500000}}, size: 0x2000, opt: freeOptions{MinAddr: 0x10000},
			want: 0,
		},
		{
			name: "just above mmap_min_addr",
			maps: mappings("", 0x14000, 0x7f000000, 0x7f000000, 5*gib),
			near: []Range{{0x400000, 0x500000}}, size: 0x2000, opt: freeOptions{MinAddr: 0x10000},
			want: 0x11000,
		},
		{
			name: "below 2 GiB for 32-bit relocations",
			maps: mappings("", 0x10000, 0x7fff0000),
			near: []Range{{0x7ff00000, 0x7fff0000}}, size: 0x8000, opt: freeOptions{Low32: true},
			want: 0x7fff1000,
		},
		{
			name: "nothing below 2 GiB",
			maps: mappings("", 0x10000, 0x7fff0000),
			near: []Range{{0x7ff00000, 0x7fff0000}}, size: 0x10000, opt: freeOptions{Low32: true},
			want: 0,
		},
		{
			name: "below 2 GiB with the program out of its reach",
			maps: mappings("", lib, lib+0x1000),
			near: []Range{{lib, lib + 0x1000}}, size: 0x1000, opt: freeOptions{Low32: true},
			want: 0,
		},
		{
			name: "not above user addresses",
			maps: mappings("", 1<<47-2*gib, 1<<47-0x2000, 0xffffffffff600000, 0xffffffffff601000),
			near: []Range{{1<<47 - 0x10000, 1<<47 - 0x2000}}, size: 0x1000,
			want: 0,
		},
		{
			name: "pages of 16 KiB",
			maps: mappings("", lib, lib+0x4000, lib+0x40000, lib+0x44000),
			near: []Range{{lib, lib + 0x4000}}, size: 0x1000, opt: freeOptions{Machine: arch.AArch64.WithPages(16 << 10)},
			want: lib - 0x8000,
		},
		{
			name: "code within reach, data further on",
			maps: mappings("", lib, lib+0x1000, lib+0x1000, lib+gib),
			near: []Range{{lib, lib + 0x1000}}, size: 0x1000,
			opt:  freeOptions{Machine: &arch.AArch64, Data: []Range{{lib, lib + gib}}},
			want: lib - 0x2000,
		},
		{
			name: "code longer than jumps reach",
			maps: mappings("", lib, lib+gib),
			near: []Range{{lib, lib + gib}}, size: 0x1000,
			opt:  freeOptions{Machine: &arch.AArch64, Data: []Range{{lib, lib + gib}}},
			want: 0,
		},
		{
			name: "data out of reach",
			maps: mappings("", lib, lib+0x1000, lib+3*gib, lib+3*gib+0x1000),
			near: []Range{{lib, lib + 0x1000}}, size: 0x1000,
			opt:  freeOptions{Machine: &arch.AArch64, Data: []Range{{lib, lib + 3*gib}}},
			want: 0,
		},
		{name: "no bytes", maps: mappings("", lib, lib+0x1000), near: []Range{{lib, lib + 1}}, want: 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.opt.Machine == nil {
				tt.opt.Machine = &arch.X86_64
			}
			got, err := freeRegion(tt.maps, tt.near, tt.size, tt.opt)
			if got != tt.want {
				t.Errorf("got 0x%x, %v; want 0x%x", uint64(got), err, uint64(tt.want))
			}
			if e := fault.As(err); (tt.want == 0) != (e != nil) || e != nil && (e.Code != "no-room" || e.Hint == "") {
				t.Errorf("error %#v", err)
			}
		})
	}
}

// TestFreeRegionIsFree checks the promise itself on pseudo-random maps.
func TestFreeRegionIsFree(t *testing.T) {
	seed := uint64(1)
	random := func(n uint64) uint64 {
		seed = seed*6364136223846793005 + 1442695040888963407
		return (seed >> 33) % n
	}
	found := 0
	for range 2000 {
		at := Addr(random(1<<30)) &^ 4095
		var maps []Mapping
		for range random(20) + 1 {
			at += Addr(random(1<<20)<<random(10)) &^ 4095
			end := at + Addr(random(1<<22)+4096)&^4095
			maps = append(maps, Mapping{Start: at, End: end, Path: []string{"", "[heap]", "[stack]"}[random(3)]})
			at = end
		}
		near := []Range{{maps[0].Start, maps[0].End}, {maps[len(maps)-1].Start, maps[len(maps)-1].End}}
		size, low := random(1<<20)+1, random(2) == 0
		got, err := freeRegion(maps, near, size, freeOptions{Machine: &arch.X86_64, Low32: low, MinAddr: 0x10000})
		if err != nil {
			continue
		}
		found++
		end, page := got+Addr(arch.X86_64.PageUp(size)), Addr(arch.X86_64.PageSize)
		for _, m := range maps {
			if got-page < m.End && m.Start < end+page {
				t.Fatalf("0x%x-0x%x touches %+v", uint64(got), uint64(end), m)
			}
		}
		for _, r := range near {
			if int64(end)-int64(r.Lo) > 1<<31-1 || int64(r.Hi)-int64(got) > 1<<31-1 {
				t.Fatalf("0x%x-0x%x does not reach %v", uint64(got), uint64(end), r)
			}
		}
		if low && end > 1<<31 || got < 0x10000 || got%page != 0 {
			t.Fatalf("0x%x-0x%x", uint64(got), uint64(end))
		}
	}
	if found < 100 {
		t.Errorf("only %d of 2000 had room", found)
	}
}
