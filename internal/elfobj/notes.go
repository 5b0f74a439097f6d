package elfobj

import (
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
)

// noteGNUBuildID is NT_GNU_BUILD_ID.
const noteGNUBuildID = 3

// BuildID returns the build ID in lower-case hex, or "" when there is none. Note sections are looked at first, as the
// program headers of separate debug files point elsewhere; then PT_NOTE.
func (f *File) BuildID() string {
	for i := range f.Sections {
		if s := &f.Sections[i]; s.Type == elf.SHT_NOTE {
			if id := noteBuildID(s.Data, s.Align); id != "" {
				return id
			}
		}
	}
	for _, p := range f.Segments {
		if p.Type != elf.PT_NOTE {
			continue
		}
		if data, err := slice(f.raw, p.Offset, p.Filesz); err == nil {
			if id := noteBuildID(data, p.Align); id != "" {
				return id
			}
		}
	}
	return ""
}

// maxNotes bounds what ReadBuildID reads of a PT_NOTE segment, in bytes.
const maxNotes = 64 << 10

// ReadBuildID returns the build ID of the file behind r, or "", reading nothing but its header, program headers and
// notes.
func ReadBuildID(r io.ReaderAt) (string, error) {
	head := make([]byte, headerSize)
	if n, err := r.ReadAt(head, 0); n < len(head) && err != nil && err != io.EOF {
		return "", err
	}
	h, err := parseHeader(head)
	if err != nil {
		return "", err
	}
	if h.phnum == pnXNum {
		return "", fmt.Errorf("ELF header: too many program headers")
	}
	table := make([]byte, h.phnum*segmentSize)
	if n, err := r.ReadAt(table, int64(h.phoff)); n < len(table) {
		return "", fmt.Errorf("program headers: %w", err)
	}
	for ; len(table) > 0; table = table[segmentSize:] {
		p := decodeSegment(table)
		if p.Type != elf.PT_NOTE || p.Filesz > maxNotes {
			continue
		}
		notes := make([]byte, p.Filesz)
		if n, err := r.ReadAt(notes, int64(p.Offset)); n < len(notes) {
			return "", fmt.Errorf("notes at 0x%x: %w", p.Offset, err)
		}
		if id := noteBuildID(notes, p.Align); id != "" {
			return id, nil
		}
	}
	return "", nil
}

// noteBuildID walks notes (name size, description size, type, name, description; each part padded to align, 4 or 8).
func noteBuildID(data []byte, align uint64) string {
	if align != 8 {
		align = 4
	}
	pad := func(n uint64) uint64 { return (n + align - 1) &^ (align - 1) }
	for len(data) >= 12 {
		nameSize, descSize := uint64(order.Uint32(data)), uint64(order.Uint32(data[4:]))
		kind := order.Uint32(data[8:])
		descAt := pad(12 + nameSize)
		if descAt+descSize > uint64(len(data)) {
			return ""
		}
		name, desc := string(data[12:12+nameSize]), data[descAt:descAt+descSize]
		if kind == noteGNUBuildID && name == "GNU\x00" {
			return hex.EncodeToString(desc)
		}
		data = data[min(pad(descAt+descSize), uint64(len(data))):]
	}
	return ""
}
