package inspect

import (
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

type fileID struct {
	dev   string
	inode uint64
}

// findObjects looks at every file that has an executable mapping, in order of address.
func (p *Process) findObjects() []Object {
	groups := map[fileID][]Mapping{}
	for _, m := range p.Mappings {
		if m.Inode != 0 {
			id := fileID{m.Dev, m.Inode}
			groups[id] = append(groups[id], m)
		}
	}
	var objects []Object
	for _, group := range groups {
		objects = append(objects, p.groupObjects(group)...)
	}
	slices.SortFunc(objects, func(a, b Object) int {
		if a.Start < b.Start {
			return -1
		}
		return 1
	})
	p.markMain(objects)
	return objects
}

// groupObjects returns the objects among the mappings of one file; dlmopen(3) loads a file more than once.
func (p *Process) groupObjects(group []Mapping) []Object {
	view := fileView{p.mem, group}
	memory, inMemory := readHeaders(view)
	if !inMemory && !slices.ContainsFunc(group, func(m Mapping) bool { return m.Exec }) {
		return nil // a data file
	}
	proto := Object{
		Path: group[0].Path, Name: baseName(group[0].Path), dev: group[0].Dev, inode: group[0].Inode,
	}
	var h headers
	f, err := p.openMapped(&proto, group)
	if err != nil {
		proto.Err, h = err, memory
		proto.BuildID, _ = elfobj.ReadBuildID(view)
	} else {
		defer f.Close()
		var ok bool
		if h, ok = readHeaders(f); !ok {
			return nil // executable, but no ELF file: JIT code in a memfd, a device
		}
		proto.BuildID, _ = elfobj.ReadBuildID(f)
	}
	proto.loads, proto.dyn = h.loads(), h.dynamic()
	var objects []Object
	for _, bias := range p.biases(proto.loads, group) {
		o := proto
		o.place(p.Machine, bias)
		objects = append(objects, o)
	}
	return objects
}

// place sets where the object is.
func (o *Object) place(machine *arch.Target, bias uint64) {
	o.Bias = Addr(bias)
	lo, hi := ^uint64(0), uint64(0)
	for _, s := range o.loads {
		lo, hi = min(lo, machine.PageDown(s.vaddr)), max(hi, machine.PageUp(s.vaddr+s.memsz))
	}
	o.Start, o.End = Addr(bias+lo), Addr(bias+hi)
}

// code returns where the object's executable segments are; all of it where it has none.
func (o *Object) code() (list []Range) {
	for _, s := range o.loads {
		if s.exec && s.memsz > 0 {
			at := o.Bias + Addr(s.vaddr)
			list = append(list, Range{at, at + Addr(s.memsz)})
		}
	}
	if len(list) == 0 {
		return []Range{{o.Start, o.End}}
	}
	return list
}

// biases returns the load biases at which the mappings of a file make an image of it: its executable segment is mapped
// executable where it belongs (from the file, or anonymous: text moved to huge pages), at least one segment from the file.
func (p *Process) biases(loads []segment, group []Mapping) []uint64 {
	var found []uint64
	seen := map[uint64]bool{}
	for _, m := range group {
		for _, s := range loads {
			if p.Machine.PageDown(s.offset) != m.Offset {
				continue
			}
			bias := uint64(m.Start) - p.Machine.PageDown(s.vaddr)
			if seen[bias] {
				continue
			}
			seen[bias] = true
			if p.textMapped(loads, bias, fileID{m.Dev, m.Inode}) {
				found = append(found, bias)
			}
		}
	}
	return found
}

// textMapped reports whether the executable segments are mapped where a bias puts them. One that is anonymous tells nothing: then the others are to be
// where it puts them, too.
func (p *Process) textMapped(loads []segment, bias uint64, id fileID) bool {
	text, moved := false, false
	for _, s := range loads {
		if !s.exec || s.filesz == 0 {
			continue
		}
		m, fits := p.mapped(s, bias, id)
		if m == nil || !m.Exec || m.Inode != 0 && !fits {
			return false
		}
		text, moved = true, moved || m.Inode == 0
	}
	return text && !(moved && p.misfits(loads, bias, id))
}

// mapped returns the mapping where a bias puts the begin of a segment, and whether that is this place in the file.
func (p *Process) mapped(s segment, bias uint64, id fileID) (m *Mapping, fits bool) {
	at := Addr(bias + p.Machine.PageDown(s.vaddr))
	if m = p.MappingAt(at); m == nil {
		return nil, false
	}
	return m, fileID{m.Dev, m.Inode} == id && m.Offset+uint64(at-m.Start) == p.Machine.PageDown(s.offset)
}

// misfits reports whether a bias puts a segment that is not executable where it cannot be: nothing is there, code, or another place in the file.
func (p *Process) misfits(loads []segment, bias uint64, id fileID) bool {
	return slices.ContainsFunc(loads, func(s segment) bool {
		if s.exec || s.filesz == 0 {
			return false
		}
		m, fits := p.mapped(s, bias, id)
		return m == nil || m.Exec || fileID{m.Dev, m.Inode} == id && !fits
	})
}

// markMain marks the object that holds the program headers the kernel told the program of.
func (p *Process) markMain(objects []Object) {
	phdr := Addr(p.auxv[atPHDR])
	for i := range objects {
		if o := &objects[i]; o.Contains(phdr) {
			o.Main = true
			return
		}
	}
}

// openMapped opens the very file that is mapped and notes in o how: map_files, else exe or the path after comparing.
func (p *Process) openMapped(o *Object, group []Mapping) (*os.File, error) {
	m := group[0]
	if i := slices.IndexFunc(group, func(m Mapping) bool { return m.Exec }); i >= 0 {
		m = group[i]
	}
	file := p.proc(fmt.Sprintf("map_files/%x-%x", uint64(m.Start), uint64(m.End)))
	f, err := openRegular(file)
	if err == nil {
		o.file = file
		return f, nil
	}
	for _, other := range []string{p.proc("exe"), p.proc("root") + m.Path} {
		f, perr := openRegular(other)
		if perr != nil {
			continue
		}
		if sameFile(f, m) && p.sameBuildID(f, group) {
			o.file = other
			return f, nil
		}
		_ = f.Close()
	}
	return nil, fault.New(fault.Environment, p.where(), "cannot open the file that is mapped as %s", m.Path).WithCause(err).
		WithHint("run as root: the file was replaced or deleted, or is out of reach")
}

// openRegular opens a regular file; it never opens a device, which may act on being opened.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &os.PathError{Op: "open", Path: path, Err: syscall.EINVAL}
	}
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// sameFile reports whether f has the mapping's device and inode.
func sameFile(f *os.File, m Mapping) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Ino == m.Inode && fmt.Sprintf("%02x:%02x", unix.Major(st.Dev), unix.Minor(st.Dev)) == m.Dev
}

