package engine

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gocare/engine/inspect"
	"gocare/engine/trace"
	"gocare/internal/fault"
)

// kept is what the memory of a process held before actions ran, so that one that fails leaves it as it was. All threads are stopped meanwhile:
// who else writes is the kernel, for input that was asked for and is on its way.
type kept struct {
	process *inspect.Process
	maps    []inspect.Mapping // those that are kept, whole
	pages   []keptPages
	left    int // bytes of mostKept
	partial bool
}

// keptPages are neighbouring pages of which a process has some.
type keptPages struct {
	at   inspect.Addr
	data []byte
}

// mostKept bounds how much of a process is kept, in bytes: to copy it takes time in which nothing runs.
const mostKept = 64 << 20

// keep copies what a process can write to and shares with nobody: first the data of loaded objects, then the rest, the small first, as far as there
// is room. Where the kernel may be writing input to it, what belongs to no object is left out.
func keep(s *trace.Session, p *inspect.Process) (*kept, error) {
	maps, err := p.Maps()
	if err != nil {
		return nil, err
	}
	k := &kept{process: p, left: mostKept}
	written := slices.ContainsFunc(maps, takesInput)
	maps = slices.DeleteFunc(maps, func(m inspect.Mapping) bool { return !m.Write || !m.Priv || !m.Read || written && !k.ofObject(&m) })
	k.partial = written
	slices.SortStableFunc(maps, k.order)
	for i := range maps {
		if err := k.mapping(s, maps[i]); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// takesInput reports whether a mapping is that of a queue by which the kernel writes to memory while no thread asks for it.
func takesInput(m inspect.Mapping) bool {
	return strings.Contains(m.Path, "[io_uring]") || strings.Contains(m.Path, "[aio]")
}

// ofObject reports whether a mapping holds variables of a loaded object.
func (k *kept) ofObject(m *inspect.Mapping) bool {
	return m.Inode != 0 || k.process.ObjectAt(m.Start) != nil
}

// order puts mappings of objects first, then small ones.
func (k *kept) order(a, b inspect.Mapping) int {
	of := func(m inspect.Mapping) int {
		if k.ofObject(&m) {
			return 0
		}
		return 1
	}
	return cmp.Or(of(a)-of(b), cmp.Compare(a.End-a.Start, b.End-b.Start))
}

// mapping keeps a mapping, unless there is no room.
func (k *kept) mapping(s *trace.Session, m inspect.Mapping) error {
	spans := []inspect.Span{{Start: m.Start, End: m.End}}
	if m.Inode == 0 { // else what is not in memory is in the file
		var err error
		if spans, err = k.process.Populated(m.Start, m.End); err != nil {
			return fmt.Errorf("what the process holds: %w", err)
		}
	}
	size := 0
	for _, span := range spans {
		size += int(span.End - span.Start)
	}
	if size > k.left {
		k.partial = true
		return nil
	}
	k.left -= size
	k.maps = append(k.maps, m)
	for _, span := range spans {
		data := make([]byte, span.End-span.Start)
		if _, err := s.ReadAt(data, int64(span.Start)); err != nil { // behind the end of its file
			k.partial = true
			continue
		}
		k.pages = append(k.pages, keptPages{span.Start, data})
	}
	return nil
}

// restore writes back what is other than it was.
func (k *kept) restore(s *trace.Session) error {
	var errs []error
	for _, p := range k.pages {
		errs = append(errs, p.restore(s))
	}
	for _, m := range k.maps {
		errs = append(errs, k.forgetNew(s, m))
	}
	return errors.Join(errs...)
}

// leaves says in an error what restore could not bring back.
func (k *kept) leaves(err error) error {
	if !k.partial {
		return err
	}
	return fault.Leaves(err, "process running without the change; what the functions of the patch had written outside of the program's variables may stay")
}

// restoredAtOnce is how many bytes are compared, and written, at a time.
const restoredAtOnce = 16 << 10

func (p *keptPages) restore(s *trace.Session) error {
	have := make([]byte, restoredAtOnce)
	for at := 0; at < len(p.data); at += restoredAtOnce {
		want := p.data[at:min(at+restoredAtOnce, len(p.data))]
		n, err := s.ReadAt(have[:len(want)], int64(p.at)+int64(at))
		if err == nil && !bytes.Equal(have[:n], want) {
			_, err = s.WriteAt(want, int64(p.at)+int64(at))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// forgetNew clears pages that an anonymous mapping has only since then: they held zeros.
func (k *kept) forgetNew(s *trace.Session, m inspect.Mapping) error {
	if m.Inode != 0 {
		return nil
	}
	spans, err := k.process.Populated(m.Start, m.End)
	if err != nil {
		return err
	}
	size := inspect.Addr(k.process.Machine.PageSize)
	known, zeros := k.pagesOf(m, size), make([]byte, size)
	for _, span := range spans {
		for at := span.Start; at < span.End; at += size {
			if known[at] {
				continue
			}
			if _, err := s.WriteAt(zeros, int64(at)); err != nil {
				return err
			}
		}
	}
	return nil
}

// pagesOf returns the pages of a mapping that are kept.
func (k *kept) pagesOf(m inspect.Mapping, size inspect.Addr) map[inspect.Addr]bool {
	pages := map[inspect.Addr]bool{}
	for _, p := range k.pages {
		if p.at < m.Start || p.at >= m.End {
			continue
		}
		for at := p.at; at < p.at+inspect.Addr(len(p.data)); at += size {
			pages[at] = true
		}
	}
	return pages
}
