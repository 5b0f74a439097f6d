package isolate

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// restrict makes every mount read-only but the tree and what may be written. What may be written becomes a mount of its
// own first.
func (sp *spec) restrict() error {
	for _, dir := range sp.Writable {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	free := sp.writable()
	for _, dir := range free {
		if err := bind(dir, dir); err != nil {
			return err
		}
	}
	mounts, err := readMounts()
	if err != nil {
		return err
	}
	for _, m := range mounts {
		if under(free, m.point) {
			continue
		}
		if err := m.readOnly(); err != nil {
			return err
		}
	}
	return checkReadOnly("/")
}

// writable lists the existing directories that stay writable, none below another: with the outer one bound, what is
// mounted inside comes along.
func (sp *spec) writable() []string {
	all := append([]string{sp.Tree}, sp.Shared...)
	all = append(all, sp.Writable...)
	all = append(all, "/tmp", "/var/tmp", "/dev", "/proc")
	var out []string
	for _, dir := range all {
		dir = resolve(dir)
		if _, err := os.Lstat(dir); err == nil && !under(out, dir) {
			out = append(out, dir)
		}
	}
	return out
}

func under(dirs []string, path string) bool {
	for _, d := range dirs {
		if Within(path, d) {
			return true
		}
	}
	return false
}

// readOnly remounts m read-only. A mount that another one covers cannot be reached, by the command neither.
func (m *mountPoint) readOnly() error {
	flags := uintptr(unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY) | m.flags
	err := unix.Mount("", m.point, "", flags, "")
	if err == nil || err == unix.ENOENT || err == unix.ENOTDIR {
		return nil
	}
	if checkReadOnly(m.point) == nil {
		return nil
	}
	return fmt.Errorf("making %s read-only: %w", m.point, err)
}

// checkReadOnly tells whether the mount that path is on refuses writes.
func checkReadOnly(path string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if st.Flags&unix.ST_RDONLY == 0 {
		return fmt.Errorf("%s is still writable", path)
	}
	return nil
}
