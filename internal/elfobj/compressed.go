package elfobj

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

const (
	chdrSize = 24      // of Elf64_Chdr: type, reserved, size, alignment (System V gABI, chapter 4, Section Compression)
	gnuMagic = "ZLIB"  // begins a section .zdebug_*, of GNU, with the size behind it, big-endian
	gnuSize  = 4 + 8   // bytes before the compressed ones in such a section
	maxRatio = 1 << 14 // no compression is better; it bounds what a file of hostile bytes may ask for
)

// debugName returns a section's name behind ".debug_", or ".zdebug_" of one that is compressed the old way.
func debugName(s *Section) (name string, ok bool) {
	if name, ok = strings.CutPrefix(s.Name, ".debug_"); ok {
		return name, true
	}
	return strings.CutPrefix(s.Name, ".zdebug_")
}

// DebugContents returns the bytes of the section of debugging information that has a name, as they were before it was compressed; nil for
// none.
func (f *File) DebugContents(name string) ([]byte, error) {
	s := f.Section(name)
	if s == nil {
		return nil, nil
	}
	return contents(s)
}

// contents returns the bytes of a debug section as they were before it was compressed (-gz).
func contents(s *Section) ([]byte, error) {
	if s.Flags&elf.SHF_COMPRESSED != 0 {
		if len(s.Data) < chdrSize {
			return nil, fmt.Errorf("compressed, without a header")
		}
		return decompressed(elf.CompressionType(order.Uint32(s.Data)), s.Data[chdrSize:], order.Uint64(s.Data[8:]))
	}
	if !strings.HasPrefix(s.Name, ".zdebug_") {
		return s.Data, nil
	}
	if len(s.Data) < gnuSize || string(s.Data[:len(gnuMagic)]) != gnuMagic {
		return nil, fmt.Errorf("compressed, without a header")
	}
	return decompressed(elf.COMPRESS_ZLIB, s.Data[gnuSize:], binary.BigEndian.Uint64(s.Data[len(gnuMagic):]))
}

// decompressed returns the size bytes that data was made of.
func decompressed(method elf.CompressionType, data []byte, size uint64) ([]byte, error) {
	if size > uint64(len(data))*maxRatio {
		return nil, fmt.Errorf("compressed: %d bytes out of %d", size, len(data))
	}
	r, err := decompressor(method, bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("compressed: %w", err)
	}
	defer r.Close()
	out, err := io.ReadAll(io.LimitReader(r, int64(size)+1))
	if err == nil && uint64(len(out)) != size {
		err = fmt.Errorf("not %d bytes", size)
	}
	if err != nil {
		return nil, fmt.Errorf("compressed: %w", err)
	}
	return out, nil
}

func decompressor(method elf.CompressionType, r io.Reader) (io.ReadCloser, error) {
	switch method {
	case elf.COMPRESS_ZLIB:
		return zlib.NewReader(r)
	case elf.COMPRESS_ZSTD:
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return nil, fmt.Errorf("by method %v, which is not known", method)
}
