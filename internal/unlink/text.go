package unlink

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// A use is how code or data refers to a constant without a name.
type use int

const (
	labelled use = iota // by a label: it is of a section of constants that linkers merge
	stored              // its address stands in data: it is a string, since other constants have names there
	absolute            // by an address in code: it may be anything
)

// isString reports whether what is at an address is surely a string of bytes, and not one of wide characters or another constant. Up to room
// it is alone; rest goes on up to the end of its section. wider says that the program has wide characters.
func isString(rest []byte, room int, addr uint64, how use, wider bool) bool {
	n := bytes.IndexByte(rest[:room], 0)
	if wider = wider && addr%2 == 0; n < 0 || !isPlain(rest[:n]) || wider && isLatin(rest) {
		return false
	}
	zeros := room - n
	switch {
	case how == absolute:
		return zeros == 1 && n > 0
	case len(bytes.Trim(rest[n:room], "\x00")) > 0: // strings that nothing refers to may follow
		return n >= wide
	case zeros == 1:
		return true
	}
	return n >= wide || !wider
}

// wide is the size of the widest characters, in bytes: no character of a string has as many bytes that are not zero.
const wide = 4

// isLatin reports whether bytes may be a string of characters of two bytes each, of which one is zero.
func isLatin(b []byte) bool {
	for i := 0; i+1 < len(b); i += 2 {
		if b[i+1] != 0 {
			return false
		}
		if b[i] == 0 {
			return i > 0
		}
	}
	return false
}

// wideEnd is how many bytes a string of wide characters would have, of those sizes that it may have.
func wideEnd(rest []byte) (end int) {
	for _, size := range []int{2, 4} {
		for i := 0; i+size <= len(rest); i += size {
			c := uint64(0)
			for k := range size {
				c |= uint64(rest[i+k]) << (8 * k)
			}
			if c == 0 {
				end = max(end, i+size)
				break
			}
			if c > unicode.MaxRune {
				break
			}
		}
	}
	return end
}

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
