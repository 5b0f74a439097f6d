package buildtree

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"gocare/buildtree/asmpack"
)

// This file makes packs of what is loose, and removes what is no longer needed.

// atOnce is how many packs are made at a time: a link that makes them often runs as the last one, while other processors have nothing to do.
const atOnce = 2

// Pack makes packs of what is loose, if that is enough and nobody else does.
func (c *contents) Pack() error {
	entries, err := os.ReadDir(c.looseDir())
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) < worthPacking {
		return nil
	}
	if err != nil {
		return err
	}
	unlock, free, err := c.lockPacks()
	if err != nil || !free {
		return err
	}
	defer unlock()
	if err := c.findPacks(); err != nil {
		return err
	}
	var writers errgroup.Group
	writers.SetLimit(atOnce)
	write := func(p *packer) { writers.Go(func() error { return c.writePack(p) }) }
	p := &packer{}
	for _, d := range byTime(entries) {
		if _, known := c.packOf(d); known { // whoever packed it was killed, or it was compiled again
			if c.inPack(d) {
				os.Remove(c.loosePath(d))
			}
			continue
		}
		text, err := c.readLoose(d)
		if err != nil || DigestOf(text) != d || !asmpack.CanPack(text) {
			continue // gone, or damaged, which is for whoever wants it, or no text: it stays
		}
		if p.full(text) {
			write(p)
			p = &packer{}
		}
		p.add(d, text)
	}
	write(p)
	return writers.Wait()
}

// lockPacks makes this process the one that makes packs, unless there is another.
func (c *contents) lockPacks() (unlock func(), free bool, err error) {
	if err := c.mkdir(c.packsDir()); err != nil {
		return nil, false, err
	}
	f, err := os.Open(c.packsDir())
	if err != nil {
		return nil, false, err
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		f.Close()
		return nil, false, nil
	}
	return func() { f.Close() }, true, nil
}

// byTime lists loose texts in the order in which they were written: units of one directory stand together.
func byTime(entries []fs.DirEntry) (list []Digest) {
	times := map[Digest]int64{}
	for _, e := range entries {
		if fi, err := e.Info(); err == nil && Digest(e.Name()).valid() {
			d := Digest(e.Name())
			times[d] = fi.ModTime().UnixNano()
			list = append(list, d)
		}
	}
	slices.SortStableFunc(list, func(a, b Digest) int { return int(min(max(times[a]-times[b], -1), 1)) })
	return list
}

// packer collects the texts of a pack.
type packer struct {
	digests []Digest
	texts   [][]byte
	size    int
}

func (p *packer) full(next []byte) bool {
	return len(p.texts) == packTexts || len(p.texts) > 0 && p.size+len(next) > packBytes
}

func (p *packer) add(d Digest, text []byte) {
	p.digests, p.texts = append(p.digests, d), append(p.texts, text)
	p.size += len(text)
}

// writePack writes a pack and removes what it holds from what is loose.
func (c *contents) writePack(p *packer) error {
	if len(p.texts) == 0 {
		return nil
	}
	packed, err := p.pack()
	if err != nil {
		return err
	}
	if err := c.writeFile(filepath.Join(c.packsDir(), string(DigestOf(packed))), packed); err != nil {
		return err
	}
	for _, d := range p.digests {
		os.Remove(c.loosePath(d)) // else by the next one
	}
	return nil
}

// pack encodes a pack. Whoever wants a text of it looks whether it is that text, by its digest.
func (p *packer) pack() ([]byte, error) {
	body, err := asmpack.Pack(p.texts...)
	if err != nil {
		return nil, err
	}
	head := binary.AppendUvarint([]byte(packMagic), uint64(len(p.digests)))
	for _, d := range p.digests {
		sum, err := hex.DecodeString(string(d))
		if err != nil {
			return nil, err
		}
		head = append(head, sum...)
	}
	return append(head, body...), nil
}

// prunePacks removes what is not needed: loose texts, and packs of which less than half is, the rest of which is packed anew.
func (c *contents) prunePacks(needed map[Digest]bool, p *Pruned) error {
	if err := c.pruneLoose(needed, p); err != nil {
		return err
	}
	entries, err := os.ReadDir(c.packsDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if err := c.prunePack(e, needed, p); err != nil {
			return err
		}
	}
	return c.Pack()
}

// prunePack removes a pack unless at least half of its texts are needed. Those are loose before it goes.
func (c *contents) prunePack(e fs.DirEntry, needed map[Digest]bool, p *Pruned) error {
	digests, err := c.packHead(e.Name())
	kept := slices.DeleteFunc(slices.Clone(digests), func(d Digest) bool { return !needed[d] })
	if err != nil || len(kept)*2 >= len(digests) {
		return nil
	}
	for _, d := range kept {
		text, err := c.packed(d)
		if err == nil {
			_, err = c.PutAssembly(text)
		}
		if err != nil {
			return nil // it stays as it is
		}
	}
	if fi, err := e.Info(); err == nil {
		p.Bytes += fi.Size()
	}
	p.Blobs += len(digests) - len(kept)
	return os.Remove(filepath.Join(c.packsDir(), e.Name()))
}

// pruneLoose removes loose texts that are not needed, or in a pack.
func (c *contents) pruneLoose(needed map[Digest]bool, p *Pruned) error {
	entries, err := os.ReadDir(c.looseDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		d := Digest(e.Name())
		if fi, err := e.Info(); err == nil && (!needed[d] || c.inPack(d)) {
			p.Blobs++
			p.Bytes += fi.Size()
			os.Remove(filepath.Join(c.looseDir(), e.Name()))
		}
	}
	return err
}

// pruneBlobs removes the blobs that are not needed.
func (c *contents) pruneBlobs(needed map[Digest]bool, p *Pruned) error {
	return filepath.WalkDir(filepath.Join(c.dir, "blobs"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || needed[Digest(filepath.Base(filepath.Dir(path))+strings.TrimSuffix(entry.Name(), ".zst"))] {
			return err
		}
		fi, err := entry.Info()
		if err != nil {
			return err
		}
		p.Blobs++
		p.Bytes += fi.Size()
		return os.Remove(path)
	})
}
