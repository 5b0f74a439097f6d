// Package asmpack packs the assembly of compiled units, which is alike from one to the next, into a fraction of what a compressor of
// texts makes of it: of a build's record this is by far the largest part.
//
// Texts hold any bytes but 0 to 3, which stand for what is cut out of them. Nothing here reads or writes files.
package asmpack

import (
	"bytes"
	"encoding/binary"

	"github.com/klauspost/compress/zstd"
)

// magic begins texts taken apart. Behind it are frames with their lengths in front: the shapes, the quoted lines, the strings, what the texts
// are, the order of lines, how columns are encoded, and the columns. Long columns have a frame of their own, since numbers of one place
// are alike; the short ones share one, each behind its length.
const magic = "gca4"

// MaxText is the length in bytes of texts together.
const MaxText = 64 << 20

// Is reports whether these bytes begin as Pack's do.
func Is(packed []byte) bool { return bytes.HasPrefix(packed, []byte(magic)) }

const (
	// maxWindow is how far back an encoder looks, in bytes.
	maxWindow = 8 << 20
	// longColumn is the length in bytes from which a column has a frame of its own.
	longColumn = 1024
)

// Pack packs texts. It fails if one cannot be, see CanPack.
func Pack(texts ...[]byte) ([]byte, error) {
	c, err := splitColumns(texts...)
	if err != nil {
		return nil, err
	}
	enc, err := newEncoder()
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
	packed := []byte(magic)
	frames := [][]byte{bytes.Join(c.shapes, []byte("\n")), c.quoted, c.strings, c.texts, c.order, kinds, short}
	for _, data := range append(frames, long...) {
		packed = appendFrame(packed, enc.EncodeAll(data, nil))
	}
	return packed, nil
}

// newEncoder is for what is hardly shorter, and takes longer, at the best level.
func newEncoder() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(maxWindow),
		zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
}

func appendFrame(packed, frame []byte) []byte {
	return append(binary.AppendUvarint(packed, uint64(len(frame))), frame...)
}

// Unpack returns the texts of a pack, for which Is is true. It fails, without any, for a damaged one.
func Unpack(packed []byte) (texts [][]byte, err error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxText))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	f := frames{rest: packed[len(magic):], dec: dec}
	j := joiner{shapes: bytes.Split(f.next(), []byte("\n")), quoted: f.next(), strings: f.next()}
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
		if total += int(size.rest + size.section); total > MaxText {
			return nil, 0, errColumns
		}
		sizes = append(sizes, size)
	}
	return sizes, total, nil
}

// columns reads the frames from the order of lines on.
func (f *frames) columns(j *joiner) error {
	j.coder = newBitReader(f.next())
	kinds, short := f.next(), f.next()
	for _, shape := range j.shapes {
		j.kinds = append(j.kinds, shapeKindOf(shape))
	}
	ok := true
	for _, kind := range kinds {
		r := reader{how: encoding(kind &^ ownFrame)}
		if r.how >= encodings {
			return errColumns
		}
		if kind&ownFrame != 0 {
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

// frames reads frames one after the other, up to the first error.
type frames struct {
	rest []byte
	dec  *zstd.Decoder
	err  error
}

func (f *frames) next() []byte {
	frame, rest, ok := cutCounted(f.rest)
	if !ok || f.err != nil {
		f.err = errColumns
		return nil
	}
	f.rest = rest
	var data []byte
	data, f.err = f.dec.DecodeAll(frame, nil)
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
