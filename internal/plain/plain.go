// Package plain makes text of others fit to be printed. What a process calls itself, its files or its functions may hold sequences that
// a terminal obeys.
//
// Input: any text. Output: the same text, with \x1b or \u202e for each character that is not to be seen.
package plain

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns a text as one line.
func Line(text string) string { return escaped(text, "") }

// Lines returns a text whose lines and tabs stay.
func Lines(text string) string { return escaped(text, "\n\t") }

func escaped(text, keep string) string {
	var b strings.Builder
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1, r < utf8.RuneSelf && unicode.IsControl(r) && !strings.ContainsRune(keep, r):
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case r >= utf8.RuneSelf && !unicode.IsGraphic(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(text[i : i+size])
		}
	}
	return b.String()
}
