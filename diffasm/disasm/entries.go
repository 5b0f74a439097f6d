package disasm

import (
	"debug/dwarf"
	"encoding/binary"
	"fmt"
	"strings"
)

// This file writes the debugging information that the comparison asks for, functions and variables, as a compiler's text has it: names,
// where they are declared, and the symbols that hold them.

// Forms and operations used here (DWARF 5, sections 7.5.6 and 7.7.1).
const (
	formData4   = 0x06
	formString  = 0x08
	formData1   = 0x0b
	formRef4    = 0x13
	formPresent = 0x19
	formOffset  = 0x17
	formBlock   = 0x18

	opAddr              = 0x03
	opConst8u           = 0x0e
	opFormTLSAddress    = 0x9b
	opGNUPushTLSAddress = 0xe0
	opPiece             = 0x93
	opAddrx             = 0xa1
)

// entry is one that is written.
type entry struct {
	tag      dwarf.Tag
	attrs    []attr
	children []*entry
	offset   uint64 // from the start of the unit
}

type attr struct {
	at    dwarf.Attr
	form  int
	value int64
	text  string       // of formString
	block []string     // of formBlock: directives
	size  uint64       // of the block, in bytes
	refer dwarf.Offset // of formRef4
}

// entries reads the functions and variables of a unit, and what stands between them left out.
type entries struct {
	w    *writer
	unit *dwarf.Entry
	addr []byte // its addresses by number
	by   map[dwarf.Offset]*entry
	file func(n int64) string
}

// debug writes the functions and variables of the object's debugging information.
func (w *writer) debug() error {
	if w.info == nil {
		return nil
	}
	r := w.info.Reader()
	root := &entry{tag: dwarf.TagCompileUnit}
	e := &entries{w: w, by: map[dwarf.Offset]*entry{}}
	for {
		unit, err := r.Next()
		if unit == nil || err != nil {
			break
		}
		if unit.Tag != dwarf.TagCompileUnit {
			r.SkipChildren()
			continue
		}
		if err := e.begin(unit); err != nil {
			return err
		}
		if unit.Children {
			if err := e.read(r, root); err != nil {
				return err
			}
		}
	}
	w.entries(root, e.by)
	return nil
}

// begin reads what entries of a unit refer to by number.
func (e *entries) begin(unit *dwarf.Entry) error {
	e.unit = unit
	base, _ := unit.Val(dwarf.AttrAddrBase).(int64)
	e.addr = e.w.info.Addresses[min(int(base), len(e.w.info.Addresses)):]
	lr, err := e.w.info.LineReader(unit)
	if err != nil {
		return err
	}
	e.file = func(n int64) string {
		if lr == nil {
			return ""
		}
		if files := lr.Files(); n >= 0 && n < int64(len(files)) && files[n] != nil {
			return files[n].Name
		}
		return ""
	}
	return nil
}

// read reads the children of an entry.
func (e *entries) read(r *dwarf.Reader, parent *entry) error {
	for {
		d, err := r.Next()
		if err != nil || d == nil || d.Tag == 0 {
			return err
		}
		to := parent
		if d.Tag == dwarf.TagSubprogram || d.Tag == dwarf.TagVariable && !e.isConstant(d) {
			to = e.entry(d)
			parent.children = append(parent.children, to)
			e.by[d.Offset] = to
		}
		if d.Children {
			if err := e.read(r, to); err != nil {
				return err
			}
		}
	}
}

// isConstant reports whether a variable is a constant that is kept nowhere: each version has its own value for it.
func (e *entries) isConstant(d *dwarf.Entry) bool {
	at, typed := d.Val(dwarf.AttrType).(dwarf.Offset)
	if d.Val(dwarf.AttrLocation) != nil || !typed {
		return false
	}
	t, err := e.w.info.Type(at)
	for err == nil {
		switch q := t.(type) {
		case *dwarf.QualType:
			if q.Qual == "const" {
				return true
			}
			t = q.Type
		case *dwarf.ArrayType:
			t = q.Type
		case *dwarf.TypedefType:
			t = q.Type
		default:
			return false
		}
	}
	return false
}

// entry takes what counts of a function or variable.
func (e *entries) entry(d *dwarf.Entry) *entry {
	out := &entry{tag: d.Tag}
	for _, f := range d.Field {
		a := attr{at: f.Attr}
		switch v := f.Val.(type) {
		case string:
			a.form, a.text = formString, v
		case int64:
			a.form, a.value = formData4, v
		case bool:
			a.form = formPresent
		case dwarf.Offset:
			a.form, a.refer = formRef4, v
		}
		switch f.Attr {
		case dwarf.AttrName, dwarf.AttrDeclLine, dwarf.AttrDeclColumn, dwarf.AttrAbstractOrigin, dwarf.AttrSpecification, dwarf.AttrDeclaration, dwarf.AttrExternal:
		case dwarf.AttrDeclFile:
			a.value = int64(e.w.file(e.file(a.value)))
		case dwarf.AttrConstValue:
			a.form = formData1
		case dwarf.AttrLocation:
			if b, ok := f.Val.([]byte); ok && d.Tag == dwarf.TagVariable {
				a = e.location(b)
			} else {
				a.form = formOffset
			}
		default:
			continue
		}
		if a.form != 0 {
			out.attrs = append(out.attrs, a)
		}
	}
	return out
}

