package debuginfo

import (
	"slices"
	"strings"

	"gocare/diffasm/asm"
)

// DWARF constants used here (DWARF 5, sections 7.5.3 to 7.5.6 and 7.7.1).
const (
	tagSubprogram = 0x2e
	tagVariable   = 0x34

	atName           = 0x03
	atLocation       = 0x02
	atAbstractOrigin = 0x31
	atConstValue     = 0x1c
	atDeclColumn     = 0x39
	atDeclFile       = 0x3a
	atDeclLine       = 0x3b
	atDeclaration    = 0x3c
	atExternal       = 0x3f
	atSpecification  = 0x47

	formString        = 0x08
	formStrp          = 0x0e
	formLineStrp      = 0x1f
	formRef4          = 0x13
	formImplicitConst = 0x21
)

// formSize is the size in bytes of forms that have one; forms of size -1 are one LEB128 number.
var formSize = map[uint64]int{
	0x01: 8, 0x05: 2, 0x06: 4, 0x07: 8, 0x0b: 1, 0x0c: 1, 0x0d: -1, 0x0e: 4, 0x0f: -1, 0x10: 4, 0x11: 1, 0x12: 2, 0x13: 4,
	0x14: 8, 0x15: -1, 0x17: 4, 0x19: 0, 0x1a: -1, 0x1b: -1, 0x1e: 16, 0x1f: 4, 0x20: 8, 0x22: -1, 0x23: -1,
	0x25: 1, 0x26: 2, 0x28: 4, 0x29: 1, 0x2a: 2, 0x2c: 4, 0x21: 0, // strx1, strx2, strx4, addrx1, addrx2, addrx4, implicit_const
}

// blockLength is the size of the length before a block; -1 is LEB128.
var blockLength = map[uint64]int{0x03: 2, 0x04: 4, 0x09: -1, 0x0a: 1, 0x18: -1}

// abbrev is one declaration of .debug_abbrev.
type abbrev struct {
	tag      uint64
	children bool
	attrs    []abbrevAttr
}

type abbrevAttr struct {
	at, form uint64
	value    int64 // of DW_FORM_implicit_const
}

// die is a debugging information entry of a function or variable.
type die struct {
	tag, ref    uint64 // ref: offset of the entry that has the rest
	parent      *die   // the function around it
	name        string
	located     []located
	place       asm.Position
	column      int32
	constant    bool // it has a value instead of a location
	declaration bool // of something defined elsewhere
	other       bool // it has a location of another kind or a value, or is visible to other units: see Declaration.Other
}

// items walks the data directives of a debug section.
type items struct {
	f     *asm.File
	spans []string
	lx    asm.Lexer
	op    string
	args  string
	label string // label before the directive
}

// itemsOf walks those of some sections.
func itemsOf(f *asm.File, sections ...string) *items {
	it := &items{f: f, lx: f.Lexer("")}
	for _, sec := range sections {
		for _, s := range f.Debug[sec] {
			it.spans = append(it.spans, f.Text[s[0]:s[1]])
		}
	}
	return it
}

// next moves to the next data directive.
func (it *items) next() bool {
	it.label = ""
	for {
		text, ok := it.lx.Next()
		if !ok {
			if len(it.spans) == 0 {
				return false
			}
			it.lx, it.spans = it.f.Lexer(it.spans[0]), it.spans[1:]
			continue
		}
		if text == "" {
			continue
		}
		if name, rest, ok := asm.CutLabel(text); ok {
			it.label = name
			if text = rest; text == "" {
				continue
			}
		}
		i := strings.IndexAny(text, " \t")
		if i < 0 {
			continue
		}
		it.op, it.args = it.f.Syntax.Directive(text[:i]), asm.Trim(text[i:])
		if it.size() >= 0 {
			return true
		}
	}
}

// size returns the bytes of the current directive, -1 if it is no data. A LEB128 number has to be plain.
func (it *items) size() int {
	if n := asm.ItemSize(it.op); n > 0 {
		return n * (1 + strings.Count(it.args, ","))
	}
	switch it.op {
	case ".uleb128":
		n, v := 1, it.value()
		for v >>= 7; v != 0; v >>= 7 {
			n++
		}
		return n
	case ".sleb128":
		v, n := int64(it.value()), 1
		for v < -64 || v > 63 {
			v >>= 7
			n++
		}
		return n
	case ".string", ".asciz":
		return len(asmString(it.args)) + 1
	case ".ascii":
		return len(asmString(it.args))
	case ".zero":
		return int(min(it.value(), 1<<20))
	}
	return -1
}

// value returns the number of the current directive. clang writes LEB128 numbers of several bytes as text.
func (it *items) value() uint64 {
	if it.op == ".ascii" || it.op == ".asciz" {
		return uleb(asmString(it.args))
	}
	v, _ := asm.Number(it.args)
	return v
}

func (it *items) text() string {
	if it.op == ".ascii" {
		return strings.TrimRight(asmString(it.args), "\x00")
	}
	return asmString(it.args)
}

// readAbbrevs reads .debug_abbrev.
func readAbbrevs(f *asm.File) map[uint64]*abbrev {
	it := itemsOf(f, ".debug_abbrev")
	list := map[uint64]*abbrev{}
	for it.next() && it.value() != 0 {
		a := &abbrev{}
		list[it.value()] = a
		if !it.next() {
			return nil
		}
		a.tag = it.value()
		if !it.next() {
			return nil
		}
		a.children = it.value() != 0
		for {
			attr, ok := it.attr()
			if !ok {
				return nil
			}
			if attr.at == 0 && attr.form == 0 {
				break
			}
			a.attrs = append(a.attrs, attr)
		}
	}
	return list
}

