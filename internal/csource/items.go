package csource

import "strings"

// Items splits preprocessed text into what stands at the top level: declarations, and definitions of functions. Blanks and lines do not
// count, nor do lines of directives. A text with other items in it as well gives the same ones for what is as it was.
func Items(text []byte) (items []string) {
	var s splitter
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for c, literal := range s.lexer.Code(strings.TrimRight(line, "\r\n")) {
			if item, ends := s.take(c, literal); ends {
				items = append(items, item)
			}
		}
		s.lexer.EndLine(Continued(line))
		s.take('\n', false)
	}
	if item := s.end(); item != "" {
		items = append(items, item)
	}
	return items
}

// splitter collects one item.
type splitter struct {
	lexer    Lexer
	text     strings.Builder
	depth    int  // of parentheses and braces
	last     byte // of the item that is no blank
	blank    bool // a blank stands before the next byte
	function bool // the braces that are open are those of a function
}

// take takes a byte, and returns the item that it ends.
func (s *splitter) take(c byte, literal bool) (item string, ends bool) {
	if !literal && (c == ' ' || c == '\t' || c == '\n') {
		s.blank = true
		return "", false
	}
	if s.blank && IsWordByte(s.last) && IsWordByte(c) {
		s.text.WriteByte(' ')
	}
	s.text.WriteByte(c)
	before := s.last
	s.last, s.blank = c, false
	if literal {
		return "", false
	}
	switch c {
	case '(', '[', '{':
		if s.depth == 0 {
			s.function = c == '{' && before == ')'
		}
		s.depth++
	case ')', ']', '}':
		s.depth--
	}
	if s.depth > 0 || c != ';' && (c != '}' || !s.function) {
		return "", false
	}
	return s.end(), true
}

func (s *splitter) end() string {
	item := s.text.String()
	*s = splitter{lexer: s.lexer}
	return item
}

// HasAll reports whether a list of items has all that another one has, as often.
func HasAll(list, wanted []string) bool {
	count := map[string]int{}
	for _, item := range list {
		count[item]++
	}
	for _, item := range wanted {
		if count[item]--; count[item] < 0 {
			return false
		}
	}
	return true
}
