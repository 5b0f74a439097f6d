package engine

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// This file keeps, from one run to the next, which files have code that switches stacks: to find out takes longer than a small patch.

// seenFiles is what was found in files. It is kept where only the same user can write.
type seenFiles struct {
	path  string          // "" if it is kept nowhere
	head  string          // the first line
	files map[string]bool // by version; whether stacks are switched
	asked map[string]bool // those that were asked for since
	grown bool
}

// mostSeen is how many files are kept; when there are more, those that no process of this run has go.
const mostSeen = 4000

// openSeen returns what earlier runs of this very program have found; where that cannot be read, nothing is known.
func openSeen() *seenFiles {
	dir, err := lockDir()
	self, serr := os.Stat("/proc/self/exe")
	if err != nil || serr != nil {
		return &seenFiles{files: map[string]bool{}, asked: map[string]bool{}}
	}
	return readSeen(filepath.Join(dir, "switches"), "switches 1 "+programVersion(self))
}

// programVersion tells this program from others, those too that were given its size and time as packages of one date are.
func programVersion(self os.FileInfo) string {
	version := fmt.Sprintf("%d-%d", self.Size(), self.ModTime().UnixNano())
	if st, ok := self.Sys().(*syscall.Stat_t); ok {
		version += fmt.Sprintf("-%d-%d-%d", st.Dev, st.Ino, st.Ctim.Nano())
	}
	return version
}

// readSeen reads the file at a path, of which each line but the first is a version and what was found.
func readSeen(path, head string) *seenFiles {
	s := &seenFiles{path: path, head: head, files: map[string]bool{}, asked: map[string]bool{}}
	data, err := os.ReadFile(path)
	text, whole := strings.CutSuffix(string(data), "\n")
	lines := strings.Split(text, "\n")
	if err != nil || !whole || lines[0] != head {
		return s
	}
	for _, line := range lines[1:] {
		version, found, ok := strings.Cut(line, " ")
		if ok && (found == "yes" || found == "no") {
			s.files[version] = found == "yes"
		}
	}
	return s
}

// ask returns what is known of a version of a file, or finds it out. Of a file without a name for its version nothing is kept, nor what is not sure.
func (s *seenFiles) ask(version string, find func() (found, sure bool)) bool {
	found, ok := s.files[version]
	if version == "" || !ok {
		var sure bool
		if found, sure = find(); !sure || version == "" {
			return found
		}
		s.grown = true
	}
	s.files[version], s.asked[version] = found, found
	return found
}

// save keeps what was found. What another run saves at the same time may be lost, and is found once more.
func (s *seenFiles) save() {
	if s.path == "" || !s.grown {
		return
	}
	s.grown = false
	if len(s.files) > mostSeen {
		s.files = s.asked
	}
	lock, err := tryLock(s.path + ".lock")
	if lock == nil || err != nil {
		return
	}
	defer unlock(lock)
	text := bytes.NewBufferString(s.head + "\n")
	for _, version := range slices.Sorted(maps.Keys(s.files)) {
		fmt.Fprintf(text, "%s %s\n", version, map[bool]string{true: "yes", false: "no"}[s.files[version]])
	}
	if os.WriteFile(s.path+".new", text.Bytes(), 0o600) == nil {
		_ = os.Rename(s.path+".new", s.path) // else it is found once more
	}
}