func (it *items) attr() (a abbrevAttr, ok bool) {
	if !it.next() {
		return a, false
	}
	a.at = it.value()
	if !it.next() {
		return a, false
	}
	a.form = it.value()
	if a.form == formImplicitConst {
		if !it.next() {
			return a, false
		}
		a.value = int64(it.value())
	}
	return a, true
}

// dieReader reads the entries of one unit.
type dieReader struct {
	f       *asm.File
	items   items
	off     uint64 // from the start of the unit
	abbrevs map[uint64]*abbrev
	dies    map[uint64]*die // functions and variables by offset
	strs    map[string]string
	lists   map[string][]string // see indexed
}

// take moves behind n bytes of data and returns the first value.
func (r *dieReader) take(n int) (uint64, bool) {
	var v uint64
	// Compilers may write one value as several directives, 16 bytes as two of 8; none of these are read.
	for first := true; n > 0; first = false {
		if !r.items.next() || r.items.size() > n {
			return 0, false
		}
		if first {
			v = r.items.value()
		}
		n -= r.items.size()
		r.off += uint64(r.items.size())
	}
	return v, true
}

// leb moves behind one number.
func (r *dieReader) leb() (uint64, bool) {
	if !r.items.next() {
		return 0, false
	}
	r.off += uint64(r.items.size())
	return r.items.value(), slices.Contains([]string{".uleb128", ".sleb128", ".byte", ".ascii", ".asciz"}, r.items.op)
}

// unit reads header and entries.
func (r *dieReader) unit() bool {
	if _, ok := r.take(4); !ok {
		return false
	}
	version, ok := r.take(2)
	if !ok || version < 4 || version > 5 {
		return false
	}
	if version == 5 {
		if kind, ok := r.take(1); !ok || kind != 1 { // DW_UT_compile
			return false
		}
	}
	if _, ok := r.take(5); !ok { // abbreviation offset and address size, in either order
		return false
	}
	var fns []*die // enclosing functions by level, nil for other entries
	for {
		at := r.off
		code, ok := r.leb()
		if !ok {
			return len(fns) == 0
		}
		if code == 0 { // the end of an entry's children; after those of the unit nothing follows but padding
			if len(fns) == 0 {
				return true
			}
			if fns = fns[:len(fns)-1]; len(fns) == 0 {
				return true
			}
			continue
		}
		a := r.abbrevs[code]
		if a == nil { // its length is not known, so that nothing behind it can be read
			return false
		}
		d := &die{tag: a.tag}
		if len(fns) > 0 {
			d.parent = fns[len(fns)-1]
		}
		if !r.attrs(a, d) {
			return false
		}
		if a.tag == tagSubprogram || a.tag == tagVariable {
			r.dies[at] = d
		}
		if a.children {
			// Blocks and inlined calls between a variable and its function do not matter.
			in := d.parent
			if a.tag == tagSubprogram {
				in = d
			}
			fns = append(fns, in)
		}
	}
}

// attrs reads the attributes of an entry.
func (r *dieReader) attrs(a *abbrev, d *die) bool {
	for _, at := range a.attrs {
		v, ok := uint64(at.value), true
		if n, isBlock := blockLength[at.form]; isBlock {
			ok = r.block(n, at.at == atLocation && a.tag == tagVariable, d)
		} else if at.form == formString {
			if ok = r.items.next(); ok {
				r.off += uint64(r.items.size())
				if at.at == atName {
					d.name = r.items.text()
				}
			}
			continue
		} else if n, known := formSize[at.form]; !known {
			return false
		} else if n < 0 {
			v, ok = r.leb()
		} else if n > 0 {
			v, ok = r.take(n)
		}
		if !ok {
			return false
		}
		r.set(d, at, v)
	}
	return true
}

// set keeps what counts of an attribute.
func (r *dieReader) set(d *die, at abbrevAttr, v uint64) {
	switch at.at {
	case atName:
		switch {
		case at.form == formStrp || at.form == formLineStrp:
			d.name = r.str(r.items.args)
		case stringIndex[at.form]:
			d.name = r.str(r.indexed(".debug_str_offsets", v))
		}
	case atAbstractOrigin, atSpecification:
		if at.form == formRef4 {
			d.ref = v
		}
	case atLocation, atExternal:
		d.other = true
	case atDeclaration:
		d.declaration, d.other = true, true
	case atConstValue:
		d.constant, d.other = true, true
	case atDeclColumn:
		d.column = int32(v)
	case atDeclFile:
		d.place.File = int32(v)
	case atDeclLine:
		d.place.Line = int32(v)
	}
}

// block reads a block; the location of a static variable names its symbol.
func (r *dieReader) block(length int, location bool, d *die) bool {
	var n uint64
	var ok bool
	if length < 0 {
		n, ok = r.leb()
	} else {
		n, ok = r.take(length)
	}
	if !ok || n > 1<<20 {
		return false
	}
	var list []operation
	for n > 0 {
		if !r.items.next() || uint64(r.items.size()) > n {
			return false
		}
		n -= uint64(r.items.size())
		r.off += uint64(r.items.size())
		if location {
			list = append(list, operation{r.items.value(), r.items.args})
		}
	}
	at := r.locate(list)
	d.located = append(d.located, at...)
	d.constant = d.constant || len(at) == 0 && len(list) > 2 && list[0].value == opAddr
	return true
}

// str returns a string of .debug_str or .debug_line_str by its label.
func (r *dieReader) str(label string) string {
	if r.strs == nil {
		r.strs = map[string]string{}
		it := itemsOf(r.f, ".debug_str", ".debug_line_str")
		for it.next() {
			if it.label != "" {
				r.strs[it.label] = it.text()
			}
		}
	}
	return r.strs[label]
}
