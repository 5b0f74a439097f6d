package buildtree

import "strings"

// Prerequisites returns what each rule of a dependency file names behind its colon, as compilers and assemblers write such
// files: continued lines, spaces and colons behind backslashes, dollars doubled.
func Prerequisites(text string) [][]string {
	var rules [][]string
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		words := makeWords(strings.TrimRight(line, "\r\n"))
		for i, w := range words {
			if w == ":" {
				rules = append(rules, words[i+1:])
				break
			}
		}
	}
	return rules
}

// makeWords splits a line of a makefile; a colon that ends a word, and is followed by white space or nothing, is one of its own.
func makeWords(line string) (words []string) {
	if !strings.ContainsAny(line, "\\$\t") {
		return plainWords(line)
	}
	var word strings.Builder
	end := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
		}
		word.Reset()
	}
	for i := 0; i < len(line); i++ {
		c, next := line[i], byte(' ')
		if i+1 < len(line) {
			next = line[i+1]
		}
		switch {
		case c == '\\' && strings.IndexByte(" \t#:\\", next) >= 0 && i+1 < len(line) && escapes(line[i:]):
			word.WriteByte(next)
			i++
		case c == '$' && next == '$':
			word.WriteByte(c)
			i++
		case c == ' ' || c == '\t':
			end()
		case c == ':' && (next == ' ' || next == '\t'):
			end()
			words = append(words, ":")
		default:
			word.WriteByte(c)
		}
	}
	end()
	return words
}

// plainWords is makeWords of a line that quotes nothing, as mostly.
func plainWords(line string) []string {
	words := make([]string, 0, strings.Count(line, " ")+1)
	for word := range strings.SplitSeq(line, " ") {
		word, colon := strings.CutSuffix(word, ":")
		if word != "" {
			words = append(words, word)
		}
		if colon {
			words = append(words, ":")
		}
	}
	return words
}

// escapes reports whether the backslash that a text begins with quotes the next character: backslashes do so only where a
// run of them ends in a character that needs it.
func escapes(text string) bool {
	rest := strings.TrimLeft(text, `\`)
	return rest != "" && strings.IndexByte(" \t#:", rest[0]) >= 0
}
