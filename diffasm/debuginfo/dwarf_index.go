package debuginfo

import (
	"strconv"
	"strings"

	"gocare/diffasm/asm"
)

// This file reads locations, and what clang's debug information has and gcc's has not: strings and addresses by index into tables of their
// own, and numbers written as text.

// Operations used here (DWARF 5, section 7.7.1; the GNU one by LLVM's and GCC's sources).
const (
	opAddr              = 0x03
	opDeref             = 0x06
	opPiece             = 0x93
	opDerefSize         = 0x94
	opFormTLSAddress    = 0x9b
	opStackValue        = 0x9f
	opAddrx             = 0xa1
	opGNUPushTLSAddress = 0xe0
)

// operation is one data directive of a location: an operation or an operand.
type operation struct {
	value uint64
	text  string
}

// located is a symbol that holds a variable or a piece of one.
type located struct {
	sym   string
	piece string // "piece at N", "" if it is all
	how   string // see Declaration.How
}

// locate takes a location apart as far as it names symbols: one, perhaps with operations that make the value of what is
// there (LLVM keeps a variable with two values in one byte), or several pieces (it splits structures).
func (r *dieReader) locate(list []operation) (all []located) {
	offset := uint64(0)
	for len(list) >= 2 {
		if list[0].value == opPiece { // padding, or a member that is not kept
			offset, list = offset+list[1].value, list[2:]
			continue
		}
		l := located{}
		name, tls := list[1].text, false
		if name, tls = cutTLS(name); tls && len(list) < 3 {
			return nil
		}
		switch op := list[0].value; {
		case op == opAddr:
			l.sym, list = name, list[2:]
		case op == opAddrx:
			l.sym, list = r.indexed(".debug_addr", list[1].value), list[2:]
		case tls && (list[2].value == opGNUPushTLSAddress || list[2].value == opFormTLSAddress):
			l.sym, list = name, list[3:]
		default:
			return nil
		}
		if isAddress(list) {
			return all
		}
		if len(list) < 2 || list[0].value != opPiece {
			for _, o := range list {
				l.how += " " + asm.NormalNumber(o.text)
			}
			return append(all, l)
		}
		l.piece = "piece at " + strconv.FormatUint(offset, 10)
		offset += list[1].value
		all, list = append(all, l), list[2:]
	}
	return all
}

// isAddress reports whether the operations behind a symbol make its address the value of the variable, which then has no
// storage: nothing is read there.
func isAddress(list []operation) bool {
	return len(list) > 0 && list[len(list)-1].value == opStackValue && list[0].value != opDeref && list[0].value != opDerefSize
}

// cutTLS takes what gcc and clang write for an offset in the thread's block off a symbol.
func cutTLS(s string) (name string, ok bool) {
	for _, suffix := range []string{"@dtpoff, 0", "@dtpoff", "@DTPOFF"} {
		if name, ok = strings.CutSuffix(s, suffix); ok {
			return name, true
		}
	}
	return s, false
}

// stringIndex are DW_FORM_strx, strx1, strx2 and strx4 (DWARF 5, section 7.5.6).
var stringIndex = map[uint64]bool{0x1a: true, 0x25: true, 0x26: true, 0x28: true}

// tableHeader is the number of data directives before the entries of a table (DWARF 5, sections 7.26 and 7.27): length, version,
// and padding or sizes.
var tableHeader = map[string]int{".debug_str_offsets": 3, ".debug_addr": 4}

// indexed returns entry n of a table, as it is written there: a label or a symbol. It is "" where there is none.
func (r *dieReader) indexed(table string, n uint64) string {
	list, ok := r.lists[table]
	if !ok {
		it := itemsOf(r.f, table)
		for it.next() {
			list = append(list, it.args)
		}
		list = list[min(tableHeader[table], len(list)):]
		if r.lists == nil {
			r.lists = map[string][]string{}
		}
		r.lists[table] = list
	}
	if n >= uint64(len(list)) {
		return ""
	}
	return list[n]
}

// uleb decodes an unsigned LEB128 number (DWARF 5, section 7.6).
func uleb(s string) (v uint64) {
	for i := 0; i < len(s) && i < 10; i++ {
		v |= uint64(s[i]&0x7f) << (7 * i)
		if s[i]&0x80 == 0 {
			break
		}
	}
	return v
}

// asmString decodes an assembler string with its quotes: backslash and b, f, n, r, t, quote, backslash, up to three octal digits,
// or x and hexadecimal digits (GNU as manual, section "Strings").
func asmString(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = s[1 : len(s)-1]
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		i++
		var c byte
		c, i = escape(s, i)
		out = append(out, c)
	}
	return string(out)
}

// escape decodes what follows a backslash at i and returns the index of its last byte.
func escape(s string, i int) (c byte, last int) {
	const letters, values = "bfnrt", "\b\f\n\r\t"
	digits := func(base byte, most int) (byte, int) {
		v, n := byte(0), 0
		for ; n < most && i+n < len(s); n++ {
			d, ok := digit(s[i+n])
			if !ok || d >= base {
				break
			}
			v = v*base + d
		}
		return v, i + n - 1
	}
	switch {
	case s[i] >= '0' && s[i] <= '7':
		return digits(8, 3)
	case s[i] == 'x' || s[i] == 'X':
		i++
		return digits(16, len(s))
	}
	for n := range len(letters) {
		if s[i] == letters[n] {
			return values[n], i
		}
	}
	return s[i], i
}

func digit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
