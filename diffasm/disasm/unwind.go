package disasm

import (
	"encoding/binary"
	"fmt"
	"strings"

	"gocare/internal/elfobj"
)

// frame is what the object's unwind table says of a piece of code, as directives by their offset from its start.
type frame struct {
	size       uint64
	signal     bool
	directives map[uint64][]string
	refused    string // why it cannot be written as directives
}

// cie is what several entries of an unwind table have in common (LSB 5.0, Core, section 10.6.1).
type cie struct {
	codeAlign uint64
	dataAlign int64
	sized     bool // entries have augmentation data
	signal    bool
	refused   string
}

// framesOf reads the unwind table of an object: frames by where their code begins.
func framesOf(f *elfobj.File) (map[place]*frame, error) {
	frames := map[place]*frame{}
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.Name != ".eh_frame" || len(s.Data) == 0 {
			continue
		}
		relas, err := f.Relas(i)
		if err != nil {
			return nil, err
		}
		if err := readFrames(f, s.Data, relas, frames); err != nil {
			return nil, fmt.Errorf("section %s: %w", s.Name, err)
		}
	}
	return frames, nil
}

func readFrames(f *elfobj.File, data []byte, relas []elfobj.Rela, frames map[place]*frame) error {
	starts := map[uint64]place{}
	for _, r := range relas {
		s := &f.Symbols[r.Symbol]
		if s.Defined() {
			starts[r.Offset] = place{s.Section, s.Value + uint64(r.Addend)}
		}
	}
	cies := map[uint64]*cie{}
	for at := uint64(0); at+4 <= uint64(len(data)); {
		length := uint64(binary.LittleEndian.Uint32(data[at:]))
		if length == 0 {
			return nil
		}
		end := at + 4 + length
		if end > uint64(len(data)) || length < 8 {
			return fmt.Errorf("entry at 0x%x: %d bytes", at, length)
		}
		id := uint64(binary.LittleEndian.Uint32(data[at+4:]))
		body := &bytesReader{data: data[at+8 : end]}
		if id == 0 {
			cies[at] = readCIE(body)
		} else if begin, known := starts[at+8]; known {
			fr, err := readFDE(body, cies[at+4-id])
			if err != nil {
				return fmt.Errorf("entry at 0x%x: %w", at, err)
			}
			frames[begin] = fr
		}
		at = end
	}
	return nil
}

// readCIE reads what follows length and id.
func readCIE(r *bytesReader) *cie {
	c := &cie{}
	r.byte() // version
	augmentation := r.text()
	c.codeAlign, c.dataAlign = r.uleb(), r.sleb()
	r.uleb() // return address register
	for i, letter := range augmentation {
		switch {
		case letter == 'z' && i == 0:
			c.sized = true
			r.uleb()
		case letter == 'R':
			r.byte()
		case letter == 'S':
			c.signal = true
		default:
			c.refused = "it has a handler for exceptions or clean-ups"
			return c
		}
	}
	// The state in which assemblers let every function begin: the caller's frame 8 bytes above, the return address below it.
	if rest := strings.TrimRight(string(r.data[r.at:]), "\x00"); rest != "\x0c\x07\x08\x90\x01" || r.failed {
		c.refused = "its unwind table begins in a way of its own"
	}
	return c
}

// readFDE reads what follows length and id. The place of the code is a relocation's.
func readFDE(r *bytesReader, c *cie) (*frame, error) {
	if c == nil {
		return nil, fmt.Errorf("no entry that it belongs to")
	}
	fr := &frame{signal: c.signal, directives: map[uint64][]string{}, refused: c.refused}
	r.skip(4)
	fr.size = uint64(binary.LittleEndian.Uint32(r.take(4)))
	if c.sized {
		r.skip(r.uleb())
	}
	at := uint64(0)
	for fr.refused == "" && !r.failed && r.at < len(r.data) {
		if advance, ok := r.advance(c); ok {
			at += advance
			continue
		}
		text, ok := r.directive(c)
		if !ok {
			fr.refused = "its unwind table has an entry that is not understood"
		} else if text != "" {
			fr.directives[at] = append(fr.directives[at], text)
		}
	}
	if r.failed {
		return nil, fmt.Errorf("it ends early")
	}
	return fr, nil
}

// advance reads an operation that moves on in the code (DWARF 5, section 6.4.2.1).
func (r *bytesReader) advance(c *cie) (bytes uint64, ok bool) {
	switch op := r.data[r.at]; {
	case op>>6 == 1:
		r.byte()
		return uint64(op&0x3f) * c.codeAlign, true
	case op >= 2 && op <= 4:
		r.byte()
		var word [8]byte
		copy(word[:], r.take(1<<(op-2)))
		return binary.LittleEndian.Uint64(word[:]) * c.codeAlign, true
	}
	return 0, false
}

// directive reads an operation that changes the state, and returns it as a directive; "" for none.
func (r *bytesReader) directive(c *cie) (string, bool) {
	op := r.byte()
	switch op >> 6 {
	case 2:
		return fmt.Sprintf(".cfi_offset %d, %d", op&0x3f, int64(r.uleb())*c.dataAlign), true
	case 3:
		return fmt.Sprintf(".cfi_restore %d", op&0x3f), true
	}
	switch op {
	case 0x00:
		return "", true
	case 0x05:
		return fmt.Sprintf(".cfi_offset %d, %d", r.uleb(), int64(r.uleb())*c.dataAlign), true
	case 0x07:
		return fmt.Sprintf(".cfi_undefined %d", r.uleb()), true
	case 0x08:
		return fmt.Sprintf(".cfi_same_value %d", r.uleb()), true
	case 0x09:
		return fmt.Sprintf(".cfi_register %d, %d", r.uleb(), r.uleb()), true
	case 0x0a:
		return ".cfi_remember_state", true
	case 0x0b:
		return ".cfi_restore_state", true
	case 0x0c:
		return fmt.Sprintf(".cfi_def_cfa %d, %d", r.uleb(), r.uleb()), true
	case 0x0d:
		return fmt.Sprintf(".cfi_def_cfa_register %d", r.uleb()), true
	case 0x0e:
		return fmt.Sprintf(".cfi_def_cfa_offset %d", r.uleb()), true
	case 0x0f, 0x10, 0x16, 0x2e: // expressions, and the size of arguments
		return r.escape(op), true
	}
	return "", false
}

// escape writes an operation that has no directive of its own.
func (r *bytesReader) escape(op byte) string {
	start := r.at - 1
	if op == 0x10 || op == 0x16 {
		r.uleb()
	}
	if n := r.uleb(); op != 0x2e {
		r.skip(n)
	}
	var list []string
	for _, b := range r.data[start:r.at] {
		list = append(list, fmt.Sprintf("0x%x", b))
	}
	return ".cfi_escape " + strings.Join(list, ",")
}

// bytesReader reads numbers; what does not fit is zero, and failed then.
type bytesReader struct {
	data   []byte
	at     int
	failed bool
}

func (r *bytesReader) take(n uint64) []byte {
	if n > uint64(len(r.data)-r.at) {
		r.failed, r.at = true, len(r.data)
		return make([]byte, min(n, 8))
	}
	r.at += int(n)
	return r.data[r.at-int(n) : r.at]
}

func (r *bytesReader) skip(n uint64) { r.take(n) }

func (r *bytesReader) byte() byte { return r.take(1)[0] }

func (r *bytesReader) text() string {
	text, _, ok := strings.Cut(string(r.data[r.at:]), "\x00")
	r.skip(uint64(len(text)) + 1)
	r.failed = r.failed || !ok
	return text
}

func (r *bytesReader) uleb() (v uint64) {
	for shift := 0; !r.failed; shift += 7 {
		b := r.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			break
		}
	}
	return v
}

func (r *bytesReader) sleb() (v int64) {
	for shift := 0; !r.failed; shift += 7 {
		b := r.byte()
		v |= int64(b&0x7f) << shift
		if b < 0x80 {
			if shift+7 < 64 && b&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			break
		}
	}
	return v
}
