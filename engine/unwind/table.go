package unwind

import (
	"debug/elf"
	"errors"
	"fmt"
	"slices"
	"sort"

	"gocare/internal/elfobj"
)

// Table is the unwind data of one object, indexed by link address. It is not changed after it is made.
type Table struct {
	fdes    []fde // in order of start
	skipped int
}

// fde is a frame description entry: the rules for [start, end).
type fde struct {
	start, end  uint64
	cie         *cie
	program     []byte
	programAddr uint64 // link address of program[0]
}

// cie is what several FDEs have in common.
type cie struct {
	codeAlign uint64
	dataAlign int64
	ra        uint64 // register that stands for the return address
	program   []byte
	encoding  uint8 // of addresses in FDEs
	sized     bool  // FDEs have augmentation data
	signal    bool  // 'S': frames made by the kernel for a signal handler
	handlers  bool  // 'P': a personality routine looks for handlers and clean-ups
}

// Data is the contents of .eh_frame, which a Table is made of.
type Data struct {
	Bytes      []byte
	Addr       uint64 // link address of Bytes[0]
	Terminated bool   // a record of length 0 ends it: Bytes may reach further
}

// DataOf returns the unwind data of an ELF file; of one without section headers through PT_GNU_EH_FRAME. A file may have none.
func DataOf(f *elfobj.File) (Data, error) {
	if sec := f.Section(".eh_frame"); sec != nil && sec.Type != elf.SHT_NOBITS {
		return Data{Bytes: sec.Data, Addr: sec.Addr}, nil
	}
	for _, seg := range f.Segments {
		if seg.Type == elf.PT_GNU_EH_FRAME {
			return dataFromHeader(f, seg)
		}
	}
	return Data{}, nil
}

// Table returns the table of the data.
func (d *Data) Table() (*Table, error) { return parseTable(d.Bytes, d.Addr, d.Terminated) }

// NewTable returns the unwind table of an ELF file. A file without unwind data has an empty table.
func NewTable(f *elfobj.File) (*Table, error) {
	d, err := DataOf(f)
	if err != nil {
		return nil, err
	}
	return d.Table()
}

// dataFromHeader finds .eh_frame through .eh_frame_hdr (version, three encodings, pointer to .eh_frame, …).
func dataFromHeader(f *elfobj.File, seg elfobj.Segment) (Data, error) {
	data, ok := f.BytesAt(seg.Vaddr, seg.Filesz)
	if !ok {
		return Data{}, fmt.Errorf(".eh_frame_hdr: 0x%x is not in the file", seg.Vaddr)
	}
	r := &reader{data: data, addr: seg.Vaddr}
	version, enc := r.u8(), r.u8()
	r.u16()
	addr := r.pointer(enc, seg.Vaddr)
	if r.err != nil || version != 1 || enc == peOmit || enc&peIndirect != 0 {
		return Data{}, fmt.Errorf(".eh_frame_hdr: version %d, encoding 0x%x: no way to .eh_frame", version, enc)
	}
	for _, load := range f.Segments {
		if load.Type != elf.PT_LOAD || addr < load.Vaddr || addr-load.Vaddr >= load.Filesz {
			continue
		}
		if data, ok := f.BytesAt(addr, load.Vaddr+load.Filesz-addr); ok {
			return Data{Bytes: data, Addr: addr, Terminated: true}, nil
		}
	}
	return Data{}, fmt.Errorf(".eh_frame: 0x%x is not in the file", addr)
}

// NewTableBytes returns the table of the .eh_frame contents that lie at addr: a link address, or a run-time one for a
// module with bias 0.
func NewTableBytes(ehFrame []byte, addr uint64) (*Table, error) {
	return parseTable(ehFrame, addr, false)
}

// Handlers reports whether functions of the table have handlers of exceptions or clean-ups.
func (t *Table) Handlers() bool {
	return slices.ContainsFunc(t.fdes, func(f fde) bool { return f.cie.handlers })
}

func (t *Table) find(addr uint64) *fde {
	i := sort.Search(len(t.fdes), func(i int) bool { return t.fdes[i].start > addr })
	if i == 0 || addr >= t.fdes[i-1].end {
		return nil
	}
	return &t.fdes[i-1]
}

// parseTable parses records up to the end of data. A record of length 0 ends the table when terminated is set, else it
// is skipped: sections joined by a relocatable link have them in the middle.
func parseTable(data []byte, addr uint64, terminated bool) (*Table, error) {
	t := &Table{}
	cies := map[int]*cie{}
	for pos := 0; pos+4 <= len(data); {
		r := &reader{data: data, pos: pos, addr: addr}
		length := r.u32()
		if length == 0 {
			if terminated {
				break
			}
			pos += 4
			continue
		}
		if length == 0xffffffff {
			return nil, fmt.Errorf(".eh_frame+0x%x: 64-bit record", pos)
		}
		if uint64(length) > uint64(r.left()) {
			return nil, fmt.Errorf(".eh_frame+0x%x: record of %d bytes: %w", pos, length, errShort)
		}
		next := r.pos + int(length)
		r.data = data[:next]
		if err := t.record(r, data, cies); err != nil {
			return nil, fmt.Errorf(".eh_frame+0x%x: %w", pos, err)
		}
		pos = next
	}
	slices.SortStableFunc(t.fdes, func(a, b fde) int {
		switch {
		case a.start < b.start:
			return -1
		case a.start > b.start:
			return 1
		}
		return 0
	})
	return t, nil
}

// record parses a CIE or FDE; r is after its length.
func (t *Table) record(r *reader, data []byte, cies map[int]*cie) error {
	at := r.pos
	id := r.u32()
	if r.err != nil {
		return r.err
	}
	if id == 0 {
		return nil // a CIE; parsed when an FDE refers to it
	}
	ciePos := at - int(id)
	if ciePos < 0 {
		return errors.New("CIE before the start")
	}
	c, seen := cies[ciePos]
	if !seen {
		c = parseCIE(data, r.addr, ciePos)
		cies[ciePos] = c
	}
	if c == nil {
		t.skipped++
		return nil
	}
	f := fde{cie: c}
	f.start = r.pointer(c.encoding, 0)
	f.end = f.start + r.number(c.encoding&0x0f)
	if c.sized {
		r.bytes(r.uleb())
	}
	f.programAddr = r.addr + uint64(r.pos)
	f.program = r.bytes(uint64(r.left()))
	if r.err != nil || f.end < f.start {
		t.skipped++
		return nil
	}
	if f.end > f.start && f.start != 0 { // start 0: the function was discarded by the linker
		t.fdes = append(t.fdes, f)
	}
	return nil
}

// parseCIE returns the CIE at pos, nil if it is of a form not known here.
func parseCIE(data []byte, addr uint64, pos int) *cie {
	r := &reader{data: data, pos: pos, addr: addr}
	length := r.u32()
	if r.err != nil || length == 0xffffffff || uint64(length) > uint64(r.left()) {
		return nil
	}
	r.data = data[:r.pos+int(length)]
	id, version := r.u32(), r.u8()
	if id != 0 || version != 1 && version != 3 && version != 4 {
		return nil
	}
	augmentation := r.cString()
	if augmentation == "eh" { // gcc 2: a pointer follows
		r.u64()
		augmentation = ""
	}
	if version == 4 {
		if addressSize, segmentSize := r.u8(), r.u8(); addressSize != 8 || segmentSize != 0 {
			return nil
		}
	}
	c := &cie{codeAlign: r.uleb(), dataAlign: r.sleb()}
	if version == 1 {
		c.ra = uint64(r.u8())
	} else {
		c.ra = r.uleb()
	}
	if !c.augment(r, augmentation) {
		return nil
	}
	c.program = r.bytes(uint64(r.left()))
	if r.err != nil || c.ra >= c.followed() {
		return nil
	}
	return c
}

// followed returns how many registers, from 0 on, rules are kept of: those of the machine, which is told by where it keeps return addresses.
func (c *cie) followed() uint64 {
	if c.ra == a64LR {
		return uint64(a64.count)
	}
	return uint64(x86.count)
}

// augment parses the augmentation data; false if a letter is unknown, as it may change what the rest means.
func (c *cie) augment(r *reader, letters string) bool {
	if letters == "" {
		return true
	}
	if letters[0] != 'z' {
		return false
	}
	c.sized = true
	size := r.uleb()
	if size > uint64(r.left()) {
		return false
	}
	end := r.pos + int(size)
	for _, letter := range letters[1:] {
		switch letter {
		case 'R':
			c.encoding = r.u8()
		case 'L':
			r.u8()
		case 'P':
			enc := r.u8()
			r.pointer(enc&^peIndirect, 0)
			c.handlers = true
		case 'S':
			c.signal = true
		case 'B':
		default:
			return false
		}
	}
	if r.err != nil || r.pos > end || c.encoding&peIndirect != 0 || c.encoding&0x70 > pePCRel && c.encoding != peAligned {
		return false
	}
	r.pos = end
	return true
}
