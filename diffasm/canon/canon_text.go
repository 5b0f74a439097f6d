package canon

import (
	"bytes"

	"gocare/diffasm/asm"
)

// line returns statement i of a text.
func line(text []byte, marks []Mark, i int) []byte {
	end := len(text)
	if i+1 < len(marks) {
		end = marks[i+1].start
	}
	return text[marks[i].start:end]
}

// Text is a function's canonical text by statements.
type Text struct {
	Bytes []byte
	Marks []Mark
	Ends  []Mark // where the statements lie in the text, if not as marks say
}

// Written returns the canonical text of a function, which stays as it is.
func (c *Writer) Written(f *asm.Function) Text {
	text := append([]byte(nil), c.Function(f)...)
	return Text{Bytes: text, Marks: append([]Mark(nil), c.marks...)}
}

// Line returns statement i.
func (t Text) Line(i int) []byte {
	if t.Ends != nil {
		return line(t.Bytes, t.Ends, i)
	}
	return line(t.Bytes, t.Marks, i)
}

// Without returns the text without some statements.
func (t Text) Without(drop func(asm.Statement) bool) Text {
	var kept Text
	for i, m := range t.Marks {
		if !drop(m.Statement) {
			kept.Marks = append(kept.Marks, Mark{Statement: m.Statement, start: len(kept.Bytes)})
			kept.Bytes = append(kept.Bytes, t.Line(i)...)
		}
	}
	return kept
}

// Instruction returns the index of the first instruction from i on.
func (t Text) Instruction(i int) int {
	for i < len(t.Marks) && t.Marks[i].Statement.Kind != asm.Instruction {
		i++
	}
	return i
}

// DifferAt returns the first statement in which two texts differ.
func DifferAt(a, b Text) int {
	i := 0
	for i < len(a.Marks) && i < len(b.Marks) && bytes.Equal(a.Line(i), b.Line(i)) {
		i++
	}
	return i
}
