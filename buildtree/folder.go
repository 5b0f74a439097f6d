package buildtree

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// folder is the directory of a store.
type folder struct {
	dir      string
	uid, gid int // whom new files are given to; -1 to leave them
}

// giveTo returns the owner of a directory when that is not who runs this and this may give files away.
func giveTo(dir string) (uid, gid int) {
	fi, err := os.Stat(dir)
	if err != nil || os.Geteuid() != 0 {
		return -1, -1
	}
	st := fi.Sys().(*syscall.Stat_t)
	if st.Uid == 0 {
		return -1, -1
	}
	return int(st.Uid), int(st.Gid)
}

// give hands a new file over. In a user namespace it may not be possible, nor needed.
func (d *folder) give(path string) {
	if d.uid >= 0 {
		_ = os.Lchown(path, d.uid, d.gid)
	}
}

// HandOver gives what root wrote into a user's store in other ways to that user.
func (d *folder) HandOver() {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		d.give(filepath.Join(d.dir, e.Name()))
	}
}

// mkdir makes a directory unless it is there.
func (d *folder) mkdir(path string) error {
	err := os.Mkdir(path, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		d.give(path)
	}
	return err
}

// Dir returns the store's directory.
func (d *folder) Dir() string { return d.dir }

// TempFile makes an empty file in the store's tmp directory for a tool to write to; the caller removes it.
func (d *folder) TempFile(pattern string) (string, error) {
	f, err := os.CreateTemp(d.tmpDir(), pattern)
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

func (d *folder) tmpDir() string { return filepath.Join(d.dir, "tmp") }

// writeFile writes under a temporary name and renames.
func (d *folder) writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(d.tmpDir(), "write-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	d.give(f.Name())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// appendLine appends one line in one write under a lock. A leading newline sets it apart from a line that a killed
// writer left unfinished; empty lines mean nothing.
func (d *folder) appendLine(path string, line []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	d.give(path)
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	buf := make([]byte, 0, len(line)+2)
	buf = append(append(append(buf, '\n'), line...), '\n')
	_, err = f.Write(buf)
	return err
}
