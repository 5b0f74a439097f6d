package asmpack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
)

// Assembly with debugging information is thousands of lines that differ in numbers alone. So a text is taken apart before it is compressed:
// each line becomes its shape, which is the line with a mark for each number, and the numbers, which are kept apart for each place in each
// shape. There they count up, or are of one size:
//
//	.LVL12:              shape ".LVL" decimal ":"     columns: 12, 13, …
//	.uleb128 .LVU7-.LVU3 shape ".uleb" decimal …      columns: 128, …; 7, …; 3, …
//
// In debugging information, what a byte means depends on the entry that it is in, which begins with a number in LEB128: there each place behind
// that number has a column for each value of it, or for the attribute that its abbreviation has there. Lines with a quotation mark are kept as they
// are, those of the table of strings by number.

// Marks in shapes.
const (
	hexMark    = 1 // a hexadecimal number with 0x
	numberMark = 2 // a decimal one
	quotedMark = 3 // alone: the line is the next of the quoted ones
)

// columns are texts taken apart. What is alike in them is there once.
type columns struct {
	shapes  [][]byte // in the order of their first line
	quoted  []byte   // lines with a newline each
	strings []byte   // those of the tables of strings, by number
	texts   []byte   // for each text what textSize has, as varints
	order   []byte   // for each line the number of its shape, as lineOrder codes it
	values  []column // in the order in which their first number comes
}

// column is the numbers of one place in one shape.
type column struct {
	as   [encodings][]byte // as varints; differences zig-zag
	last uint64
}

// encoding is how the numbers of a column are kept.
type encoding byte

const (
	asNumbers     encoding = iota
	asDifferences          // from the one before
	asCounted              // as differences from the last number of their kind, see counters
	encodings
)

// splitter takes a text apart.
type splitter struct {
	columns
	index  map[string]int // of shapes
	kinds  []shapeKind
	codes  abbreviations
	follow *lineOrder
	coder  *bitCoder
	finder
	counters
}

// shapeKind says where the columns of a shape are.
type shapeKind int

const (
	plainShape shapeKind = iota // each place has one
	entryShape                  // a number in LEB128, which may begin an entry
	dataShape                   // data, which may be of an entry
)

// entryCode is the index of the number in the line that begins an entry; the one before is that of LEB128.
const entryCode = 1

func shapeKindOf(shape []byte) shapeKind {
	switch string(shape) {
	case "\t.uleb\x02 \x01":
		return entryShape
	case "\t.byte\t\x01", "\t.value\t\x01", "\t.long\t\x01":
		return dataShape
	}
	return plainShape
}

// finder numbers columns in the order in which they are first asked for.
type finder struct {
	columns  int           // known ones
	plain    [][]int       // by shape and index, the number behind the column's; 0 for none yet
	entries  map[place]int // likewise
	entry    uint64        // the number that began the entry
	distance uint64        // lines since then
	says     []uint64      // what the abbreviation says of the lines behind it, nil if it is not known
}

// place is where a number of an entry stands.
type place struct {
	shape           int // anyShape where an abbreviation says what the number is
	entry, distance uint64
}

const anyShape = -1

// maxDistance ends an entry.
const maxDistance = 24

// find returns the number of a column, and whether it is a new one.
func (f *finder) find(shape, index int, kind shapeKind) (column int, fresh bool) {
	if kind == dataShape && f.distance < uint64(len(f.says)) {
		return f.findInEntry(place{shape: anyShape, entry: f.says[f.distance]})
	}
	if kind == dataShape {
		return f.findInEntry(place{shape, f.entry, min(f.distance, maxDistance)})
	}
	for len(f.plain) <= shape {
		f.plain = append(f.plain, nil)
	}
	for len(f.plain[shape]) <= index {
		f.plain[shape] = append(f.plain[shape], 0)
	}
	if column := f.plain[shape][index]; column > 0 {
		return column - 1, false
	}
	f.columns++
	f.plain[shape][index] = f.columns
	return f.columns - 1, true
}

func (f *finder) findInEntry(p place) (column int, fresh bool) {
	if column, known := f.entries[p]; known {
		return column, false
	}
	if f.entries == nil {
		f.entries = map[place]int{}
	}
	f.columns++
	f.entries[p] = f.columns - 1
	return f.columns - 1, true
}

// passed takes note of a line with its last number, and of what an abbreviation says if that is its code.
func (f *finder) passed(kind shapeKind, value uint64, says []uint64) {
	f.distance++
	if kind == entryShape {
		f.entry, f.distance, f.says = value, 0, says
	}
}

// errNotText says that a text cannot be taken apart: it holds what marks stand for.
var errNotText = errors.New("not a text of lines")

func splitColumns(texts ...[]byte) (*columns, error) {
	total := 0
	for _, text := range texts {
		if !CanPack(text) {
			return nil, errNotText
		}
		total += len(text)
	}
	s := splitter{index: map[string]int{}, follow: newLineOrder(total), coder: newBitWriter()}
	for _, text := range texts {
		s.addText(text)
	}
	s.order = s.coder.bytes()
	return &s.columns, nil
}

// CanPack reports whether a text can be packed: it holds no marks, and is not too long.
func CanPack(text []byte) bool {
	for mark := byte(0); mark <= quotedMark; mark++ {
		if bytes.IndexByte(text, mark) >= 0 {
			return false
		}
	}
	return len(text) <= MaxText
}

