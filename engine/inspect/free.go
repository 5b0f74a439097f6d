package inspect

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/procfs"
)

const (
	// displacementRoom is kept of the reach of displacements for addends and instruction lengths.
	displacementRoom = 64 << 10
	// brkRoom is left free above the break for the heap to grow. 1 GiB, because a heap that meets a mapping makes
	// malloc fall back to mmap, which costs speed but works; a program that calls sbrk itself would fail.
	brkRoom = 1 << 30
	// maxBrkOffset bounds how far above .bss the kernel starts the heap (arch_randomize_brk).
	maxBrkOffset = 1 << 31
	// stackRoom is left free below the main thread's stack: far above the usual 8 MiB limit.
	stackRoom = 256 << 20
)

// freeOptions says what freeRegion keeps clear of.
type freeOptions struct {
	Machine *arch.Target
	Low32   bool    // the region must end below 2 GiB: absolute 32-bit relocations remain
	MinAddr Addr    // lowest usable address (vm.mmap_min_addr); less than a page counts as one page
	Brk     Addr    // start of the heap, 0 if unknown; the break and brkRoom above it are kept free
	Keep    []Range // kept free besides
	Data    []Range // that accesses reach, where calls and jumps need not
}

// userEnd is where the addresses end that may be mapped: there is a guard page behind them.
func (opt *freeOptions) userEnd() uint64 { return opt.Machine.UserEnd - opt.Machine.PageSize }

// freeRegion returns where size bytes (rounded up to pages) are free with a guard page on both sides, within reach of
// every byte of near, and of opt.Data, as close to near as possible; outside of where the heap and the main stack grow.
// It refuses (no-room) when there is no such place.
func freeRegion(maps []Mapping, near []Range, size uint64, opt freeOptions) (Addr, error) {
	size, pageSize := opt.Machine.PageUp(size), opt.Machine.PageSize
	lo, hi, mid := window(near, opt)
	best, found := uint64(0), false
	for _, gap := range gaps(maps, opt) {
		from, to := max(gap.lo+pageSize, lo), min(gap.hi-pageSize, hi)
		if from >= to || to-from < size {
			continue
		}
		at := max(from, min(to-size, opt.Machine.PageDown(mid-min(mid, size))))
		if !found || distance(at, size, mid) < distance(best, size, mid) {
			best, found = at, true
		}
	}
	if size == 0 || !found {
		e := fault.Refuse(fault.NoRoom, "", "no free addresses for %d bytes within reach of %s", size, ranges(near))
		if opt.Low32 {
			return 0, e.WithHint("the patch needs addresses below 2 GiB: build the program as PIE, or the patch with -fPIC")
		}
		return 0, e.WithHint("the addresses around the program are in use; remove patches that are no longer needed with --unmap")
	}
	return Addr(best), nil
}

// Gap returns free addresses for a patch of an object as freeRegion does, by the mappings of the snapshot: calls and jumps of a machine reach the
// object's code, accesses all of it.
func (p *Process) Gap(o *Object, machine *arch.Target, size uint64, low32 bool) (Addr, error) {
	opt := freeOptions{Machine: machine, Low32: low32, MinAddr: mmapMinAddr(), Data: []Range{{o.Start, o.End}}}
	if s, err := Status(p.Live); err == nil {
		opt.Brk = s.StartBrk
	}
	if main := p.Main(); main != nil && opt.Brk == 0 {
		opt.Brk = main.End
	} else if main != nil && opt.Brk > main.End && opt.Brk-main.End < maxBrkOffset {
		opt.Keep = []Range{{main.End, opt.Brk}} // ASLR moved the heap away from .bss; that gap belongs to it all the same
	}
	at, err := freeRegion(p.Mappings, o.code(), size, opt)
	if e := fault.As(err); e != nil {
		e.Where = p.where()
		return 0, e
	}
	return at, nil
}

func mmapMinAddr() Addr {
	const usual = 64 << 10
	text, err := procfs.Read("/proc/sys/vm/mmap_min_addr")
	if err != nil {
		return usual
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return usual
	}
	return max(Addr(n), usual)
}

// window returns the page-aligned [lo, hi) a region may lie in, and the middle of what it has to reach, which it should be close to.
func window(near []Range, opt freeOptions) (lo, hi, mid uint64) {
	m := opt.Machine
	lo, hi = max(uint64(opt.MinAddr), m.PageSize), opt.userEnd()
	if opt.Low32 {
		hi = 1 << 31
	}
	first, last := bounds(near)
	if last == 0 {
		return m.PageUp(lo), hi, hi / 2
	}
	lo, hi = within(lo, hi, first, last, m.Reach)
	if len(opt.Data) > 0 {
		first, last = bounds(opt.Data)
		lo, hi = within(lo, hi, first, last, m.DataReach)
	}
	return m.PageUp(lo), m.PageDown(hi), first/2 + last/2
}

// bounds returns where the first of ranges begins and the last ends; 0 for the latter if there are none.
func bounds(list []Range) (first, last uint64) {
	first = math.MaxUint64
	for _, r := range list {
		first, last = min(first, uint64(r.Lo)), max(last, uint64(r.Hi))
	}
	return first, last
}

// within narrows [lo, hi) to what has both first and last in reach.
func within(lo, hi, first, last, reach uint64) (uint64, uint64) {
	reach -= displacementRoom
	if last > reach {
		lo = max(lo, last-reach)
	}
	return lo, min(hi, first+reach)
}

func distance(at, size, mid uint64) uint64 {
	if at >= mid {
		return at - mid
	}
	return mid - min(mid, at+size)
}

type gap struct{ lo, hi uint64 }

// gaps returns the free ranges between what is mapped and what is kept free, in order.
func gaps(maps []Mapping, opt freeOptions) []gap {
	var used []gap
	for _, m := range maps {
		u := gap{uint64(m.Start), uint64(m.End)}
		switch {
		case m.Path == "[heap]":
			u.hi += brkRoom
		case m.Path == "[stack]":
			u.lo -= min(u.lo, stackRoom)
		}
		used = append(used, u)
	}
	if opt.Brk != 0 {
		used = append(used, gap{uint64(opt.Brk), uint64(opt.Brk) + brkRoom})
	}
	for _, r := range opt.Keep {
		used = append(used, gap{uint64(r.Lo), uint64(r.Hi)})
	}
	slices.SortFunc(used, func(a, b gap) int {
		if a.lo < b.lo {
			return -1
		}
		return 1
	})
	var free []gap
	end := uint64(0)
	for _, u := range used {
		if u.lo > end {
			free = append(free, gap{end, u.lo})
		}
		end = max(end, u.hi)
	}
	if userEnd := opt.userEnd(); end < userEnd {
		free = append(free, gap{end, userEnd})
	}
	return free
}

func ranges(near []Range) string {
	var b strings.Builder
	for i, r := range near {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("0x" + strconv.FormatUint(uint64(r.Lo), 16) + "-0x" + strconv.FormatUint(uint64(r.Hi), 16))
	}
	return b.String()
}
