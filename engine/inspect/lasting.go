package inspect

import (
	"bytes"
	"debug/elf"
	"io"
	"slices"

	"golang.org/x/sys/unix"
)

// Lasts reports whether an object stays for as long as another does, whatever libraries the program unloads (dlclose(3)): it was loaded
// when the program started, is never unloaded, or is needed by the other. Without a link map nothing is unloaded.
func (p *Process) Lasts(o, user *Object) bool {
	entries := p.linkMap()
	if o == user || len(entries) == 0 {
		return true
	}
	m := loaded{process: p}
	for _, e := range entries {
		m.objects, m.names = append(m.objects, p.linked(e)), append(m.names, baseName(readName(p.mem, e.name)))
	}
	if o.ELF != nil && o.ELF.Flags1()&uint64(elf.DF_1_NODELETE) != 0 {
		return true
	}
	at := slices.Index(m.objects, o)
	started := slices.Max(append(m.needed(0), 0)) // what is preloaded stands before what is needed
	if at >= 0 && at <= started {
		return true
	}
	return at >= 0 && slices.Contains(m.needed(slices.Index(m.objects, user)), at)
}

// loaded is the link map: what ld.so loaded, in its order.
type loaded struct {
	process *Process
	objects []*Object // nil for those without a file
	names   []string  // base names by which they were asked for
}

// needed returns what an entry needs, directly and through others.
func (m *loaded) needed(from int) (found []int) {
	if from < 0 {
		return nil
	}
	for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
		o := m.objects[queue[0]]
		if o == nil || o.Load() != nil {
			continue
		}
		for _, name := range o.ELF.Needed() {
			if i := m.find(name); i >= 0 && !slices.Contains(found, i) {
				found, queue = append(found, i), append(queue, i)
			}
		}
	}
	return found
}

// find returns the entry that DT_NEEDED calls by a name, -1 if there is none.
func (m *loaded) find(name string) int {
	name = baseName(name)
	for i, o := range m.objects {
		if m.names[i] == name || o != nil && (o.Name == name || o.Load() == nil && o.ELF.Soname() == name) {
			return i
		}
	}
	return -1
}

// readName reads a string of at most unix.PathMax bytes, "" if it cannot be read.
func readName(mem io.ReaderAt, at Addr) string {
	b := make([]byte, unix.PathMax)
	n, _ := mem.ReadAt(b, int64(at))
	text, _, ended := bytes.Cut(b[:n], []byte{0})
	if !ended {
		return ""
	}
	return string(text)
}
