// Package procfs reads the small files of /proc, of which a look at a process and its threads takes hundreds.
//
// Input: a path below /proc. Output: what the kernel has there, read at once as far as that goes.
package procfs

import (
	"io/fs"
	"syscall"
)

// Read returns a file's content. It does without what os.ReadFile does for files that programs wait for, which is three system calls of four.
func Read(path string) ([]byte, error) { return ReadInto(path, make([]byte, 0, 4096)) }

// ReadInto is Read for who reads many files, one after the other: the content is in buf's memory, as far as there is room.
func ReadInto(path string, buf []byte) ([]byte, error) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer syscall.Close(fd)
	text := buf[:0]
	if cap(text) == 0 {
		text = make([]byte, 0, 4096)
	}
	for {
		n, err := syscall.Read(fd, text[len(text):cap(text)])
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return nil, &fs.PathError{Op: "read", Path: path, Err: err}
		case n == 0:
			return text, nil
		}
		text = text[:len(text)+n]
		if len(text) == cap(text) {
			text = append(make([]byte, 0, 4*cap(text)), text...)
		}
	}
}
