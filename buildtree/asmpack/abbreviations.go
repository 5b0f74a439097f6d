package asmpack

import "bytes"

// Each entry of debugging information begins with the code of an abbreviation, which says what stands in the entry. Codes differ from unit to unit,
// what abbreviations say much less. So the section of the abbreviations is kept in front of the other lines of a text, and codes are replaced by numbers
// that an abbreviation has in all texts. DWARF version 5, section 7.5.3.

// abbreviations are those of all texts, and the codes that they have in one.
type abbreviations struct {
	numbers map[string]uint64 // of all that were seen
	lines   [][]uint64        // by number, what linesOf has
	number  map[uint64]uint64 // by code
	code    map[uint64]uint64 // by number
	inside  bool              // the lines are of the section of entries
}

var (
	abbreviationSection = []byte("\n\t.section\t.debug_abbrev,")
	nextSection         = []byte("\n\t.section\t")
	entriesLabel        = ".Ldebug_info\x02:"
	endOfAbbreviation   = []byte("\t.byte\t0\n\t.byte\t0\n")
)

// cutAbbreviations cuts the section of abbreviations, whole lines, out of a text. It was at an offset of what is left.
func cutAbbreviations(text []byte) (section, rest []byte, at int) {
	at = bytes.Index(text, abbreviationSection) + 1
	if at == 0 {
		return nil, text, 0
	}
	length := bytes.Index(text[at:], nextSection) + 1
	if length == 0 {
		return nil, text, 0
	}
	rest = make([]byte, 0, len(text)-length)
	return text[at : at+length], append(append(rest, text[:at]...), text[at+length:]...), at
}

// begin begins a text with a section of abbreviations.
func (a *abbreviations) begin(section []byte) {
	a.number, a.code, a.inside = map[uint64]uint64{}, map[uint64]uint64{}, false
	if a.numbers == nil {
		a.numbers = map[string]uint64{}
	}
	_, rest, _ := bytes.Cut(section, []byte(":\n"))
	for {
		line, says, ok := bytes.Cut(rest, []byte("\n"))
		end := bytes.Index(says, endOfAbbreviation)
		_, digits, isCode := bytes.Cut(line, []byte("\t.uleb128 0x"))
		code, canonical := canonical(digits, hexMark)
		if !ok || end < 0 || !isCode || !canonical || !isHexNumber(digits) {
			return
		}
		a.add(code, says[:end])
		rest = says[end+len(endOfAbbreviation):]
	}
}

func isHexNumber(digits []byte) bool {
	for _, c := range digits {
		if !isHex(c) {
			return false
		}
	}
	return len(digits) > 0
}

// add adds what an abbreviation says. One that a text has twice keeps the code.
func (a *abbreviations) add(code uint64, says []byte) {
	n, known := a.numbers[string(says)]
	if !known {
		n = uint64(len(a.numbers))
		a.numbers[string(says)] = n
		a.lines = append(a.lines, linesOf(says))
	}
	if _, twice := a.code[n]; twice {
		return
	}
	a.number[code], a.code[n] = n, code
}

// passed takes note of a line that is no quoted one, by its shape.
func (a *abbreviations) passed(shape []byte) {
	if string(shape) == entriesLabel {
		a.inside = true
	}
}

// passedQuoted takes note of a quoted line.
func (a *abbreviations) passedQuoted(line []byte) {
	if bytes.HasPrefix(line, nextSection[1:]) {
		a.inside = false
	}
}

// keep returns what to keep of a number that may be the code of an abbreviation: twice its number, or what is odd.
func (a *abbreviations) keep(n uint64) uint64 {
	if number, ok := a.number[n]; ok {
		return number << 1
	}
	return n<<1 | 1
}

// kept is the other way.
func (a *abbreviations) kept(n uint64) (uint64, bool) {
	if n&1 != 0 {
		return n >> 1, true
	}
	code, ok := a.code[n>>1]
	return code, ok
}

// says returns what the abbreviation says of the lines behind its code, which is kept so, nil where no entry begins.
func (a *abbreviations) says(kept uint64) []uint64 {
	if !a.inside || kept&1 != 0 || kept>>1 >= uint64(len(a.lines)) {
		return nil
	}
	return a.lines[kept>>1]
}

// Forms of attributes that stand in the abbreviation, or nowhere. DWARF version 5, section 7.5.6.
const (
	formFlagPresent   = 0x19
	formImplicitConst = 0x21
)

// linesOf lists the attributes that an entry has a line for, each with the tag of the entry.
func linesOf(says []byte) (list []uint64) {
	var numbers []uint64
	for line := range bytes.Lines(says) {
		if digits, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte(".uleb128 0x")); ok {
			n, _ := canonical(digits, hexMark) // one that is none makes the list useless, not wrong
			numbers = append(numbers, n)
		}
	}
	for i := 1; i+1 < len(numbers); i += 2 {
		if form := numbers[i+1]; form != formFlagPresent && form != formImplicitConst {
			list = append(list, numbers[0]<<32|numbers[i])
		}
	}
	return list
}
