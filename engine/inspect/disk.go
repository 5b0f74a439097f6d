package inspect

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gocare/internal/elfobj"
)

// Disk says what became of the file that an object was mapped from.
type Disk string

// What became of a file.
const (
	InPlace     Disk = ""            // it is where it was, or nothing says otherwise
	Deleted     Disk = "deleted"     // there is no file at its path
	Replaced    Disk = "replaced"    // another file is at its path
	Reinstalled Disk = "reinstalled" // another file with the same BuildID is at its path
	Unknown     Disk = "unknown"     // it was deleted or replaced; which of these cannot be told
)

// memfd is how the kernel begins the path of a file that never was on a disk.
const memfd = "/memfd:"

// OnDisk says what became of an object's file, and the BuildID of the file that is at its path now.
func (p *Process) OnDisk(o *Object) (d Disk, buildID string) {
	if !strings.HasSuffix(o.Path, deletedSuffix) || strings.HasPrefix(o.Path, memfd) {
		return InPlace, ""
	}
	if f, err := p.openNow(o.Path); err == nil { // its very name may end so
		same := sameFile(f, Mapping{Dev: o.dev, Inode: o.inode})
		_ = f.Close()
		if same {
			return InPlace, ""
		}
	}
	f, err := p.openNow(strings.TrimSuffix(o.Path, deletedSuffix))
	switch {
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ENOTDIR), errors.Is(err, errNotRegular):
		return Deleted, ""
	case err != nil:
		return Unknown, ""
	}
	defer f.Close()
	buildID, _ = elfobj.ReadBuildID(f)
	if buildID != "" && buildID == o.BuildID {
		return Reinstalled, buildID
	}
	return Replaced, buildID
}

var errNotRegular = errors.New("not a regular file")

// openNow opens the file that a path of maps leads to now: seen from our root where the process' mounts are ours, else from its own,
// which no symbolic link leaves.
func (p *Process) openNow(path string) (*os.File, error) {
	root := "/"
	if p.Mounts() != ownMounts() {
		root = p.proc("root")
	}
	dir, err := os.OpenFile(root, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	path = strings.ReplaceAll(path, `\012`, "\n")
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	fd, err := unix.Openat2(int(dir.Fd()), path, &how)
	if err != nil {
		return nil, err
	}
	found := os.NewFile(uintptr(fd), path)
	defer found.Close()
	info, err := found.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotRegular
	}
	return os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", fd), os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// Mounts names the mounts that a process sees, "" if it cannot be told.
func (p *Process) Mounts() string { return mounts(p.proc("ns/mnt")) }

func ownMounts() string { return mounts("/proc/self/ns/mnt") }

func mounts(link string) string {
	name, err := os.Readlink(link)
	if err != nil {
		return ""
	}
	return name
}

// File returns the file that an object is mapped from.
func (o *Object) File() MappedFile { return MappedFile{o.dev, o.Path, o.inode} }

// File returns the file that a mapping is of.
func (m *Mapping) File() MappedFile { return MappedFile{m.Dev, m.Path, m.Inode} }

// fileKey names a version of a file.
type fileKey struct {
	buildID    string
	dev, inode uint64
	size       int64
	written    syscall.Timespec
	changed    syscall.Timespec
}

// began is when this program did; times of files may lag by a tick of the kernel.
var began = time.Now().Add(-2 * time.Second)

// Version names the version of the file that an object was read from, for other runs of this program. It is "" where another may come to have the same
// name: a file that was changed since the program began, or of a file system that says what its user wants (FUSE).
func (o *Object) Version() string { return o.version }

// versionOf returns the Version of an open file. What is at its path may be another one by now.
func versionOf(f *os.File, info os.FileInfo, buildID string) string {
	var fs unix.Statfs_t
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || buildID == "" || unix.Fstatfs(int(f.Fd()), &fs) != nil || fs.Type == unix.FUSE_SUPER_MAGIC {
		return ""
	}
	if !began.After(time.Unix(st.Ctim.Unix())) {
		return ""
	}
	return fmt.Sprintf("%d-%d-%d-%d-%d-%s", st.Dev, st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano(), buildID)
}

// Cache keeps ELF files that several processes run, up to a size. The zero value keeps none.
type Cache struct {
	Bytes int64 // of files, at most
	files map[fileKey]*Object
}

// Load reads the ELF file of an object, or takes it from the cache.
func (c *Cache) Load(o *Object) error {
	info, err := os.Stat(o.file)
	if err != nil || o.ELF != nil || o.BuildID == "" || info.Size() > c.Bytes {
		return o.Load()
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return o.Load()
	}
	key := fileKey{o.BuildID, st.Dev, st.Ino, st.Size, st.Mtim, st.Ctim}
	if kept := c.files[key]; kept != nil {
		o.ELF, o.read, o.version = kept.ELF, kept.read, kept.version
		return nil
	}
	if err := o.Load(); err != nil {
		return err
	}
	if !os.SameFile(info, o.read) {
		return nil // another one was mapped there meanwhile
	}
	if c.files == nil {
		c.files = map[fileKey]*Object{}
	}
	c.files[key] = &Object{ELF: o.ELF, read: o.read, version: o.version}
	c.Bytes -= info.Size()
	return nil
}
