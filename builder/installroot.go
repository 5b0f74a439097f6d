package builder

import (
	"os"
	"path/filepath"
	"strings"
)

// installName returns a name of an install root that make and the shell take as one word, as it stands: the root itself, else a path
// through a link beside temporary files, which remove takes away. A makefile writes "$(DESTDIR)" into shell lines as text.
func installName(root string) (name string, remove func(), err error) {
	if isPlain(root) {
		return root, func() {}, nil
	}
	tmp := os.TempDir()
	if !isPlain(tmp) {
		tmp = "/tmp"
	}
	dir, err := os.MkdirTemp(tmp, "gocare-install-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { os.RemoveAll(dir) }
	link, to, below := filepath.Join(dir, "to"), filepath.Dir(root), filepath.Base(root)
	if !isPlain(below) {
		to, below = root, ""
	}
	if err := os.Symlink(to, link); err != nil {
		remove()
		return "", nil, err
	}
	return filepath.Join(link, below), remove, nil
}

// roomFor returns the directory that has to be there before an install into a root: the one above it, since the install makes the root;
// the root itself where its name is a link to it.
func roomFor(root string) string {
	if isPlain(filepath.Base(root)) {
		return filepath.Dir(root)
	}
	return root
}

// isPlain reports whether neither make nor the shell sees more in a path than its characters.
func isPlain(path string) bool {
	special := func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r >= 0x80
		return !letter && !strings.ContainsRune("_+,./@-", r)
	}
	return strings.IndexFunc(path, special) < 0
}
