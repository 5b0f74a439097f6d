package buildtree

import (
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Read is a file that a compile read.
type Read struct {
	Path string // absolute, as the compiler came to it: symbolic links and .. are left in
	ID   string // of what it held then: a Digest, or a Stamp, either of them Late; "" if it could not be read
}

// FormatReads writes a list of files, one a line.
func FormatReads(reads []Read) []byte {
	var text strings.Builder
	for _, r := range reads {
		text.WriteString(r.ID + " " + r.Path + "\n")
	}
	return []byte(text.String())
}

// ParseReads reads what FormatReads wrote.
func ParseReads(text []byte) []Read {
	var reads []Read
	for line := range strings.Lines(string(text)) {
		if id, path, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " "); ok {
			reads = append(reads, Read{Path: path, ID: id})
		}
	}
	return reads
}

// Stamp stands for the content of a file that no build writes, such as a system header: its size and its time of change.
func Stamp(path string) string {
	var st syscall.Stat_t // without package os: a unit reads hundreds of files
	if syscall.Stat(path, &st) != nil {
		return ""
	}
	id := strconv.AppendInt(append(make([]byte, 0, 32), '@'), st.Size, 10)
	return string(strconv.AppendInt(append(id, '.'), st.Mtim.Nano(), 10))
}

// IsStamp reports whether an ID is one of Stamp's.
func IsStamp(id string) bool { return strings.HasPrefix(id, "@") }

// Late returns the ID of what a file holds that was written after its compile had begun, which may have read another text: it is like none.
func Late(id string) string { return "~" + id }

// IsLate reports whether an ID is one of Late's.
func IsLate(id string) bool { return strings.HasPrefix(id, "~") }

// ReadNow says what a file holds, and whether it was written since its reader began.
func ReadNow(path string, began time.Time) (Read, error) {
	f, err := os.Open(path)
	if err != nil {
		return Read{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return Read{}, err
	}
	fi, err := f.Stat() // behind the reading: what is written meanwhile shows
	if err != nil {
		return Read{}, err
	}
	id := string(DigestOf(data))
	if writtenSince(path, fi, began) {
		id = Late(id)
	}
	return Read{Path: path, ID: id}, nil
}

// writtenSince reports whether a file, or the link that its path is, was written or put in its place at a time or later.
func writtenSince(path string, fi os.FileInfo, at time.Time) bool {
	link, err := os.Lstat(path)
	return ChangedAt(fi) >= at.UnixNano() || err == nil && ChangedAt(link) >= at.UnixNano()
}

// ChangedAt returns the time of change, which no tool can set back, in nanoseconds since 1970.
func ChangedAt(fi os.FileInfo) int64 { return fi.Sys().(*syscall.Stat_t).Ctim.Nano() }

// ReadPath is where a compile in dir finds a file by the name that it has in a list of files. It cleans no more than ./ out of the
// path: a/../b is not b where a is a symbolic link.
func ReadPath(dir, name string) string {
	if !strings.HasPrefix(name, "/") {
		name = dir + "/" + name
	}
	for strings.Contains(name, "/./") {
		name = strings.ReplaceAll(name, "/./", "/")
	}
	return name
}
