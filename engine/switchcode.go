package engine

import (
	"cmp"
	"debug/elf"
	"slices"
	"strings"

	"gocare/engine/inspect"
	"gocare/engine/unwind"
	"gocare/internal/elfobj"
)

// This file finds the code of a process that switches stacks, whatever its name: see unwind.Machine.Switches.

// unwinding are functions that give a stack up for one that lies further out on it, by libraries that unwind stacks.
var unwinding = []string{
	"__libunwind_Registers_x86_64_jumpto", "__libunwind_Registers_arm64_jumpto", // LLVM's libunwind
	"_Ux86_64_setcontext", "_ULx86_64_setcontext", // libunwind
	"ffi_call_unix64", "ffi_call_SYSV", "_ITM_beginTransaction", "GTM_longjmp", // libffi, libitm
}

// jumping are the functions of the C library for that. Where they keep registers is known.
var jumping = []string{
	"longjmp", "_longjmp", "siglongjmp", "__longjmp", "__libc_longjmp", "__libc_siglongjmp", "____longjmp_chk", "__longjmp_cancel",
	"setcontext", "swapcontext", "__setcontext", "__swapcontext", "__start_context",
}

// switchesItself reports whether a process, which has these patches, has code that switches stacks, other than the C library's.
func switchesItself(p *inspect.Process, tables []unwind.Module, patches []live) bool {
	seen := openSeen()
	defer seen.save()
	known := func(o inspect.Object) bool {
		return o.ELF != nil && !wellKnown(&o) && seen.ask(o.Version(), newFinder(p, &o, tables).finds)
	}
	return slices.ContainsFunc(p.Objects, known) || switchesInMemory(p, tables, patches)
}

// libraries are how the names of those begin whose code gives a stack up for one that lies further out on it, or uses memory that its caller has on its
// own: the C library and its loader, whose ways to switch stacks are known, those that unwind stacks, and libffi.
var libraries = []string{
	"libc.so", "libc-2.", "libc.musl-", "ld-linux", "ld-musl-", "ld-2.", "libunwind.so", "libunwind-", "libitm.so", "libffi.so",
}

// wellKnown reports whether an object is one of libraries.
func wellKnown(o *inspect.Object) bool {
	return slices.ContainsFunc(libraries, func(name string) bool { return strings.HasPrefix(o.Name, name) })
}

// finder finds code that switches stacks in an object.
type finder struct {
	machine *unwind.Machine
	file    *elfobj.File
	table   *unwind.Table
	symbols []codeSymbol // nil until asked for
}

func newFinder(p *inspect.Process, o *inspect.Object, tables []unwind.Module) *finder {
	f := &finder{machine: machineOf(p), file: o.ELF, table: &unwind.Table{}}
	for i := range tables {
		if tables[i].Start == uint64(o.Start) {
			f.table = tables[i].Table
		}
	}
	return f
}

// finds reports whether there is any, or code that cannot be read, which another time may be.
func (f *finder) finds() (found, sure bool) {
	found = slices.ContainsFunc(f.code(), f.findsIn)
	return found || f.file.Unread() != nil, f.file.Unread() == nil
}

// searched is how many bytes of code are looked at in one go, besides what a function of them may have before and behind.
const searched = 4 << 20

// findsIn reports whether there is any in a part of the file: only some of it is in memory at a time.
func (f *finder) findsIn(part unwind.Extent) bool {
	var room []byte
	for from := part.Start; from < part.End; from += min(searched, part.End-from) {
		to := from + min(searched, part.End-from)
		around := unwind.Extent{Start: from - min(from, unwind.LargestFunction), End: to + min(part.End-to, unwind.LargestFunction)}
		code := f.read(part, around, room)
		if code == nil || slices.ContainsFunc(f.machine.SwitchesIn(code, int(from-code.At), int(to-code.At)), f.counts) {
			return true
		}
		room = code.Bytes
	}
	return false
}

// read returns what a part of the file has in an extent, in given room where that is enough, nil if it is not there or cannot be read.
func (f *finder) read(part, e unwind.Extent, room []byte) *unwind.Code {
	if e.Start = max(e.Start, part.Start); e.Start >= min(e.End, part.End) {
		return nil
	}
	b := slices.Grow(room[:0], int(min(e.End, part.End)-e.Start))[:min(e.End, part.End)-e.Start]
	if !f.file.ReadAt(b, e.Start) {
		return nil
	}
	return &unwind.Code{Bytes: b, At: e.Start, Extent: f.extent, Elsewhere: func(e unwind.Extent) *unwind.Code { return f.read(part, e, nil) }}
}

// code returns where the code of the file is, by its sections, which may have data beside them in the same segment, or its segments if it has none.
func (f *finder) code() (list []unwind.Extent) {
	for _, s := range f.file.Sections {
		if s.Flags&elf.SHF_EXECINSTR != 0 && s.Flags&elf.SHF_ALLOC != 0 && s.Type != elf.SHT_NOBITS && f.file.Loads(s.Addr, s.Size) {
			list = append(list, unwind.Extent{Start: s.Addr, End: s.Addr + s.Size})
		}
	}
	if len(list) > 0 {
		return list
	}
	for _, s := range f.file.Segments {
		if s.Type == elf.PT_LOAD && s.Flags&elf.PF_X != 0 && f.file.Loads(s.Vaddr, s.Filesz) {
			list = append(list, unwind.Extent{Start: s.Vaddr, End: s.Vaddr + s.Filesz})
		}
	}
	return list
}

