package asmpack

import (
	"bytes"
	"slices"
)

// gcc numbers the strings of debugging information as it comes to use them, and writes them in the order of its hash table:
//
//	.LASF1213:
//		.string	"ret_value"
//
// By number they are much the same from unit to unit. So they are kept in that order, and the order of the table is guessed by doing as gcc does
// (hash-table.h, and htab_hash_string of libiberty, GCC 12). What is wrong with the guess is kept besides.

// stringLabel is the shape of the line in front of a string.
const stringLabel = ".LASF\x02:"

// stringTable is a table of strings while its lines pass by.
type stringTable struct {
	strings [][]byte // lines, by number; nil if there is no table
	order   []uint32 // numbers as they are guessed to come
	where   []uint32 // the places of numbers in it
	onward  []uint32 // by place, one at which or behind which the next number is that did not come
	at      uint32   // the place behind the number that came last
	label   uint64   // the last that came, counted from 1; 0 when its line has come, too
	size    int      // index in tableSizes of the hash table
}

// stringTableOf returns the table of a text, an empty one unless each of its labels is a number, all of them from 0 on, in front of a line with a
// quotation mark.
func stringTableOf(text []byte) stringTable {
	start := []byte("\n.LASF")
	if bytes.HasPrefix(text, start[1:]) {
		return stringTable{}
	}
	var labels []uint64
	var lines [][]byte
	for {
		at := bytes.Index(text, start)
		if at < 0 {
			break
		}
		text = text[at+len(start):]
		digits, rest, _ := bytes.Cut(text, []byte("\n"))
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		digits, colon := bytes.CutSuffix(digits, []byte(":"))
		label, ok := canonical(digits, numberMark)
		if !colon || len(digits) == 0 || !isNumber(digits) || !ok || bytes.IndexByte(line, '"') < 0 {
			return stringTable{}
		}
		labels, lines = append(labels, label), append(lines, line)
	}
	table := newStringTable(byNumber(labels, lines), 0)
	if table.strings != nil {
		table = newStringTable(table.strings, likelySize(labels, table.strings))
	}
	return table
}

func isNumber(digits []byte) bool {
	return !slices.ContainsFunc(digits, func(c byte) bool { return !isDigit(c) })
}

// byNumber returns lines by their labels, nil if these are not 0, 1, … each once.
func byNumber(labels []uint64, lines [][]byte) [][]byte {
	sorted := make([][]byte, len(lines))
	for i, n := range labels {
		if n >= uint64(len(sorted)) || sorted[n] != nil {
			return nil
		}
		sorted[n] = lines[i]
	}
	return sorted
}

// newStringTable returns the table of some lines, which gcc had in a hash table of a size. One that is too small for them is not guessed with.
func newStringTable(lines [][]byte, size int) stringTable {
	if len(lines) == 0 {
		return stringTable{}
	}
	t := stringTable{strings: lines, order: hashOrder(lines, size), where: make([]uint32, len(lines)), size: size}
	for i, n := range t.order {
		t.where[n] = uint32(i)
		t.onward = append(t.onward, uint32(i))
	}
	t.onward = append(t.onward, uint32(len(lines)))
	return t
}

// likelySize returns the size of table of which the order of labels is most likely: gcc has strings in it that it does not write.
func likelySize(labels []uint64, lines [][]byte) (size int) {
	hashes := make([]uint32, len(labels))
	for i, n := range labels {
		hashes[i] = hashLine(lines[n])
	}
	most := 0
	for i, slots := range tableSizes {
		rising := 0
		for k := 1; k < len(hashes); k++ {
			if hashes[k]%slots >= hashes[k-1]%slots {
				rising++
			}
		}
		if fits(len(labels), i) && rising > most {
			size, most = i, rising
		}
	}
	return size
}

// fits reports whether a table of a size has room for so many strings.
func fits(strings, size int) bool {
	return size < len(tableSizes) && strings*4 <= int(tableSizes[size])*3 && int(tableSizes[size]) <= 64*(strings+64)
}

// guess returns the place of the label that should come next: the first behind the last one that did not come yet.
func (t *stringTable) guess() (place uint32) {
	if place = t.find(t.at); int(place) == len(t.order) {
		place = t.find(0)
	}
	return place
}

// find follows onward, and shortens the way for the next time.
func (t *stringTable) find(place uint32) uint32 {
	for t.onward[place] != place {
		t.onward[place] = t.onward[t.onward[place]]
		place = t.onward[place]
	}
	return place
}

// surprise takes note of a label, and returns how far it is from the one that was guessed.
func (t *stringTable) surprise(label uint64) uint64 {
	size, guess := uint64(len(t.strings)), t.guess()
	t.pass(label)
	return (uint64(t.where[label]) + size - uint64(guess)) % size
}

// labelOf is the other way: it takes note of the label that is so far from the one that was guessed.
func (t *stringTable) labelOf(surprise uint64) (label uint64, ok bool) {
	size, guess := uint64(len(t.strings)), uint64(t.guess())
	if guess == size || surprise >= size {
		return 0, false
	}
	label = uint64(t.order[(guess+surprise)%size])
	t.pass(label)
	return label, true
}

func (t *stringTable) pass(label uint64) {
	t.at = t.where[label] + 1
	t.onward[t.where[label]] = t.at
	t.label = label + 1
}

// taken returns the line behind the label that came last, if that is the next one.
func (t *stringTable) taken() (line []byte, ok bool) {
	if t.label == 0 {
		return nil, false
	}
	line = t.strings[t.label-1]
	t.label = 0
	return line, true
}

// tableSizes are the sizes that gcc's table grows through.
var tableSizes = []uint32{
	13, 31, 61, 127, 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071, 262139, 524287, 1048573, 2097143, 4194301, 8388593,
	16777213, 33554393, 67108859, 134217689,
}

// hashOrder returns the numbers of strings in the order of a hash table that they were put into one after the other.
func hashOrder(lines [][]byte, size int) (order []uint32) {
	if !fits(len(lines), size) {
		for i := range lines {
			order = append(order, uint32(i))
		}
		return order
	}
	slots := make([]uint32, tableSizes[size]) // numbers counted from 1; 0 in those that are free
	for i, line := range lines {
		hash, n := hashLine(line), tableSizes[size]
		at := hash % n
		for slots[at] != 0 {
			at = (at + 1 + hash%(n-2)) % n
		}
		slots[at] = uint32(i) + 1
	}
	for _, n := range slots {
		if n > 0 {
			order = append(order, n-1)
		}
	}
	return order
}

// hashLine returns gcc's hash of the string between the quotation marks of a line.
func hashLine(line []byte) (h uint32) {
	from, to := bytes.IndexByte(line, '"'), bytes.LastIndexByte(line, '"')
	for _, c := range line[from+1 : max(to, from+1)] {
		h = h*67 + uint32(c) - 113
	}
	return h
}
