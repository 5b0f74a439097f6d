package inspect

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"slices"

	"gocare/internal/arch"
	"gocare/internal/fault"
)

// segment is what matters here of a program header.
type segment struct {
	typ           elf.ProgType
	exec          bool
	offset, vaddr uint64
	filesz, memsz uint64
}

// headers is what the first bytes of an ELF file say.
type headers struct {
	class    elf.Class
	machine  elf.Machine
	segments []segment
	phoff    uint64
}

// maxSegments bounds the program headers of a file: linkers make a dozen, and each is looked for at each of the file's mappings.
const maxSegments = 128

// readHeaders reads ELF header and program headers; ok is false if r holds no usable ELF file.
func readHeaders(r io.ReaderAt) (h headers, ok bool) {
	var b [64]byte
	if n, _ := r.ReadAt(b[:], 0); n < 52 || !bytes.HasPrefix(b[:], []byte(elf.ELFMAG)) {
		return h, false
	}
	h.class = elf.Class(b[elf.EI_CLASS])
	h.machine = elf.Machine(binary.LittleEndian.Uint16(b[18:]))
	if h.class != elf.ELFCLASS64 || b[elf.EI_DATA] != byte(elf.ELFDATA2LSB) {
		return h, true
	}
	h.phoff = binary.LittleEndian.Uint64(b[32:])
	size, num := int(binary.LittleEndian.Uint16(b[54:])), int(binary.LittleEndian.Uint16(b[56:]))
	if size != 56 || num > maxSegments || h.phoff > 1<<40 {
		return h, false
	}
	table := make([]byte, size*num)
	if n, _ := r.ReadAt(table, int64(h.phoff)); n < len(table) {
		return h, false
	}
	for ; len(table) > 0; table = table[size:] {
		u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(table[at:]) }
		h.segments = append(h.segments, segment{
			typ:    elf.ProgType(binary.LittleEndian.Uint32(table)),
			exec:   binary.LittleEndian.Uint32(table[4:])&uint32(elf.PF_X) != 0,
			offset: u64(8), vaddr: u64(16), filesz: u64(32), memsz: u64(40),
		})
	}
	return h, true
}

// loads returns the PT_LOAD segments, dynamic PT_DYNAMIC.
func (h *headers) loads() []segment {
	return slices.DeleteFunc(slices.Clone(h.segments), func(s segment) bool { return s.typ != elf.PT_LOAD })
}

func (h *headers) dynamic() segment {
	for _, s := range h.segments {
		if s.typ == elf.PT_DYNAMIC {
			return s
		}
	}
	return segment{}
}

// machineOf returns the machine that a program is for; it refuses others than the 64-bit one that we run on.
func machineOf(exe, where string) (*arch.Target, error) {
	f, err := os.Open(exe)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h, ok := readHeaders(f)
	if !ok {
		return nil, fault.Refuse(fault.Machine, where, "executable is no ELF file this tool can read")
	}
	machine, known := arch.ByMachine(h.machine)
	if h.class != elf.ELFCLASS64 || !known || machine != arch.Host() {
		return nil, fault.Refuse(fault.Machine, where, "runs a %s %s program; only 64-bit %s is supported here", h.class, h.machine, arch.HostName()).
			WithHint("patches for it cannot be applied on this machine")
	}
	return machine, nil
}
