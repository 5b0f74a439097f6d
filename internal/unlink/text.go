package unlink

import (
	"bytes"
	"unicode/utf8"
)

// isString reports whether room, up to where the next thing begins, surely holds one string of bytes, and not one of wide characters or
// some other constant. It is at addr.
func isString(room []byte, addr uint64) bool {
	n := bytes.IndexByte(room, 0)
	if n < 0 || !isPlain(room[:n]) {
		return false
	}
	zeros := len(room) - n
	switch {
	case len(bytes.Trim(room[n:], "\x00")) > 0: // strings that nothing refers to may follow
		return n >= wide
	case zeros == 1:
		return true
	}
	return n >= wide || addr%2 != 0
}

// wide is the size of the widest characters, in bytes: no character of a string has as many bytes that are not zero.
const wide = 4

// isPlain reports whether bytes are text.
func isPlain(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, c := range b {
		if c < 0x20 && c != '\n' && c != '\t' && c != '\r' && c != '\v' && c != '\f' && c != '\a' && c != '\b' && c != 0x1b || c == 0x7f {
			return false
		}
	}
	return true
}
