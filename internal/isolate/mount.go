package isolate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// mountView puts the layers over the tree and the shared directories over those. Everything that is covered is opened
// first.
func (sp *spec) mountView() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making the mounts private: %w", err)
	}
	if sp.Mode != Overlay && sp.Mode != Copy {
		return nil
	}
	shared, err := openAll(below(sp.Tree, sp.Shared))
	if err != nil {
		return err
	}
	if sp.Mode == Copy {
		err = bind(filepath.Join(sp.Scratch, "copy"), sp.Tree)
	} else {
		err = sp.mountOverlays()
	}
	if err != nil {
		return err
	}
	for _, h := range shared {
		if err := h.bindBack(); err != nil {
			return err
		}
	}
	return nil
}

// below returns the paths that are in dir.
func below(dir string, paths []string) []string {
	var out []string
	for _, p := range paths {
		if Within(p, dir) {
			out = append(out, p)
		}
	}
	return out
}

// held is an open file or directory with the path it had.
type held struct {
	path string
	fd   int
	dir  bool
}

// name returns a path by which the kernel finds the file whatever is mounted over it, free of characters that mount
// options would need quoted.
func (h *held) name() string { return fmt.Sprintf("/proc/self/fd/%d", h.fd) }

func openHeld(path string) (*held, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	return &held{path: path, fd: fd, dir: st.Mode&unix.S_IFMT == unix.S_IFDIR}, nil
}

func openAll(paths []string) ([]*held, error) {
	var out []*held
	for _, p := range paths {
		h, err := openHeld(p)
		if err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, nil
}

// bindBack makes the held file or directory visible again at its path.
func (h *held) bindBack() error {
	if h.dir {
		if err := os.MkdirAll(h.path, 0o755); err != nil {
			return err
		}
	}
	return bind(h.name(), h.path)
}

func bind(from, to string) error {
	if err := unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("binding over %s: %w", to, err)
	}
	return nil
}

// mountOverlays covers the tree, and each file system mounted in it, with a layer of its own.
func (sp *spec) mountOverlays() error {
	mounts, err := readMounts()
	if err != nil {
		return err
	}
	points, seen := []string{sp.Tree}, map[string]bool{sp.Tree: true}
	for _, m := range mounts {
		if Within(m.point, sp.Tree) && !seen[m.point] {
			seen[m.point] = true
			points = append(points, m.point)
		}
	}
	lowers, err := openAll(points)
	if err != nil {
		return err
	}
	if err := sp.overlay(lowers[0]); err != nil {
		return err
	}
	for _, low := range lowers[1:] {
		if sp.overlay(low) == nil {
			continue
		}
		if err := sp.coverReadOnly(low); err != nil {
			return err
		}
	}
	return nil
}

// overlay mounts a layer over one directory.
func (sp *spec) overlay(low *held) error {
	if !low.dir {
		return errors.New("not a directory")
	}
	sum := sha256.Sum256([]byte(low.path))
	base := filepath.Join(sp.Scratch, "layer-"+hex.EncodeToString(sum[:8]))
	var layers []*held
	for _, name := range []string{"upper", "work"} {
		if err := os.MkdirAll(filepath.Join(base, name), 0o755); err != nil {
			return err
		}
		h, err := openHeld(filepath.Join(base, name))
		if err != nil {
			return err
		}
		layers = append(layers, h)
	}
	if err := likeLower(low, filepath.Join(base, "upper")); err != nil {
		return err
	}
	common := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", low.name(), layers[0].name(), layers[1].name())
	var err error
	for _, more := range sp.overlayOptions() {
		if err = unix.Mount("overlay", low.path, "overlay", 0, common+more); err == nil {
			return nil
		}
	}
	return fmt.Errorf("overlay over %s with layers in %s: %w", low.path, sp.Scratch, err)
}

// overlayOptions lists option strings, best first. redirect_dir lets directories of the tree be renamed; a user
// namespace cannot have it, and needs its notes in user.* attributes.
func (sp *spec) overlayOptions() []string {
	if sp.User {
		return []string{",userxattr", ""}
	}
	return []string{",redirect_dir=on", ""}
}

// likeLower gives the upper directory the mode and the time of the tree's root, which it stands for.
func likeLower(low *held, upper string) error {
	var st unix.Stat_t
	if err := unix.Fstat(low.fd, &st); err != nil {
		return err
	}
	entries, err := os.ReadDir(upper)
	if err != nil || len(entries) > 0 {
		return err
	}
	if os.Geteuid() == 0 {
		_ = os.Chown(upper, int(st.Uid), int(st.Gid)) // in a user namespace only the user's own id can be given
	}
	if err := unix.Chmod(upper, st.Mode&0o7777|0o700); err != nil {
		return err
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, upper, []unix.Timespec{st.Atim, st.Mtim}, 0)
}

// coverReadOnly shows a mount that takes no layer (a single file, a special file system) as it is, without writes.
func (sp *spec) coverReadOnly(h *held) error {
	if err := bind(h.name(), h.path); err != nil {
		return err
	}
	mounts, err := readMounts()
	if err != nil {
		return err
	}
	for i := len(mounts) - 1; i >= 0; i-- {
		if mounts[i].point == h.path {
			return mounts[i].readOnly()
		}
	}
	return nil
}

// mountPoint is one line of mountinfo.
type mountPoint struct {
	point string
	flags uintptr // of the mount, as mount(2) takes them
}

// readMounts returns the mounts this process sees, parents before children.
func readMounts() ([]mountPoint, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return parseMounts(string(data)), nil
}

// parseMounts reads lines as proc(5) describes them: the fifth field is the mount point, the sixth the mount's options.
func parseMounts(text string) []mountPoint {
	var out []mountPoint
	for _, line := range strings.Split(text, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 6 {
			continue
		}
		m := mountPoint{point: unescape(fields[4])}
		for _, opt := range strings.Split(fields[5], ",") {
			m.flags |= mountFlag(opt)
		}
		out = append(out, m)
	}
	return out
}

// mountFlag names the flags that a remount must repeat, since a user namespace may not take them away.
func mountFlag(option string) uintptr {
	switch option {
	case "ro":
		return unix.MS_RDONLY
	case "nosuid":
		return unix.MS_NOSUID
	case "nodev":
		return unix.MS_NODEV
	case "noexec":
		return unix.MS_NOEXEC
	case "noatime":
		return unix.MS_NOATIME
	case "nodiratime":
		return unix.MS_NODIRATIME
	case "relatime":
		return unix.MS_RELATIME
	}
	return 0
}

// unescape undoes the octal escapes of mountinfo.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && strings.Trim(s[i+1:i+4], "01234567") == "" {
			b.WriteByte(s[i+1]<<6 | s[i+2]&7<<3 | s[i+3]&7)
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
