package buildtree

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"gocare/buildtree/asmpack"
)

// Compiles must not wait for the record. So a compile leaves its assembly in loose/, as it is but for a fast compression, and whoever has more time,
// a link while its linker runs, patchmake beside the patched build, or Prune, makes packs of what is loose: texts of one build are much alike.
//
// A pack is a magic number, the number of its texts as a varint, their digests, and the texts as asmpack leaves them. It is never changed. It is
// put in its place before what it holds is removed from loose/: who looks there first, then for packs, finds a text.

const packMagic = "gcp1"

const (
	// packTexts and packBytes bound a pack, which is read as a whole.
	packTexts = 96
	packBytes = 24 << 20
	// worthPacking is how many loose texts there must be.
	worthPacking = 16
	// keptPacks is how many packs are kept as texts when they were read.
	keptPacks = 3
	// digestBytes is the length of a digest in a pack.
	digestBytes = digestLength / 2
)

// packs are those of a store, as far as they are known.
type packs struct {
	mu   sync.Mutex
	of   map[Digest]string // names, by what they hold; nil until they are looked for
	seen int64             // the time of change of their directory then, 0 if it may change again without a trace
	read []*readPack       // the last one last

	foreseen map[Digest][]byte // see Foresee
}

// readPack is a pack with its texts.
type readPack struct {
	name  string
	once  sync.Once
	texts map[Digest][]byte
	err   error
}

func (c *contents) packsDir() string { return filepath.Join(c.dir, "packs") }

func (c *contents) looseDir() string { return filepath.Join(c.dir, "loose") }

func (c *contents) loosePath(d Digest) string { return filepath.Join(c.looseDir(), string(d)) }

// PutAssembly keeps assembly text, unless it is there already, and returns its digest.
func (c *contents) PutAssembly(text []byte) (Digest, error) {
	d := DigestOf(text)
	if exists(c.loosePath(d)) || exists(c.blobPath(d)) {
		return d, nil
	}
	packed, err := packLoose(text)
	if err != nil {
		return "", err
	}
	if err := c.mkdir(c.looseDir()); err != nil {
		return "", err
	}
	return d, c.writeFile(c.loosePath(d), packed)
}

var errPack = errors.New("damaged pack of assembly")

// readHead reads the digests of a pack and how many bytes they take.
func readHead(head []byte) (digests []Digest, length int, err error) {
	rest, ok := bytes.CutPrefix(head, []byte(packMagic))
	n, size := binary.Uvarint(rest)
	if !ok || size <= 0 || n > packTexts || len(rest)-size < int(n)*digestBytes {
		return nil, 0, errPack
	}
	rest = rest[size:]
	for range n {
		digests = append(digests, Digest(hex.EncodeToString(rest[:digestBytes])))
		rest = rest[digestBytes:]
	}
	return digests, len(head) - len(rest), nil
}

