package asmpack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
)

// errColumns says that what was read is no text taken apart.
var errColumns = errors.New("columns of a text do not fit together")

// joiner puts texts together again.
type joiner struct {
	shapes  [][]byte
	quoted  []byte
	strings []byte
	kinds   []shapeKind
	values  []reader
	table   stringTable // of the text that is put together
	codes   abbreviations
	follow  *lineOrder
	coder   *bitCoder
	finder
	counters
}

// reader reads a column.
type reader struct {
	data []byte
	how  encoding
	last uint64
}

// next returns the next number; counter is the last one of its kind, if it has one.
func (r *reader) next(counter *uint64) (n uint64, err error) {
	if r.how == asCounted && counter != nil {
		r.last = *counter
	}
	n, err = r.read()
	if counter != nil {
		*counter = n
	}
	return n, err
}

func (r *reader) read() (uint64, error) {
	if r.how == asNumbers {
		n, size := binary.Uvarint(r.data)
		if size <= 0 {
			return 0, errColumns
		}
		r.data = r.data[size:]
		return n, nil
	}
	d, size := binary.Varint(r.data)
	if size <= 0 {
		return 0, errColumns
	}
	r.data = r.data[size:]
	r.last += uint64(d)
	return r.last, nil
}

// textSize is how long a text is, and its parts.
type textSize struct {
	rest, section uint64 // lengths in bytes, without the section of abbreviations and of that
	at            uint64 // where this belongs
	strings       uint64 // how many there are in the table
	table         uint64 // size of their hash table, as an index
}

func (t textSize) valid() bool {
	return t.rest <= MaxText && t.section <= MaxText && t.at <= t.rest && t.table < uint64(len(tableSizes))
}

// next returns the next text.
func (j *joiner) next(size textSize) (text []byte, err error) {
	if size.strings > uint64(len(j.strings)) {
		return nil, errColumns
	}
	lines := make([][]byte, size.strings)
	for i := range lines {
		if lines[i], j.strings, _ = bytes.Cut(j.strings, []byte("\n")); j.strings == nil && i < len(lines)-1 {
			return nil, errColumns
		}
	}
	j.table = stringTable{}
	j.codes.begin(nil)
	var section []byte
	if size.section > 0 {
		if section, err = j.lines(size.section, 0); err != nil {
			return nil, err
		}
		j.codes.begin(section)
	}
	j.table = newStringTable(lines, int(size.table))
	rest, err := j.lines(size.rest, size.section)
	if err != nil || len(section) == 0 {
		return rest, err
	}
	return slices.Insert(rest, int(size.at), section...), nil
}

// lines returns lines of a length together, with room for more behind them.
func (j *joiner) lines(length, room uint64) (text []byte, err error) {
	if text, err = j.line(make([]byte, 0, length+room)); err != nil {
		return nil, err
	}
	for uint64(len(text)) < length {
		if text, err = j.line(append(text, '\n')); err != nil {
			return nil, err
		}
	}
	if uint64(len(text)) > length {
		return nil, errColumns
	}
	return text, nil
}

// line appends the next line.
func (j *joiner) line(text []byte) ([]byte, error) {
	i, ok := j.nextShape()
	if !ok {
		return nil, errColumns
	}
	shape := j.shapes[i]
	if len(shape) == 1 && shape[0] == quotedMark {
		line, known := j.table.taken()
		if !known {
			if line, j.quoted, ok = bytes.Cut(j.quoted, []byte("\n")); !ok {
				return nil, errColumns
			}
			j.codes.passedQuoted(line)
		}
		j.passed(plainShape, 0, nil)
		return append(text, line...), nil
	}
	text, last, err := j.numbers(text, i)
	j.passed(j.kinds[i], last, j.codes.says(last))
	return text, err
}

// nextShape returns the shape of the next line.
func (j *joiner) nextShape() (i int, ok bool) {
	i = int(j.follow.code(j.coder, 0, j.entry, j.distance))
	return i, i < len(j.shapes) && !j.coder.ended()
}

// numbers appends a shape with its numbers, of which it returns the last.
func (j *joiner) numbers(text []byte, i int) (_ []byte, last uint64, err error) {
	j.codes.passed(j.shapes[i])
	k := 0
	for _, c := range j.shapes[i] {
		if c != hexMark && c != numberMark {
			text = append(text, c)
			continue
		}
		at, _ := j.find(i, k, j.kinds[i])
		if at >= len(j.values) {
			return nil, 0, errColumns
		}
		if last, err = j.values[at].next(j.of(j.shapes, i, k)); err != nil {
			return nil, 0, err
		}
		shown, known := last, true
		if j.codes.inside && k == entryCode && j.kinds[i] == entryShape {
			if shown, known = j.codes.kept(last); !known {
				return nil, 0, errColumns
			}
		}
		k++
		switch {
		case c == hexMark:
			text = strconv.AppendUint(append(text, "0x"...), shown, 16)
		case j.table.strings != nil && string(j.shapes[i]) == stringLabel:
			label, ok := j.table.labelOf(last)
			if !ok {
				return nil, 0, errColumns
			}
			text = strconv.AppendUint(text, label, 10)
		default:
			text = strconv.AppendUint(text, shown, 10)
		}
	}
	return text, last, nil
}
