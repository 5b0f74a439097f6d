package buildtree

import (
	"bytes"
	"errors"

	"github.com/klauspost/compress/s2"
)

// looseMagic begins a loose text, a block of S2 behind it. Without it the text is a frame of zstd: of an older version, or too long.
const looseMagic = "gcl2"

// maxLoose is the length in bytes of a text in S2, which says of itself how much room it takes.
const maxLoose = 1 << 30

var errLoose = errors.New("damaged loose text")

// packLoose compresses a text in the least time: it is for the time until a link packs it.
func packLoose(text []byte) ([]byte, error) {
	if len(text) > maxLoose {
		return compress(text, 0, nil)
	}
	packed := make([]byte, len(looseMagic)+s2.MaxEncodedLen(len(text)))
	n := copy(packed, looseMagic)
	return packed[:n+len(s2.Encode(packed[n:], text))], nil
}

// unpackLoose is the other way.
func unpackLoose(packed []byte) ([]byte, error) {
	block, ok := bytes.CutPrefix(packed, []byte(looseMagic))
	if !ok {
		return unpackPlain(packed)
	}
	if n, err := s2.DecodedLen(block); err != nil || n > maxLoose {
		return nil, errLoose
	}
	return s2.Decode(nil, block)
}
