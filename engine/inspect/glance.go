package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"gocare/kpatch"
)

// MappedFile is a file that a process may execute code of: device and inode as in maps, and the path as the kernel prints it.
type MappedFile struct {
	Dev, Path string
	Inode     uint64
}

// Deleted reports whether the kernel calls the file deleted; one that was replaced is.
func (f *MappedFile) Deleted() bool { return strings.HasSuffix(f.Path, deletedSuffix) }

const deletedSuffix = " (deleted)"

// Glance is what a first, quick look at a process shows: enough to tell whether a second one is worth its time.
type Glance struct {
	Files   []MappedFile // each once
	Patched bool         // something begins as a patch does, or as one that was removed
	Unclear bool         // it has no address space of its own, or its first thread has ended: Look says which
}

// GlanceAt looks at a process as quickly as that can be done. One that has ended is an error.
func GlanceAt(pid int) (Glance, error) {
	dir := fmt.Sprintf("/proc/%d/", pid)
	maps, err := syscall.Open(dir+"maps", syscall.O_RDONLY|syscall.O_CLOEXEC, 0) // os.Open prepares for waiting, which takes longer
	if err != nil {
		return Glance{}, (&Process{PID: pid}).explain(err)
	}
	defer syscall.Close(maps)
	code, err := executable(maps)
	if err != nil {
		return Glance{}, (&Process{PID: pid}).explain(err)
	}
	if len(code) == 0 {
		return Glance{Unclear: hasThreads(pid)}, nil
	}
	var g Glance
	seen := map[MappedFile]bool{}
	for i := range code {
		m := &code[i]
		f := MappedFile{m.Dev, m.Path, m.Inode}
		switch {
		case m.Inode != 0 && !seen[f]:
			seen[f] = true
			g.Files = append(g.Files, f)
		case MayHoldRegion(*m) && !g.Patched:
			g.Patched = beginsAsPatch(dir+"mem", m.Start)
		}
	}
	return g, nil
}

// hasThreads reports whether a process has more than its first thread. Without an address space, one with a single thread is a zombie
// or the kernel's.
func hasThreads(pid int) bool {
	const links = 2 // of a directory without others in it
	var st syscall.Stat_t
	err := syscall.Stat(fmt.Sprintf("/proc/%d/task", pid), &st)
	return err == nil && st.Nlink > links+1
}

// beginsAsPatch reports whether the memory at an address begins as a patch does, whether it is applied or was, or cannot be read.
func beginsAsPatch(mem string, at Addr) bool {
	f, err := os.Open(mem)
	if err != nil {
		return true
	}
	defer f.Close()
	var b [kpatch.StateOffset + len(kpatch.StateMagic)]byte
	_, err = f.ReadAt(b[:], int64(at))
	return err != nil || kpatch.BeginsLive(b[:]) || string(b[kpatch.StateOffset:]) == kpatch.StateMagic
}

// executable returns the mappings that can be executed, of a process' maps.
func executable(maps int) ([]Mapping, error) {
	list, err := queryExecutable(maps)
	if !errors.Is(err, syscall.ENOTTY) && !errors.Is(err, syscall.EINVAL) {
		return list, err
	}
	all, err := readMapsFile(fmt.Sprintf("/proc/self/fd/%d", maps)) // before Linux 6.11
	if err != nil {
		return nil, err
	}
	list = nil
	for _, m := range all {
		if m.Exec {
			list = append(list, m)
		}
	}
	return list, nil
}

// procmapQuery is struct procmap_query of <linux/fs.h>, the argument of PROCMAP_QUERY.
type procmapQuery struct {
	size, flags, addr        uint64
	start, end               uint64
	vmaFlags, pageSize       uint64
	offset, inode            uint64
	devMajor, devMinor       uint32
	nameSize, buildIDSize    uint32
	nameAddr, buildIDAddress uint64
}

const (
	procmapQueryCall = 0xc0686611 // _IOWR('f', 17, struct procmap_query)

	vmaReadable, vmaWritable, vmaExecutable, vmaShared = 1, 2, 4, 8
	coveringOrNext                                     = 0x10

	maxMappings = 1 << 20
)

// queryExecutable asks the kernel for the executable mappings alone, which costs a tenth of all the text of maps.
func queryExecutable(maps int) ([]Mapping, error) {
	list, err := query(maps, 256)
	if errors.Is(err, syscall.ENAMETOOLONG) {
		list, err = query(maps, unix.PathMax)
	}
	return list, err
}

// query asks for the executable mappings with room for names of so many bytes, for which the kernel takes as much memory each time.
func query(maps, room int) ([]Mapping, error) {
	name := make([]byte, room)
	var pin runtime.Pinner // the kernel is told its address
	pin.Pin(&name[0])
	defer pin.Unpin()
	var list []Mapping
	for at := uint64(0); len(list) < maxMappings; {
		q := procmapQuery{flags: vmaExecutable | coveringOrNext, addr: at, nameSize: uint32(len(name)), nameAddr: uint64(uintptr(unsafe.Pointer(&name[0])))}
		q.size = uint64(unsafe.Sizeof(q))
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(maps), procmapQueryCall, uintptr(unsafe.Pointer(&q)))
		switch errno {
		case 0:
		case syscall.ENOENT, syscall.ESRCH: // no further one, or no address space
			return list, nil
		default:
			return nil, errno
		}
		list = append(list, q.mapping(name))
		at = q.end
	}
	return list, nil
}

func (q *procmapQuery) mapping(name []byte) Mapping {
	m := Mapping{
		Start: Addr(q.start), End: Addr(q.end), Offset: q.offset, Inode: q.inode, Dev: fmt.Sprintf("%02x:%02x", q.devMajor, q.devMinor),
		Read: q.vmaFlags&vmaReadable != 0, Write: q.vmaFlags&vmaWritable != 0, Exec: true, Priv: q.vmaFlags&vmaShared == 0,
	}
	if q.nameSize > 0 {
		text, _, _ := bytes.Cut(name[:min(int(q.nameSize), len(name))], []byte{0})
		m.Path = string(text)
	}
	return m
}

// Numbers lists all processes, in order, those of the kernel too.
func Numbers() ([]int, error) { return numbers("/proc") }
