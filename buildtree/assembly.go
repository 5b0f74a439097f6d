package buildtree

import (
	"bytes"
	"encoding/binary"

	"github.com/klauspost/compress/zstd"
)

// Assembly taken apart is a magic number, then frames with their lengths in front: the shapes, the quoted lines, the strings, what the texts
// are, the order of lines, which of the columns are differences, and the columns. Long columns have a frame of their own, since numbers of one place
// are alike; the short ones share one, each behind its length. The older kind is of one text, without strings and lengths; its shapes and quoted lines
// share a frame, which needs a dictionary.
const (
	assemblyMagic    = "gca2"
	oldAssemblyMagic = "gca1"
)

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
	packed := []byte(assemblyMagic)
	for _, data := range append([][]byte{bytes.Join(c.shapes, []byte("\n")), c.quoted, c.strings, c.texts, c.order, deltas, short}, long...) {
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
	j := joiner{shapes: bytes.Split(f.next(), []byte("\n")), quoted: f.next(), strings: f.next()}
	sizes := f.next()
	if err := f.columns(&j); err != nil {
		return nil, err
	}
	for total := uint64(0); len(sizes) > 0; {
		var size textSize
		for _, n := range []*uint64{&size.rest, &size.section, &size.at, &size.strings, &size.table} {
			length := 0
			if *n, length = binary.Uvarint(sizes); length <= 0 {
				return nil, errColumns
			}
			sizes = sizes[length:]
		}
		if total += min(size.rest, maxText+1) + min(size.section, maxText+1); total > maxText {
			return nil, errColumns
		}
		text, err := j.next(size)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
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
	j := joiner{shapes: bytes.Split(shapes, []byte("\n")), quoted: quoted, old: true}
	if err := f.columns(&j); err != nil {
		return nil, err
	}
	return j.rest()
}

// columns reads the frames from the order of lines on.
func (f *frames) columns(j *joiner) error {
	j.order = f.next()
	deltas, short := f.next(), f.next()
	for _, shape := range j.shapes {
		j.kinds = append(j.kinds, shapeKindOf(shape))
	}
	ok := true
	for _, d := range deltas {
		r := reader{isDelta: d&1 != 0}
		if d&2 != 0 {
			r.data = f.next()
		} else if r.data, short, ok = cutCounted(short); !ok {
			return errColumns
		}
		j.values = append(j.values, r)
	}
	return f.err
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
