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
// a link while its linker runs, or Prune, makes packs of what is loose: texts of one build are much alike.
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
}

// readPack is a pack with its texts.
type readPack struct {
	name  string
	once  sync.Once
	texts map[Digest][]byte
	err   error
}

func (s *Store) packsDir() string { return filepath.Join(s.dir, "packs") }

func (s *Store) looseDir() string { return filepath.Join(s.dir, "loose") }

func (s *Store) loosePath(d Digest) string { return filepath.Join(s.looseDir(), string(d)) }

// PutAssembly keeps assembly text, unless it is there already, and returns its digest.
func (s *Store) PutAssembly(text []byte) (Digest, error) {
	d := DigestOf(text)
	if exists(s.loosePath(d)) || exists(s.blobPath(d)) {
		return d, nil
	}
	packed, err := packLoose(text)
	if err != nil {
		return "", err
	}
	if err := s.mkdir(s.looseDir()); err != nil {
		return "", err
	}
	return d, s.writeFile(s.loosePath(d), packed)
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
func (s *Store) findPacks() error {
	changed := s.packsChanged()
	if s.packs.same(changed) {
		return nil
	}
	entries, err := os.ReadDir(s.packsDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	of := map[Digest]string{}
	for _, e := range entries {
		digests, err := s.packHead(e.Name())
		if err != nil {
			continue // gone, or damaged: what it holds is missing
		}
		for _, d := range digests {
			of[d] = e.Name()
		}
	}
	s.packs.mu.Lock()
	defer s.packs.mu.Unlock()
	s.packs.of, s.packs.seen = of, changed
	return nil
}

// packsChanged returns when a pack came or went last, 0 if that is too short a time ago to tell (see settled) or not known.
func (s *Store) packsChanged() int64 {
	fi, err := os.Stat(s.packsDir())
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

func (s *Store) packHead(name string) ([]Digest, error) {
	f, err := os.Open(filepath.Join(s.packsDir(), name))
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

// packOf returns the name of the pack that holds a text, as far as packs are known.
func (s *Store) packOf(d Digest) (name string, known bool) {
	s.packs.mu.Lock()
	defer s.packs.mu.Unlock()
	name, known = s.packs.of[d]
	return name, known
}

// packed returns a text of a pack; the error is fs.ErrNotExist if there is none.
func (s *Store) packed(d Digest) ([]byte, error) {
	for range 3 { // another process may make packs, and remove them
		if name, known := s.packOf(d); known {
			p := s.openPack(name)
			if !errors.Is(p.err, fs.ErrNotExist) {
				return p.texts[d], p.err
			}
		}
		if err := s.findPacks(); err != nil {
			return nil, err
		}
		if _, known := s.packOf(d); !known {
			break
		}
	}
	return nil, fs.ErrNotExist
}

// inPack reports whether a pack has a text whole.
func (s *Store) inPack(d Digest) bool {
	text, err := s.packed(d)
	return err == nil && DigestOf(text) == d
}

// openPack reads a pack, unless it is one of those that were read last.
func (s *Store) openPack(name string) *readPack {
	s.packs.mu.Lock()
	i := slices.IndexFunc(s.packs.read, func(p *readPack) bool { return p.name == name })
	p := &readPack{name: name}
	if i >= 0 {
		p = s.packs.read[i]
		s.packs.read = slices.Delete(s.packs.read, i, i+1)
	} else if len(s.packs.read) == keptPacks {
		s.packs.read = slices.Delete(s.packs.read, 0, 1)
	}
	s.packs.read = append(s.packs.read, p)
	s.packs.mu.Unlock()
	p.once.Do(func() { p.texts, p.err = s.readPack(name) })
	return p
}

func (s *Store) readPack(name string) (map[Digest][]byte, error) {
	data, err := os.ReadFile(filepath.Join(s.packsDir(), name))
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

func (s *Store) readLoose(d Digest) ([]byte, error) {
	packed, err := os.ReadFile(s.loosePath(d))
	if err != nil {
		return nil, err
	}
	return unpackLoose(packed)
}