// findPacks looks for packs anew.
func (c *contents) findPacks() error {
	changed := c.packsChanged()
	if c.packs.same(changed) {
		return nil
	}
	entries, err := os.ReadDir(c.packsDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	of := map[Digest]string{}
	for _, e := range entries {
		digests, err := c.packHead(e.Name())
		if err != nil {
			continue // gone, or damaged: what it holds is missing
		}
		for _, d := range digests {
			of[d] = e.Name()
		}
	}
	c.packs.mu.Lock()
	defer c.packs.mu.Unlock()
	c.packs.of, c.packs.seen = of, changed
	return nil
}

// packsChanged returns when a pack came or went last, 0 if that is too short a time ago to tell (see settled) or not known.
func (c *contents) packsChanged() int64 {
	fi, err := os.Stat(c.packsDir())
	if err != nil || time.Since(time.Unix(0, ChangedAt(fi))) < settled {
		return 0
	}
	return ChangedAt(fi)
}

func (p *packs) same(changed int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.of != nil && changed != 0 && changed == p.seen
}

func (c *contents) packHead(name string) ([]Digest, error) {
	f, err := os.Open(filepath.Join(c.packsDir(), name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, len(packMagic)+binary.MaxVarintLen64+packTexts*digestBytes)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	digests, _, err := readHead(head[:n])
	return digests, err
}

// foreseen returns a text that was read beforehand.
func (c *contents) foreseen(d Digest) (text []byte, known bool) {
	c.packs.mu.Lock()
	defer c.packs.mu.Unlock()
	text, known = c.packs.foreseen[d]
	return text, known
}

// packOf returns the name of the pack that holds a text, as far as packs are known.
func (c *contents) packOf(d Digest) (name string, known bool) {
	c.packs.mu.Lock()
	defer c.packs.mu.Unlock()
	name, known = c.packs.of[d]
	return name, known
}

// Foresee reads the assembly of the original's units of some sources, absolute paths, and keeps it in memory, as much as a pack may hold: for
// whoever waits for something else, and will ask for it.
func (s *Store) Foresee(sources map[string]bool) {
	record, err := s.Load(Original)
	if err != nil {
		return // whoever asks is told
	}
	foreseen, size := map[Digest][]byte{}, 0
	for i := range record.Units {
		u := &record.Units[i]
		if size >= packBytes || !sources[absIn(u.Dir, u.Source)] {
			continue
		}
		if text, err := s.keptBlob(u.AsmID); err == nil {
			foreseen[u.AsmID] = text
			size += len(text)
		}
	}
	s.packs.mu.Lock()
	defer s.packs.mu.Unlock()
	s.packs.foreseen = foreseen
}

// packed returns a text of a pack; the error is fs.ErrNotExist if there is none.
func (c *contents) packed(d Digest) ([]byte, error) {
	for range 3 { // another process may make packs, and remove them
		if name, known := c.packOf(d); known {
			p := c.openPack(name)
			if !errors.Is(p.err, fs.ErrNotExist) {
				return p.texts[d], p.err
			}
		}
		if err := c.findPacks(); err != nil {
			return nil, err
		}
		if _, known := c.packOf(d); !known {
			break
		}
	}
	return nil, fs.ErrNotExist
}

// inPack reports whether a pack has a text whole.
func (c *contents) inPack(d Digest) bool {
	text, err := c.packed(d)
	return err == nil && DigestOf(text) == d
}

// openPack reads a pack, unless it is one of those that were read last.
func (c *contents) openPack(name string) *readPack {
	c.packs.mu.Lock()
	i := slices.IndexFunc(c.packs.read, func(p *readPack) bool { return p.name == name })
	p := &readPack{name: name}
	if i >= 0 {
		p = c.packs.read[i]
		c.packs.read = slices.Delete(c.packs.read, i, i+1)
	} else if len(c.packs.read) == keptPacks {
		c.packs.read = slices.Delete(c.packs.read, 0, 1)
	}
	c.packs.read = append(c.packs.read, p)
	c.packs.mu.Unlock()
	p.once.Do(func() { p.texts, p.err = c.readPack(name) })
	return p
}

func (c *contents) readPack(name string) (map[Digest][]byte, error) {
	data, err := os.ReadFile(filepath.Join(c.packsDir(), name))
	if err != nil {
		return nil, err
	}
	digests, length, err := readHead(data)
	if err != nil {
		return nil, err
	}
	if !asmpack.Is(data[length:]) {
		return nil, errPack
	}
	texts, err := asmpack.Unpack(data[length:])
	if err != nil || len(texts) != len(digests) {
		return nil, errors.Join(errPack, err)
	}
	held := map[Digest][]byte{}
	for i, d := range digests {
		held[d] = texts[i]
	}
	return held, nil
}

func (c *contents) readLoose(d Digest) ([]byte, error) {
	packed, err := os.ReadFile(c.loosePath(d))
	if err != nil {
		return nil, err
	}
	return unpackLoose(packed)
}
