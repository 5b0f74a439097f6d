package elfobj

import (
	"debug/elf"
	"fmt"
	"io"
	"math"
)

// largeSection is from how many bytes on the contents of a program's section are not read by ParseAt.
const largeSection = 64 << 10

// smallFile is up to how many bytes a file is read whole.
const smallFile = 1 << 20

// lateChunk is how many bytes of a file are read at a time, at least.
const lateChunk = 16 << 10

// late reads parts of a file when they are needed. Memory that was not read takes no room.
type late struct {
	from io.ReaderAt
	raw  []byte
	have []bool // by chunk
	err  error  // of the first part that could not be read
}

// ParseAt parses a file of so many bytes as Parse does, and reads what it needs of it: code and data of a program, where they are large, have no Data,
// and are read when BytesAt, BytesFrom or BytesUpTo are asked for them.
func ParseAt(from io.ReaderAt, size int64) (*File, error) { return parseAt(from, size, smallFile) }

func parseAt(from io.ReaderAt, size, small int64) (*File, error) {
	if size < 0 || size > math.MaxInt {
		return nil, fmt.Errorf("file of %d bytes", size)
	}
	l := &late{from: from, raw: make([]byte, size), have: make([]bool, (size+lateChunk-1)/lateChunk)}
	large, err := l.readNeeded(size <= small)
	if err != nil {
		return nil, err
	}
	f, err := parse(l.raw, l)
	if err != nil {
		return nil, err
	}
	for _, i := range large {
		f.Sections[i].Data = nil
	}
	if len(large) == 0 {
		f.late = nil
	}
	return f, nil
}

// Whole reports whether nothing of a file is left to be read.
func (f *File) Whole() bool { return f.late == nil }

// Unread returns why bytes that were asked for are not there though the file has them, nil if that never was.
func (f *File) Unread() error {
	if f.late == nil {
		return nil
	}
	return f.late.err
}

// readNeeded reads what a file is parsed from, and returns the indices of the sections that it leaves out.
func (l *late) readNeeded(all bool) (large []int, err error) {
	h, err := l.readHeaders()
	if err != nil {
		return nil, err
	}
	if h.shoff == 0 || h.shnum == 0 || all {
		return nil, l.need(0, uint64(len(l.raw)))
	}
	segments, err := parseSegments(l.raw, h)
	if err != nil {
		return nil, err
	}
	for _, s := range segments {
		if s.Type == elf.PT_NOTE || s.Type == elf.PT_DYNAMIC {
			if err := l.need(s.Offset, s.Filesz); err != nil {
				return nil, err
			}
		}
	}
	sections, err := parseSections(l.raw, h)
	if err != nil {
		return nil, err
	}
	names := map[uint32]bool{0: true} // whatever its type, what tables have their names in is needed
	for i := range sections {
		names[sections[i].Link] = true
	}
	for i := range sections {
		s := &sections[i]
		switch {
		case s.Type == elf.SHT_NOBITS || s.Type == elf.SHT_NULL:
		case s.isLarge() && !names[uint32(i)]:
			large = append(large, i)
		default:
			if err := l.need(s.Offset, s.Size); err != nil {
				return nil, fmt.Errorf("section %d: %w", i, err)
			}
		}
	}
	return large, nil
}

// isLarge reports whether a section holds nothing but code, data or debugging information, and much of it.
func (s *Section) isLarge() bool {
	return s.Type == elf.SHT_PROGBITS && s.Size >= largeSection && s.Name != ".eh_frame" && s.Name != ".eh_frame_hdr"
}

// readHeaders reads the headers of a file, its sections and segments, and the names of its sections.
func (l *late) readHeaders() (h header, err error) {
	if err := l.need(0, min(headerSize, uint64(len(l.raw)))); err != nil {
		return h, err
	}
	if h, err = parseHeader(l.raw); err != nil {
		return h, err
	}
	if err = l.need(h.shoff, sectionSize); err == nil {
		err = h.readExtended(l.raw)
	}
	if err == nil {
		err = l.needN(h.phoff, h.phnum, segmentSize)
	}
	if err == nil {
		err = l.needN(h.shoff, h.shnum, sectionSize)
	}
	if err != nil || h.shoff == 0 || h.shstrndx >= h.shnum {
		return h, err
	}
	names, err := slice(l.raw, h.shoff+h.shstrndx*sectionSize, sectionSize)
	if err != nil {
		return h, fmt.Errorf("section headers: %w", err)
	}
	return h, l.need(order.Uint64(names[24:]), order.Uint64(names[32:]))
}

// needN reads entries of a table; one that does not fit the file is for who parses it to refuse.
func (l *late) needN(off, num, entSize uint64) error {
	if num > uint64(len(l.raw))/entSize {
		return nil
	}
	return l.need(off, num*entSize)
}

// need reads bytes of the file that were not read yet; those behind its end are for who takes them to refuse.
func (l *late) need(off, size uint64) error {
	if l == nil {
		return nil
	}
	total := uint64(len(l.raw))
	if size == 0 || off > total || size > total-off {
		return nil
	}
	first, end := off/lateChunk, (off+size+lateChunk-1)/lateChunk
	for first < end {
		if l.have[first] {
			first++
			continue
		}
		n := first
		for n < end && !l.have[n] {
			n++
		}
		if err := l.read(l.raw[first*lateChunk:min(n*lateChunk, total)], first*lateChunk); err != nil {
			return err
		}
		for ; first < n; first++ {
			l.have[first] = true
		}
	}
	return nil
}

// copy copies bytes of the file, all of which it has, from an offset on.
func (l *late) copy(b, raw []byte, off uint64) error {
	if l == nil {
		copy(b, raw[off:])
		return nil
	}
	return l.read(b, off)
}

// read reads bytes of the file from an offset on.
func (l *late) read(b []byte, off uint64) error {
	if n, err := l.from.ReadAt(b, int64(off)); n < len(b) {
		l.err = fmt.Errorf("%d bytes at 0x%x: %w", len(b), off, err)
		return l.err
	}
	return nil
}
