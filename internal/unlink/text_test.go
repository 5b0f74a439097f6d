package unlink

import (
	"strings"
	"testing"
)

// TestIsString: what is surely a string of bytes, up to where the next thing begins, here at |.
func TestIsString(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rest  string
		addr  uint64
		how   use
		wider bool
		want  bool
	}{
		{"one zero", "ok\x00|more\x00", 16, labelled, false, true},
		{"no zero", "ok|more\x00", 16, labelled, false, false},
		{"not text", "\x01\x02\x00|more\x00", 16, labelled, false, false},
		{"room behind", "ok\x00\x00|more\x00", 16, stored, false, true},
		{"room behind, where there are wide characters", "ok\x00\x00|more\x00", 16, stored, true, false},
		{"the same at an odd address", "ok\x00\x00|more\x00", 17, stored, true, true},
		{"too long for a wide character", "word\x00\x00\x00\x00|more\x00", 16, stored, true, true},
		{"an unused one behind", "word\x00unused\x00|more\x00", 16, labelled, false, true},
		{"short, with something behind", "ok\x00unused\x00|more\x00", 16, labelled, false, false},
		{"characters of two bytes", "h\x00|i\x00\x00\x00", 16, labelled, true, false},
		{"two strings of one character", "h\x00|i\x00word\x00", 16, labelled, true, true},
		{"at a fixed address", "ok\x00|more\x00", 16, absolute, false, true},
		{"at a fixed address, room behind", "word\x00\x00\x00\x00|more\x00", 16, absolute, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			room := strings.IndexByte(tt.rest, '|')
			rest := strings.Replace(tt.rest, "|", "", 1)
			if got := isString([]byte(rest), room, tt.addr, tt.how, tt.wider); got != tt.want {
				t.Errorf("%q: %v", tt.rest, got)
			}
		})
	}
}

// TestWideEnd: a string of wide characters ends at the first that is zero.
func TestWideEnd(t *testing.T) {
	for rest, want := range map[string]int{
		"h\x00i\x00\x00\x00": 6, "h\x00\x00\x00i\x00\x00\x00\x00\x00\x00\x00": 12, "ab\x00\x00": 4, "abcd": 0, "ab\x00c\x00\x00\x00": 6,
	} {
		if got := wideEnd([]byte(rest)); got != want {
			t.Errorf("%q: %d, want %d", rest, got, want)
		}
	}
}
