package buildtree

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"gocare/buildtree/asmpack"
)

// contents keeps bytes under their digests: blobs, and assembly loose and in packs.
type contents struct {
	folder
	packs packs
}

// DigestOf returns the name of a blob with this content.
func DigestOf(data []byte) Digest {
	sum := sha256.Sum256(data)
	return Digest(hex.EncodeToString(sum[:]))
}

// PutBlob keeps data, unless it is there already, and returns its digest.
func (c *contents) PutBlob(data []byte) (Digest, error) { return c.putBlob(data, zstd.SpeedFastest) }

func (c *contents) putBlob(data []byte, level zstd.EncoderLevel) (Digest, error) {
	d := DigestOf(data)
	if exists(c.blobPath(d)) {
		return d, nil
	}
	packed, err := compressAs(level, data, 0, nil)
	if err != nil {
		return "", err
	}
	return d, c.writeBlob(d, packed)
}

// PutText keeps a text of lines that are alike as PutBlob does, in less space.
func (c *contents) PutText(text []byte) (Digest, error) {
	d := DigestOf(text)
	if len(text) < shortText || exists(c.blobPath(d)) {
		return c.PutBlob(text)
	}
	packed, err := asmpack.Pack(text)
	if err != nil {
		return c.PutBlob(text)
	}
	return d, c.writeBlob(d, packed)
}

// shortText is the length in bytes below which taking a text apart is not worth the time.
const shortText = 32 << 10

func (c *contents) writeBlob(d Digest, packed []byte) error {
	path := c.blobPath(d)
	if err := c.mkdir(filepath.Dir(path)); err != nil {
		return err
	}
	return c.writeFile(path, packed)
}

// windowFor keeps the encoder's tables small for small data.
func windowFor(n int) int {
	w := zstd.MinWindowSize
	for w < n && w < 1<<20 {
		w *= 2
	}
	return w
}

var errDigest = errors.New("content does not match its digest")

func (c *contents) keptBlob(d Digest) ([]byte, error) {
	data, err := c.readKept(d)
	if err == nil && DigestOf(data) != d {
		return nil, errDigest
	}
	return data, err
}

// readKept looks where a blob may be. What is loose may be packed meanwhile, so packs come last.
func (c *contents) readKept(d Digest) ([]byte, error) {
	packed, err := os.ReadFile(c.blobPath(d))
	if err == nil {
		return unpackBlob(packed)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if text, known := c.foreseen(d); known {
		return text, nil
	}
	if text, err := c.readLoose(d); !errors.Is(err, fs.ErrNotExist) {
		return text, err
	}
	return c.packed(d)
}

func unpackBlob(packed []byte) ([]byte, error) {
	if !asmpack.Is(packed) {
		return unpackPlain(packed)
	}
	texts, err := asmpack.Unpack(packed)
	if err != nil || len(texts) != 1 {
		return nil, errors.Join(errPack, err)
	}
	return texts[0], nil
}

// unpackPlain decodes a frame that needs no dictionary.
func unpackPlain(packed []byte) ([]byte, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	return dec.DecodeAll(packed, nil)
}

// has reports whether a blob is kept, which Prune may have taken away since.
func (c *contents) has(d Digest) bool {
	if !d.valid() {
		return false
	}
	if exists(c.blobPath(d)) || exists(c.loosePath(d)) {
		return true
	}
	if _, known := c.packOf(d); known {
		return true
	}
	_ = c.findPacks() // what cannot be read holds nothing
	_, known := c.packOf(d)
	return known
}

// digestLength is that of a Digest in characters.
const digestLength = 2 * sha256.Size

func (d Digest) valid() bool {
	return len(d) == digestLength && strings.Trim(string(d), "0123456789abcdef") == ""
}

func (c *contents) blobPath(d Digest) string {
	return filepath.Join(c.dir, "blobs", string(d[:2]), string(d[2:])+".zst")
}