// location writes where a variable is, with its symbol in the place of an address.
func (e *entries) location(b []byte) attr {
	a := attr{at: dwarf.AttrLocation, form: formBlock, size: uint64(len(b))}
	r := &bytesReader{data: b}
	for r.at < len(b) && !r.failed {
		op := r.byte()
		a.block = append(a.block, fmt.Sprintf(".byte 0x%x", op))
		switch op {
		case opAddr:
			a.block = append(a.block, ".quad "+e.w.symbolAt(binary.LittleEndian.Uint64(r.take(8))))
		case opAddrx:
			n := r.uleb()
			if n > uint64(len(e.addr))/8 || len(e.addr) < 8 {
				continue
			}
			a.size += 8 - uint64(ulebSize(n))
			a.block = append(a.block[:len(a.block)-1], fmt.Sprintf(".byte 0x%x", opAddr), ".quad "+e.w.symbolAt(binary.LittleEndian.Uint64(e.addr[8*n:])))
		case opConst8u: // of a thread-local variable, if an operation says so
			v := binary.LittleEndian.Uint64(r.take(8))
			tls := r.at < len(b) && (b[r.at] == opFormTLSAddress || b[r.at] == opGNUPushTLSAddress)
			if a.block = append(a.block, fmt.Sprintf(".quad %d", v)); tls {
				a.block[len(a.block)-1] = ".quad " + e.w.symbolAt(v) + "@dtpoff"
			}
		case opPiece:
			a.block = append(a.block, fmt.Sprintf(".uleb128 0x%x", r.uleb()))
		}
	}
	return a
}

// symbolAt names a place of the object by its address in the debugging information.
func (w *writer) symbolAt(addr uint64) string {
	p := placeAt(addr)
	if s := covering(w.spans[p.section], p.offset); s != nil {
		return s.symbol.Name + offsetText(int64(p.offset-s.start))
	}
	return fmt.Sprintf("%d", addr)
}

// headerSize is that of a unit's header, in bytes.
const headerSize = 12

// entries writes entries, with those that they refer to found by by.
func (w *writer) entries(root *entry, by map[dwarf.Offset]*entry) {
	root.place(headerSize)
	abbrevs, order := map[string]int{}, []string{}
	root.walk(func(e *entry) {
		if key := e.abbrev(); abbrevs[key] == 0 {
			order = append(order, key)
			abbrevs[key] = len(order)
		}
	})
	w.line("\t.section\t.debug_abbrev,\"\",@progbits")
	for i, key := range order {
		w.line("\t.uleb128 0x%x\n%s\t.byte 0\n\t.byte 0", i+1, key)
	}
	w.line("\t.byte 0")
	w.line("\t.section\t.debug_info,\"\",@progbits")
	w.line("\t.long 0\n\t.value 5\n\t.byte 1\n\t.byte 8\n\t.long 0")
	w.entry(root, abbrevs, by)
}

// abbrevSize is that of an abbreviation's number, which is written with padding, in bytes.
const abbrevSize = 1

// place gives an entry and those below it their offsets, and returns where it ends.
func (e *entry) place(at uint64) uint64 {
	e.offset = at
	at += abbrevSize
	for i := range e.attrs {
		at += e.attrs[i].bytes()
	}
	if !e.hasChildren() {
		return at
	}
	for _, c := range e.children {
		at = c.place(at)
	}
	return at + 1
}

// hasChildren holds of units and functions even where they have none.
func (e *entry) hasChildren() bool { return e.tag != dwarf.TagVariable }

func (a *attr) bytes() uint64 {
	switch a.form {
	case formString:
		return uint64(len(a.text)) + 1
	case formData1:
		return 1
	case formPresent:
		return 0
	case formBlock:
		return uint64(ulebSize(a.size)) + a.size
	}
	return 4
}

func ulebSize(v uint64) int {
	n := 1
	for v >>= 7; v != 0; v >>= 7 {
		n++
	}
	return n
}

// abbrev is what is said of an entry in the table of abbreviations.
func (e *entry) abbrev() string {
	var b strings.Builder
	children := 0
	if e.hasChildren() {
		children = 1
	}
	fmt.Fprintf(&b, "\t.uleb128 0x%x\n\t.byte %d\n", int(e.tag), children)
	for _, a := range e.attrs {
		fmt.Fprintf(&b, "\t.uleb128 0x%x\n\t.uleb128 0x%x\n", int(a.at), a.form)
	}
	return b.String()
}

func (e *entry) walk(yield func(*entry)) {
	yield(e)
	for _, c := range e.children {
		c.walk(yield)
	}
}

func (w *writer) entry(e *entry, abbrevs map[string]int, by map[dwarf.Offset]*entry) {
	w.line("\t.uleb128 0x%x", abbrevs[e.abbrev()])
	for _, a := range e.attrs {
		switch a.form {
		case formString:
			w.line("\t.string \"%s\"", quoted([]byte(a.text)))
		case formData4:
			w.line("\t.long %d", a.value)
		case formData1:
			w.line("\t.byte 0")
		case formRef4:
			w.line("\t.long %d", offsetOf(by[a.refer]))
		case formOffset:
			w.line("\t.long 0")
		case formBlock:
			w.line("\t.uleb128 0x%x", a.size)
			for _, d := range a.block {
				w.line("\t%s", d)
			}
		}
	}
	if !e.hasChildren() {
		return
	}
	for _, c := range e.children {
		w.entry(c, abbrevs, by)
	}
	w.line("\t.byte 0")
}

func offsetOf(e *entry) uint64 {
	if e == nil {
		return 0
	}
	return e.offset
}
