package diffasm

import "bytes"

// line returns statement i of a text.
func line(text []byte, marks []mark, i int) []byte {
	end := len(text)
	if i+1 < len(marks) {
		end = marks[i+1].start
	}
	return text[marks[i].start:end]
}

// canonText is a function's canonical text by statements.
type canonText struct {
	text  []byte
	marks []mark
	ends  []mark // where the statements lie in the text, if not as marks say
}

// written returns the canonical text of a function, which stays as it is.
func (c *canon) written(f *fn) canonText {
	text := append([]byte(nil), c.function(f)...)
	return canonText{text: text, marks: append([]mark(nil), c.marks...)}
}

// line returns statement i.
func (t canonText) line(i int) []byte {
	if t.ends != nil {
		return line(t.text, t.ends, i)
	}
	return line(t.text, t.marks, i)
}

// insn returns the index of the first instruction from i on.
func (t canonText) insn(i int) int {
	for i < len(t.marks) && t.marks[i].st.kind != insn {
		i++
	}
	return i
}

// differAt returns the first statement in which two texts differ.
func differAt(a, b canonText) int {
	i := 0
	for i < len(a.marks) && i < len(b.marks) && bytes.Equal(a.line(i), b.line(i)) {
		i++
	}
	return i
}
