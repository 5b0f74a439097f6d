package buildtree

import (
	"bytes"
	"encoding/binary"

	"github.com/klauspost/compress/zstd"
)

// Assembly taken apart is a magic number, then frames with their lengths in front: the shapes, the quoted lines, the strings, what the texts
// are, the order of lines, how columns are encoded, and the columns. Long columns have a frame of their own, since numbers of one place
// are alike; the short ones share one, each behind its length. The older kind is of one text, without strings and lengths; its shapes and quoted lines
// share a frame, which needs a dictionary.
const (
	assemblyMagic      = "gca3"
	plainAssemblyMagic = "gca2"
	oldAssemblyMagic   = "gca1"
)

// assemblyFormat is the digit behind "gca".
type assemblyFormat byte

const (
	formatFirst assemblyFormat = '1' // has neither tables of strings nor codes
	formatOrder assemblyFormat = '3' // the first in which the order of lines is coded and attributes have columns; before, lines have numbers
)

// isAssembly reports whether texts are packed, as this version or the one before does.
func isAssembly(packed []byte) bool {
	return bytes.HasPrefix(packed, []byte(assemblyMagic)) || bytes.HasPrefix(packed, []byte(plainAssemblyMagic))
}

const (
	// asmKind is that of dictionaries of the older kind.
	asmKind = "asm"
	// longColumn is the length in bytes from which a column has a frame of its own.
	longColumn = 1024
)

// packAssembly packs texts.
func packAssembly(level zstd.EncoderLevel, texts ...[]byte) ([]byte, error) {
	c, err := splitColumns(texts...)
	if err != nil {
		return nil, err
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(maxWindow),
		zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, err
	}
	kinds, short, long := make([]byte, len(c.values)), []byte{}, [][]byte{}
	for i := range c.values {
		data, how := c.values[i].smallest()
		kinds[i] = byte(how)
		if len(data) >= longColumn {
			kinds[i] |= ownFrame
			long = append(long, data)
			continue
		}
		short = append(binary.AppendUvarint(short, uint64(len(data))), data...)
	}
	packed := []byte(assemblyMagic)
	for _, data := range append([][]byte{bytes.Join(c.shapes, []byte("\n")), c.quoted, c.strings, c.texts, c.order, kinds, short}, long...) {
		packed = appendFrame(packed, enc.EncodeAll(data, nil))
	}
	return packed, nil
}

func appendFrame(packed, frame []byte) []byte {
	return append(binary.AppendUvarint(packed, uint64(len(frame))), frame...)
}

// unpackAssembly is the other way.
func unpackAssembly(packed []byte) (texts [][]byte, err error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxText))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	f := frames{rest: packed[len(assemblyMagic):], unpack: unpacker{dec}}
	j := joiner{format: assemblyFormat(packed[len(assemblyMagic)-1]), shapes: bytes.Split(f.next(), []byte("\n")), quoted: f.next(), strings: f.next()}
	sizes, total, err := parseSizes(f.next())
	if err != nil {
		return nil, err
	}
	j.follow = newLineOrder(total)
	if err := f.columns(&j); err != nil {
		return nil, err
	}
	for _, size := range sizes {
		text, err := j.next(size)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// parseSizes parses what the texts are, and how long they are together.
func parseSizes(data []byte) (sizes []textSize, total int, err error) {
	for len(data) > 0 {
		var size textSize
		for _, n := range []*uint64{&size.rest, &size.section, &size.at, &size.strings, &size.table} {
			length := 0
			if *n, length = binary.Uvarint(data); length <= 0 {
				return nil, 0, errColumns
			}
			data = data[length:]
		}
		if !size.valid() {
			return nil, 0, errColumns
		}
		if total += int(size.rest + size.section); total > maxText {
			return nil, 0, errColumns
		}
		sizes = append(sizes, size)
	}
	return sizes, total, nil
}

// unpackOldAssembly unpacks a text of the older kind.
func (s *Store) unpackOldAssembly(packed []byte) ([]byte, error) {
	unpack, err := s.unpacker(asmKind)
	if err != nil {
		return nil, err
	}
	defer unpack.close()
	f := frames{rest: packed[len(oldAssemblyMagic):], unpack: unpack}
	shapes, quoted, ok := bytes.Cut(f.next(), []byte{0})
	if !ok {
		return nil, errColumns
	}
	j := joiner{shapes: bytes.Split(shapes, []byte("\n")), quoted: quoted, format: formatFirst}
	if err := f.columns(&j); err != nil {
		return nil, err
	}
	return j.rest()
}

// columns reads the frames from the order of lines on.
func (f *frames) columns(j *joiner) error {
	j.order = f.next()
	j.coder = newBitReader(j.order)
	kinds, short := f.next(), f.next()
	for _, shape := range j.shapes {
		j.kinds = append(j.kinds, shapeKindOf(shape))
	}
	ok := true
	for _, kind := range kinds {
		r, own := columnKind(kind, j.format)
		if r.how >= encodings {
			return errColumns
		}
		if own {
			r.data = f.next()
		} else if r.data, short, ok = cutCounted(short); !ok {
			return errColumns
		}
		j.values = append(j.values, r)
	}
	return f.err
}

// ownFrame marks columns that have a frame of their own.
const ownFrame = 4

func columnKind(kind byte, format assemblyFormat) (r reader, own bool) {
	if format < formatOrder {
		return reader{how: encoding(kind & 1)}, kind&2 != 0
	}
	return reader{how: encoding(kind &^ ownFrame)}, kind&ownFrame != 0
}

// frames reads frames one after the other, up to the first error.
type frames struct {
	rest   []byte
	unpack unpacker
	err    error
}

func (f *frames) next() []byte {
	frame, rest, ok := cutCounted(f.rest)
	if !ok || f.err != nil {
		f.err = errColumns
		return nil
	}
	f.rest = rest
	var data []byte
	data, f.err = f.unpack.decode(frame)
	return data
}

// cutCounted cuts off what stands behind its length.
func cutCounted(data []byte) (counted, rest []byte, ok bool) {
	n, size := binary.Uvarint(data)
	if size <= 0 || n > uint64(len(data)-size) {
		return nil, nil, false
	}
	return data[size : size+int(n)], data[size+int(n):], true
}
