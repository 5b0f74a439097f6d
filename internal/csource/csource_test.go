package csource

import (
	"strings"
	"testing"
)

func TestLexer(t *testing.T) {
	for _, tt := range []struct {
		name, source string
		want         string // the code; literals as #
		inside       bool   // at the end
	}{
		{name: "plain code", source: "int a;\nint b;", want: "int a;\nint b;"},
		{name: "comment", source: "a/* { */b", want: "a b"},
		{name: "comment over lines", source: "a /* {\n{ */ b", want: "a  \n b"},
		{name: "star behind the slash that opens", source: "a/*/b*/c", want: "a c"},
		{name: "open comment", source: "a /*", want: "a  ", inside: true},
		{name: "slashes", source: "a // {\nb", want: "a \nb"},
		{name: "slashes that a backslash continues", source: "a // \\\n{\nb", want: "a \n\nb"},
		{name: "comment in a string", source: `"/* // */" b`, want: `"######### b`},
		{name: "quote in a comment", source: `a /* " */ b`, want: "a   b"},
		{name: "quote behind slashes", source: "a // don't\nb", want: "a \nb"},
		{name: "escaped quote", source: `"a\"{" b`, want: `"##### b`},
		{name: "escaped backslash", source: `"a\\" b`, want: `"#### b`},
		{name: "character", source: `'"' '\'' b`, want: `'## '### b`},
		{name: "string that a backslash continues", source: "\"a\\\n{\" b", want: "\"##\n## b"},
		{name: "string without an end", source: "\"a\n{", want: "\"#\n{"},
		{name: "division", source: "a / b * c", want: "a / b * c"},
		{name: "open string", source: `a "\`, want: `a "#`, inside: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var l Lexer
			var lines []string
			for _, line := range strings.Split(tt.source, "\n") {
				var code strings.Builder
				for c, literal := range l.Code(line) {
					if literal {
						c = '#'
					}
					code.WriteByte(c)
				}
				lines = append(lines, code.String())
				l.EndLine(strings.HasSuffix(line, `\`))
			}
			if got := strings.Join(lines, "\n"); got != tt.want || l.Inside() != tt.inside {
				t.Errorf("got %q, inside %t; want %q, %t", got, l.Inside(), tt.want, tt.inside)
			}
			if l.InComment() && !l.Inside() {
				t.Error("in a comment, but inside nothing")
			}
		})
	}
}

// TestCodeStops: whoever stops early gets nothing more.
func TestCodeStops(t *testing.T) {
	var l Lexer
	var got []byte
	for c := range l.Code("a}b") {
		if got = append(got, c); c == '}' {
			break
		}
	}
	if string(got) != "a}" {
		t.Errorf("got %q", got)
	}
}

// TestText: neither comments nor literals are in it, wherever they end, but for the quotes that open these.
func TestText(t *testing.T) {
	got := Text([]string{`f("a /* b", 'c'); // d \`, `e`, `g(/* h`, `i */ 1);`, `s = "j\`, `k";`})
	if want := "f(\", '); \n\ng( \n 1);\ns = \"\n;\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
