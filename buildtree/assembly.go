package buildtree

import (
	"bytes"
	"encoding/binary"

	"github.com/klauspost/compress/zstd"
)

// A blob of assembly is a magic number, then frames with their lengths in front: the text of shapes and quoted lines, the order, which of
// the columns are differences, and the columns. Long columns have a frame of their own, since numbers of one place are alike; the short ones share one,
// each behind its length.
const assemblyMagic = "gca1"

const (
	asmKind = "asm"
	// longColumn is the length in bytes from which a column has a frame of its own.
	longColumn = 1024
	// shortAssembly is the length in bytes below which taking a text apart is not worth the time.
	shortAssembly = 32 << 10
	// maxColumns bounds what is read.
	maxColumns = 1 << 20
)

// PutAssembly keeps assembly text as PutBlob does, in less space.
func (s *Store) PutAssembly(text []byte) (Digest, error) {
	d := DigestOf(text)
	if exists(s.blobPath(d)) {
		return d, nil
	}
	if len(text) < shortAssembly {
		return s.PutBlob(text)
	}
	packed, err := s.packAssembly(text)
	if err != nil {
		return s.PutBlob(text)
	}
	return d, s.writeBlob(d, packed)
}

func (s *Store) packAssembly(text []byte) ([]byte, error) {
	c, err := splitColumns(text)
	if err != nil || len(text) > maxText || len(c.values) > maxColumns {
		return nil, errNotText
	}
	texts, err := s.pack(asmKind, bytes.Join([][]byte{bytes.Join(c.shapes, []byte("\n")), c.quoted}, []byte{0}))
	if err != nil {
		return nil, err
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20),
		zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, err
	}
	deltas, short, long := make([]byte, len(c.values)), []byte{}, [][]byte{}
	for i := range c.values {
		data, isDelta := c.values[i].smaller()
		if isDelta {
			deltas[i] = 1
		}
		if len(data) >= longColumn {
			deltas[i] |= 2
			long = append(long, data)
			continue
		}
		short = append(binary.AppendUvarint(short, uint64(len(data))), data...)
	}
	packed := appendFrame([]byte(assemblyMagic), texts)
	for _, data := range append([][]byte{c.order, deltas, short}, long...) {
		packed = appendFrame(packed, enc.EncodeAll(data, nil))
	}
	return packed, nil
}

func appendFrame(packed, frame []byte) []byte {
	return append(binary.AppendUvarint(packed, uint64(len(frame))), frame...)
}

// unpackAssembly is the other way.
func (s *Store) unpackAssembly(packed []byte) ([]byte, error) {
	unpack, err := s.unpacker(asmKind)
	if err != nil {
		return nil, err
	}
	defer unpack.close()
	f := frames{rest: packed[len(assemblyMagic):], unpack: unpack}
	texts, order, deltas, short := f.next(), f.next(), f.next(), f.next()
	shapes, quoted, ok := bytes.Cut(texts, []byte{0})
	if f.err != nil || !ok {
		return nil, errColumns
	}
	j := joiner{shapes: bytes.Split(shapes, []byte("\n")), quoted: quoted, order: order}
	for _, shape := range j.shapes {
		j.kinds = append(j.kinds, shapeKindOf(shape))
	}
	for _, d := range deltas {
		r := reader{isDelta: d&1 != 0}
		if d&2 != 0 {
			r.data = f.next()
		} else if r.data, short, ok = cutCounted(short); !ok {
			return nil, errColumns
		}
		j.values = append(j.values, r)
	}
	if f.err != nil {
		return nil, f.err
	}
	return j.join()
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
