package plain

import "testing"

func TestEscapes(t *testing.T) {
	for _, tt := range []struct{ name, text, line, lines string }{
		{"plain", "print_hello", "print_hello", "print_hello"},
		{"other letters", "größe – 漢", "größe – 漢", "größe – 漢"},
		{"colour", "\x1b[31mred", `\x1b[31mred`, `\x1b[31mred`},
		{"another line", "a\n\tb\r", `a\x0a\x09b\x0d`, "a\n\tb" + `\x0d`},
		{"C1 control", "a\u009b2Jb", `a\u009b2Jb`, `a\u009b2Jb`},
		{"C1 control, no UTF-8", "a\x9b2Jb", `a\x9b2Jb`, `a\x9b2Jb`},
		{"written backwards", "a\u202eb", `a\u202eb`, `a\u202eb`},
		{"deleted", "a\x7f\x00", `a\x7f\x00`, `a\x7f\x00`},
		{"the replacement itself", "\ufffd", "\ufffd", "\ufffd"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Line(tt.text); got != tt.line {
				t.Errorf("line %q, want %q", got, tt.line)
			}
			if got := Lines(tt.text); got != tt.lines {
				t.Errorf("lines %q, want %q", got, tt.lines)
			}
		})
	}
}
