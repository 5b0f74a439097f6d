package buildtree

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"gocare/buildtree/asmpack"
)

// Units of the log are alike from one to the next. They are compressed with an earlier one as a dictionary: dict/unit-N holds it as it is, and the
// frame has the number N.

const (
	// maxDictionaries bounds their number. A unit that an earlier one helps little with is made the next.
	maxDictionaries = 8
	// minDictionary is the length in bytes that a text must have for that.
	minDictionary = 512
	// wellPacked is the length in bytes of a frame that no other dictionary makes much shorter: digests are random.
	wellPacked = 500
	// maxText is the length in bytes of a text that is read.
	maxText = asmpack.MaxText
)

// newestDictionary returns the latest dictionary; its number is 0 if there is none.
func (s *Store) newestDictionary() (number uint32, text []byte) {
	for number < maxDictionaries && exists(s.dictionaryPath(number+1)) {
		number++
	}
	if number > 0 {
		if text, err := os.ReadFile(s.dictionaryPath(number)); err == nil {
			return number, text
		}
	}
	return 0, nil
}

func (s *Store) dictionaryPath(number uint32) string {
	return filepath.Join(s.dir, "dict", fmt.Sprintf("unit-%d", number))
}

// pack compresses a unit.
func (s *Store) pack(text []byte) ([]byte, error) {
	number, dict := s.newestDictionary()
	packed, err := compress(text, number, dict)
	if err != nil || number == maxDictionaries || len(text) < minDictionary || number > 0 && len(packed) < max(wellPacked, len(text)/10) {
		return packed, err
	}
	if number, err = s.addDictionary(number+1, text); err != nil {
		return packed, nil
	}
	if dict, err = os.ReadFile(s.dictionaryPath(number)); err != nil {
		return packed, nil
	}
	return compress(text, number, dict)
}

// addDictionary makes a text the dictionary with a number, unless another process was first.
func (s *Store) addDictionary(number uint32, text []byte) (uint32, error) {
	path := s.dictionaryPath(number)
	if err := s.mkdir(filepath.Dir(path)); err != nil {
		return 0, err
	}
	tmp, err := s.TempFile("dict-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(tmp)
	if err := s.writeFile(tmp, text); err != nil {
		return 0, err
	}
	if err := os.Link(tmp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return 0, err
	}
	return number, nil
}

// compress makes a frame. dict is the dictionary with a number, none if that is 0.
func compress(data []byte, number uint32, dict []byte) ([]byte, error) {
	return compressAs(zstd.SpeedFastest, data, number, dict)
}

func compressAs(level zstd.EncoderLevel, data []byte, number uint32, dict []byte) ([]byte, error) {
	options := []zstd.EOption{
		zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(windowFor(len(data) + len(dict))),
		zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true),
	}
	if number > 0 {
		options = append(options, zstd.WithEncoderDictRaw(number, dict))
	}
	enc, err := zstd.NewWriter(nil, options...)
	if err != nil {
		return nil, err
	}
	return enc.EncodeAll(data, make([]byte, 0, len(data)/3+64)), nil
}

// unpacker decodes what pack made. It is not safe for concurrent use.
type unpacker struct{ dec *zstd.Decoder }

func (s *Store) unpacker() (unpacker, error) {
	options := []zstd.DOption{zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxText)}
	for number := uint32(1); number <= maxDictionaries; number++ {
		dict, err := os.ReadFile(s.dictionaryPath(number))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return unpacker{}, err
		}
		options = append(options, zstd.WithDecoderDictRaw(number, dict))
	}
	dec, err := zstd.NewReader(nil, options...)
	return unpacker{dec}, err
}

func (u unpacker) close() { u.dec.Close() }

func (u unpacker) decode(packed []byte) ([]byte, error) { return u.dec.DecodeAll(packed, nil) }

// base64Text is for compressed bytes in a line.
func base64Text(data []byte) []byte {
	return base64.RawStdEncoding.AppendEncode(nil, data)
}

func base64Bytes(text []byte) ([]byte, error) {
	return base64.RawStdEncoding.AppendDecode(nil, text)
}
