package patcher_test

import (
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/srcpatch"
	"gocare/internal/test/statics"
	"gocare/planner"
)

// prepare does what the two builds and the compiles of the comparison do.
func (b *bench) prepare(s *sample) error {
	change, err := b.change(s)
	if err != nil {
		return err
	}
	if s.files, err = planner.KeepSources(b.store, change); err != nil {
		return err
	}
	settle(s, change)
	for i := range s.parts {
		p := &s.parts[i]
		before, after := s.Source(i)
		p.changed = before != after
		restored := []byte(after)
		for _, fc := range change.Files {
			if fc.New == p.source {
				restored = fc.RestoreLines()
			}
		}
		if err := b.preparePart(s, p, []byte(before), []byte(after), restored); err != nil {
			return err
		}
	}
	return nil
}

// change applies the source patch of a sample.
func (b *bench) change(s *sample) (*srcpatch.Change, error) {
	var all string
	for i, p := range s.parts {
		text, err := s.Diff(i, b.dir, p.source)
		if err != nil {
			return nil, err
		}
		before, _ := s.Source(i)
		if err := os.WriteFile(filepath.Join(b.dir, p.source), []byte(before), 0o644); err != nil {
			return nil, err
		}
		all += text
	}
	p, err := srcpatch.Parse(s.parts[0].source+".patch", []byte(all))
	if err != nil {
		return nil, err
	}
	return srcpatch.Apply(os.DirFS(b.dir), []*srcpatch.Patch{p})
}

func (b *bench) preparePart(s *sample, p *part, before, after, restored []byte) (err error) {
	u := &p.unit
	u.Source = p.source
	var naming []string
	if b.guest != nil {
		if naming, err = b.prepareLinked(s, p, before, after); err != nil {
			return err
		}
	}
	for _, c := range []struct {
		to    *buildtree.Digest
		stage string
		text  []byte
		debug bool
	}{
		{&u.OrigDebug, "orig", before, true},
		{&u.Orig, "orig", before, false},
		{&u.PatchedDebug, "patched", after, true},
		{&u.Patched, "patched", after, false},
		{&u.Restored, "restored", restored, false},
	} {
		if c.debug && slices.Contains(s.Flags, "-g") {
			continue
		}
		extra := slices.Clone(naming)
		if c.debug {
			extra = append(extra, "-g", "-gno-split-dwarf", "-gz=none")
		}
		if *c.to, err = b.compile(s, p.source, c.stage, c.text, extra...); err != nil {
			return err
		}
	}
	u.Record = buildtree.Unit{Dir: b.dir, Source: p.source, Driver: b.cc, As: b.tool("as"), Lang: "c", AsmID: u.Patched}
	if buildtree.IsClang(b.cc) { // it makes its objects itself, and not quite as it would of its assembly
		u.Record.As, u.Record.AsArgs = b.cc, []string{"-c", "-x", "assembler"}
		return b.run("orig", b.cc, slices.Concat([]string{"-w", "-c"}, shapeFlags[b.shape], s.Flags, []string{p.source})...)
	}
	linked := strings.TrimSuffix(p.source, ".c") + ".s"
	if u.Linked != "" {
		text, err := b.store.Blob(u.Linked)
		if err == nil {
			linked = "linked-" + linked
			err = os.WriteFile(filepath.Join(b.dir, "orig", linked), text, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return b.run("orig", b.tool("as"), "-o", p.object(), linked)
}

// prepareLinked does what planner does where code knows variables by number: both versions are compared as compiled with the flags that
// it returns, and the original is linked without.
func (b *bench) prepareLinked(s *sample, p *part, before, after []byte) (naming []string, err error) {
	u := &p.unit
	u.Machine = elf.EM_AARCH64
	linked, err := b.compile(s, p.source, "orig", before)
	if err != nil {
		return nil, err
	}
	patched, err := b.compile(s, p.source, "patched", after)
	if err != nil {
		return nil, err
	}
	if !b.anchored(linked) && !b.anchored(patched) {
		return nil, nil
	}
	u.Linked = linked
	u.Alone, err = b.compile(s, p.source, "orig", before, "-fno-ipa-ra")
	return []string{"-fno-section-anchors", "-fno-ipa-ra"}, err
}

func (b *bench) anchored(asm buildtree.Digest) bool {
	text, err := b.store.Blob(asm)
	return err == nil && bytes.Contains(text, []byte(".LANCHOR"))
}

// settle tells a pair what its source patch says about lines.
func settle(s *sample, change *srcpatch.Change) {
	origins := make([][]int, len(s.parts)) // of the lines of each file; nil where it did not change
	for i, p := range s.parts {
		for _, fc := range change.Files {
			if fc.New == p.source {
				origins[i] = fc.Origins()
			}
		}
	}
	at := func(line int) (file, in int) {
		if line >= statics.SideLine {
			return 1, line - statics.SideLine
		}
		return 0, line
	}
	s.Settle(func(line int) (int, bool) {
		file, in := at(line)
		if origins[file] == nil {
			return line, true
		}
		o := origins[file][in-1]
		return o + line - in, o > 0
	}, func(line int, patched bool) int {
		file, in := at(line)
		if origins[file] == nil {
			return -1
		}
		if r := region(origins[file], in, patched); r >= 0 {
			return r + line - in
		}
		return -1
	})
}

// region names where the patch changed something, by the line of the original that it left alone before that; -1 for a line that it left.
// Lines that it wrote are in one region with those that it took away behind the same line.
func region(origin []int, line int, patched bool) int {
	left := func(n int) int {
		if patched {
			return origin[n-1]
		}
		return n * min(1, 1+slices.Index(origin, n))
	}
	if left(line) > 0 {
		return -1
	}
	for ; line > 0; line-- {
		if o := left(line); o > 0 {
			return o
		}
	}
	return 0
}