// counts reports whether the function at an address is not one of those that only give up stacks.
func (f *finder) counts(addr uint64) bool {
	static := len(f.file.DynSymbols) == 0
	return !slices.ContainsFunc(f.codeSymbols(), func(s codeSymbol) bool {
		return s.start <= addr && addr-s.start < max(s.size, 1) && (slices.Contains(unwinding, *s.name) || static && slices.Contains(jumping, *s.name))
	})
}

// codeSymbol is what is asked of a symbol that may stand for code.
type codeSymbol struct {
	start, size uint64
	name        *string
}

// codeSymbols returns the symbols that may stand for code, in order.
func (f *finder) codeSymbols() []codeSymbol {
	if f.symbols != nil {
		return f.symbols
	}
	f.symbols = []codeSymbol{}
	for _, table := range [][]elfobj.Symbol{f.file.Symbols, f.file.DynSymbols} {
		for i := range table {
			s := &table[i]
			if s.Defined() && (s.Type == elf.STT_NOTYPE || s.Type == elf.STT_OBJECT || s.Type == elf.STT_FUNC || s.Type == elf.STT_GNU_IFUNC) {
				f.symbols = append(f.symbols, codeSymbol{s.Value, s.Size, &s.Name})
			}
		}
	}
	slices.SortFunc(f.symbols, func(a, b codeSymbol) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.size, b.size)) })
	return f.symbols
}

// extent returns the code that belongs to what is at an address: a function with unwind data, one that a symbol names, or what lies between those.
func (f *finder) extent(addr uint64) unwind.Extent {
	if e, ok := f.table.Function(addr); ok {
		return e
	}
	start, end := f.table.Around(addr)
	symbols := f.codeSymbols()
	next, _ := slices.BinarySearchFunc(symbols, addr, func(s codeSymbol, at uint64) int {
		if s.start <= at {
			return -1
		}
		return 1
	})
	if next < len(symbols) {
		end = min(end, symbols[next].start)
	}
	for i := next - 1; i >= 0; i-- {
		s := &symbols[i]
		if s.size == 0 {
			continue // may be a label within
		}
		if addr-s.start < s.size {
			return unwind.Extent{Start: s.start, End: s.start + s.size, Known: true, Part: strings.HasSuffix(*s.name, ".cold")}
		}
		start = max(start, s.start+s.size)
		break
	}
	return unwind.Extent{Start: start, End: end}
}

// largestGenerated is how much code of no file is searched, in bytes; more is taken for such that switches stacks.
const largestGenerated = 64 << 20

// switchesInMemory reports whether code that is not a file's switches stacks: generated, copied, or data of a file that may be executed.
func switchesInMemory(p *inspect.Process, tables []unwind.Module, patches []live) bool {
	total := inspect.Addr(0)
	for i := range p.Mappings {
		m := &p.Mappings[i]
		if !m.Exec || m.Path == "[vdso]" || m.Path == "[vsyscall]" || ofFile(p, m) {
			continue
		}
		spans, err := p.Populated(m.Start, m.End)
		if err != nil {
			return true
		}
		for _, at := range spans {
			if total += at.End - at.Start; total > largestGenerated {
				return true
			}
			if slices.ContainsFunc(withoutData(at, patches), func(code inspect.Span) bool { return switchesIn(p, tables, code) }) {
				return true
			}
		}
	}
	return false
}

// withoutData leaves out what patches of ours have beside their functions: addresses are among it, which may look like any instruction.
func withoutData(at inspect.Span, patches []live) []inspect.Span {
	list := []inspect.Span{at}
	for i := range patches {
		l := &patches[i]
		text, ok := l.text()
		if !ok {
			continue
		}
		var code []inspect.Span
		for _, s := range list {
			for _, part := range []inspect.Span{
				{Start: s.Start, End: min(s.End, l.Start)},
				{Start: max(s.Start, text.Lo), End: min(s.End, text.Hi)},
				{Start: max(s.Start, l.Start+inspect.Addr(l.Size)), End: s.End},
			} {
				if part.Start < part.End {
					code = append(code, part)
				}
			}
		}
		list = code
	}
	return list
}

// ofFile reports whether a mapping is code of an ELF file that was read, or of one that is not searched.
func ofFile(p *inspect.Process, m *inspect.Mapping) bool {
	o := p.ObjectAt(m.Start)
	return o != nil && (wellKnown(o) || o.ELF != nil && slices.ContainsFunc(o.ELF.Segments, func(s elfobj.Segment) bool {
		addr := uint64(o.LinkAddr(m.Start))
		page := p.Machine.PageDown(s.Vaddr)
		return s.Type == elf.PT_LOAD && s.Flags&elf.PF_X != 0 && addr >= page && addr < s.Vaddr+s.Memsz
	}))
}

// switchesIn reports whether code in memory switches stacks. Only that of patches has unwind data.
func switchesIn(p *inspect.Process, tables []unwind.Module, at inspect.Span) bool {
	code := unwind.Code{Bytes: make([]byte, at.End-at.Start), At: uint64(at.Start)}
	n, _ := p.Mem().ReadAt(code.Bytes, int64(at.Start)) // what cannot be read is gone
	code.Bytes = code.Bytes[:n]
	code.Extent = func(addr uint64) unwind.Extent {
		for i := range tables {
			if t := &tables[i]; t.Bias == 0 && addr >= t.Start && addr < t.End {
				if e, ok := t.Table.Function(addr); ok {
					return e
				}
			}
		}
		return unwind.Extent{End: ^uint64(0)}
	}
	return len(machineOf(p).Switches(&code)) > 0
}