// addText takes one more text apart.
func (s *splitter) addText(text []byte) {
	section, rest, at := cutAbbreviations(text)
	table := stringTableOf(rest)
	for _, n := range []int{len(rest), len(section), at, len(table.strings), table.size} {
		s.texts = binary.AppendUvarint(s.texts, uint64(n))
	}
	for _, line := range table.strings {
		s.strings = append(append(s.strings, line...), '\n')
	}
	s.codes.begin(nil)
	if len(section) > 0 {
		s.addLines(section, &stringTable{})
		s.codes.begin(section)
	}
	s.addLines(rest, &table)
}

func (s *splitter) addLines(text []byte, table *stringTable) {
	var shape []byte
	var numbers []uint64
	for more := true; more; {
		var line []byte
		line, text, more = bytes.Cut(text, []byte("\n"))
		shape, numbers = shape[:0], numbers[:0]
		if bytes.IndexByte(line, '"') >= 0 {
			shape = append(shape, quotedMark)
			if _, known := table.taken(); !known {
				s.quoted = append(append(s.quoted, line...), '\n')
				s.codes.passedQuoted(line)
			}
		} else if shape, numbers = shapeOf(line, shape, numbers); string(shape) == stringLabel && table.strings != nil {
			numbers[0] = table.surprise(numbers[0])
		}
		s.add(shape, numbers)
	}
}

// add adds a line.
func (s *splitter) add(shape []byte, numbers []uint64) {
	i, known := s.index[string(shape)]
	if !known {
		i = len(s.shapes)
		s.index[string(shape)] = i
		s.shapes = append(s.shapes, bytes.Clone(shape))
		s.kinds = append(s.kinds, shapeKindOf(shape))
	}
	s.follow.code(s.coder, uint32(i), s.entry, s.distance)
	s.codes.passed(shape)
	var last uint64
	for k, n := range numbers {
		if s.codes.inside && k == entryCode && s.kinds[i] == entryShape {
			n = s.codes.keep(n)
		}
		at, fresh := s.find(i, k, s.kinds[i])
		if fresh {
			s.values = append(s.values, column{})
		}
		last = n
		s.values[at].add(n, s.of(s.shapes, i, k))
	}
	s.passed(s.kinds[i], last, s.codes.says(last))
}

// add adds a number; counter is the last one of its kind, if it has one.
func (c *column) add(n uint64, counter *uint64) {
	c.as[asNumbers] = binary.AppendUvarint(c.as[asNumbers], n)
	c.as[asDifferences] = binary.AppendVarint(c.as[asDifferences], int64(n-c.last))
	c.last = n
	if counter != nil {
		c.as[asCounted] = binary.AppendVarint(c.as[asCounted], int64(n-*counter))
		*counter = n
	}
}

// shapeOf appends the shape of a line and its numbers. A number that is not written as we would write it is left in the shape.
func shapeOf(line, shape []byte, numbers []uint64) ([]byte, []uint64) {
	for i := 0; i < len(line); {
		if !isDigit(line[i]) {
			start := i
			for i < len(line) && !isDigit(line[i]) {
				i++
			}
			shape = append(shape, line[start:i]...)
			continue
		}
		mark, digits, end := byte(numberMark), i, i
		if line[i] == '0' && i+2 < len(line) && line[i+1] == 'x' && isHex(line[i+2]) {
			mark, digits, end = hexMark, i+2, i+2
			for end < len(line) && isHex(line[end]) {
				end++
			}
		} else {
			for end < len(line) && isDigit(line[end]) {
				end++
			}
		}
		if n, ok := canonical(line[digits:end], mark); ok {
			shape, numbers = append(shape, mark), append(numbers, n)
		} else {
			shape = append(shape, line[i:end]...)
		}
		i = end
	}
	return shape, numbers
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' }

// canonical reads digits that have no zeros in front and fit into 63 bits.
func canonical(digits []byte, mark byte) (n uint64, ok bool) {
	if len(digits) > 1 && digits[0] == '0' || len(digits) > 18 || mark == hexMark && len(digits) > 15 {
		return 0, false
	}
	for _, c := range digits {
		switch {
		case mark == numberMark:
			n = n*10 + uint64(c-'0')
		case isDigit(c):
			n = n<<4 + uint64(c-'0')
		default:
			n = n<<4 + uint64(c-'a'+10)
		}
	}
	return n, true
}

// smallest returns the encoding of a column that is likely to be the smallest when it is compressed.
func (c *column) smallest() (data []byte, how encoding) {
	size := func(data []byte) float64 { return float64(len(data)) }
	if len(c.as[asNumbers]) >= longColumn {
		size = entropy
	}
	for i := range encodings {
		if c.as[i] != nil && size(c.as[i]) < size(c.as[how]) {
			how = i
		}
	}
	return c.as[how], how
}

// entropy is the number of bits that bytes take when each is coded by how often it is there.
func entropy(data []byte) float64 {
	var counts [256]int
	for _, b := range data {
		counts[b]++
	}
	bits := 0.0
	for _, n := range counts {
		if n > 0 {
			bits -= float64(n) * math.Log2(float64(n)/float64(len(data)))
		}
	}
	return bits
}