// sameBuildID reports whether file and memory have the same BuildID, not none.
func (p *Process) sameBuildID(f *os.File, group []Mapping) bool {
	inFile, err := elfobj.ReadBuildID(f)
	if err != nil || inFile == "" {
		return false
	}
	inMemory, err := elfobj.ReadBuildID(fileView{p.mem, group})
	return err == nil && inMemory == inFile
}

// FileSize returns the size of the object's file, in bytes; 0 if it cannot be told.
func (o *Object) FileSize() int64 {
	info, err := os.Stat(o.file)
	if err != nil {
		return 0
	}
	return min(info.Size(), maxFile)
}

// maxFile bounds the ELF files that are read, in bytes: one with a hole may be of any size.
const maxFile = 1 << 30

// Load reads the ELF file of the object, once. It checks that the BuildID is the one found before.
func (o *Object) Load() error {
	if o.ELF != nil {
		return nil
	}
	if o.file == "" {
		return o.Err
	}
	f, err := openRegular(o.file)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Path, err)
	}
	info, err := f.Stat()
	if err != nil || info.Size() > maxFile {
		_ = f.Close()
		return fmt.Errorf("%s: larger than %d bytes", o.Path, maxFile)
	}
	version := versionOf(f, info, o.BuildID)
	file, err := elfobj.ParseAt(f, info.Size())
	if err != nil {
		_ = f.Close()
		return fmt.Errorf("%s: %w", o.Path, err)
	}
	id, err := elfobj.ReadBuildID(f)
	if file.Whole() || err != nil || id != o.BuildID { // else it is open for as long as it may be asked for more
		_ = f.Close()
	}
	if err != nil || id != o.BuildID {
		return fault.Refuse(fault.ObjectChanged, o.Path, "BuildID changed from %q to %q while it was read", o.BuildID, id)
	}
	o.ELF, o.read, o.version = file, info, version
	return nil
}

// fileView reads a file's bytes from where they are mapped, offset = file offset.
type fileView struct {
	mem  io.ReaderAt
	maps []Mapping
}

func (v fileView) ReadAt(b []byte, off int64) (int, error) {
	for _, m := range v.maps {
		if !m.Read || uint64(off) < m.Offset || uint64(off)-m.Offset >= uint64(m.End-m.Start) {
			continue
		}
		at := uint64(off) - m.Offset
		n := min(uint64(len(b)), uint64(m.End-m.Start)-at)
		done, err := v.mem.ReadAt(b[:n], int64(uint64(m.Start)+at))
		if err == nil && done < len(b) {
			err = io.EOF
		}
		return done, err
	}
	return 0, io.EOF
}
