package isolate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// copyTree copies a directory with times, modes, owners, symbolic and hard links. Of the directories in skip it makes
// empty ones.
func copyTree(ctx context.Context, from, to string, skip []string) error {
	c := &copier{from: from, to: to, skip: skip, links: map[inode]string{}}
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return c.entry(path)
	})
	if err != nil {
		return err
	}
	for i := len(c.dirs) - 1; i >= 0; i-- { // children first: making them changed the times
		if err := setMeta(c.target(c.dirs[i].path), c.dirs[i].info); err != nil {
			return err
		}
	}
	return nil
}

// inode identifies a file under all its names.
type inode struct{ Dev, Ino uint64 }

// copier is one copy under way.
type copier struct {
	from, to string
	skip     []string
	links    map[inode]string // where the first of several hard links went
	dirs     []struct {
		path string
		info fs.FileInfo
	}
}

func (c *copier) target(path string) string {
	rel, err := filepath.Rel(c.from, path)
	if err != nil {
		panic(err) // both are absolute
	}
	return filepath.Join(c.to, rel)
}

// entry copies one directory entry, not what is below it.
func (c *copier) entry(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	to := c.target(path)
	if info.IsDir() {
		c.dirs = append(c.dirs, struct {
			path string
			info fs.FileInfo
		}{path, info})
		if err := os.MkdirAll(to, 0o700); err != nil {
			return err
		}
		if under(c.skip, path) {
			return fs.SkipDir
		}
		return nil
	}
	if done, err := c.hardLink(info, to); done || err != nil {
		return err
	}
	if err := copyNode(path, to, info); err != nil {
		return err
	}
	return setMeta(to, info)
}

// hardLink links to the copy of an earlier name of the same file.
func (c *copier) hardLink(info fs.FileInfo, to string) (bool, error) {
	st := info.Sys().(*syscall.Stat_t)
	if st.Nlink < 2 {
		return false, nil
	}
	id := inode{Dev: st.Dev, Ino: st.Ino}
	if first, ok := c.links[id]; ok {
		return true, os.Link(first, to)
	}
	c.links[id] = to
	return false, nil
}

// copyNode makes a file of the same kind and content. Sockets are left out: they are bound to live processes.
func copyNode(from, to string, info fs.FileInfo) error {
	switch info.Mode().Type() {
	case 0:
		return copyFile(from, to)
	case fs.ModeSymlink:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case fs.ModeSocket:
		return nil
	case fs.ModeNamedPipe:
		return unix.Mkfifo(to, 0o600)
	}
	return fmt.Errorf("%s: cannot copy a file of type %s", from, info.Mode().Type())
}

// copyFile copies the bytes, or shares them where the file system can (FICLONE).
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if unix.IoctlFileClone(int(out.Fd()), int(in.Fd())) != nil {
		_, err = io.Copy(out, in)
	}
	return errors.Join(err, out.Close())
}

// setMeta gives a copy the owner, mode and times of the original.
func setMeta(path string, info fs.FileInfo) error {
	if info.Mode().Type() == fs.ModeSocket {
		return nil
	}
	st := info.Sys().(*syscall.Stat_t)
	return applyMeta(path, meta{UID: int(st.Uid), GID: int(st.Gid), Mode: info.Mode(), Atime: st.Atim, Mtime: st.Mtim})
}

// meta is what a file has beside its content.
type meta struct {
	UID, GID     int
	Mode         fs.FileMode
	Atime, Mtime syscall.Timespec
}

func applyMeta(path string, m meta) error {
	if os.Geteuid() == 0 {
		if err := os.Lchown(path, m.UID, m.GID); err != nil {
			return err
		}
	}
	if m.Mode.Type() != fs.ModeSymlink {
		if err := os.Chmod(path, m.Mode&modeBits); err != nil {
			return err
		}
	}
	times := []unix.Timespec{unix.Timespec(m.Atime), unix.Timespec(m.Mtime)}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, path, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }
