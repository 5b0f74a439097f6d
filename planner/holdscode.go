package planner

import (
	"bytes"
	"debug/elf"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// leastEvidence is how many bytes of a function, none of them the linker's, show that a file holds it.
const leastEvidence = 12

// holdsCode reports whether a program or library holds a function of an object that others can call, or, if it has none that is long
// enough, a private one. What the linker fills in, or may rewrite around it, is not compared.
func holdsCode(file, object []byte) bool {
	f, err := elfobj.Parse(object)
	if err != nil {
		return false
	}
	relocs, err := f.AllRelas()
	target, known := arch.ByMachine(f.Machine)
	if err != nil || !known {
		return false
	}
	judged := false
	for _, bind := range []elf.SymBind{elf.STB_GLOBAL, elf.STB_LOCAL} {
		for _, s := range f.Symbols {
			if judged && bind == elf.STB_LOCAL {
				return false
			}
			if s.Bind != bind || s.Type != elf.STT_FUNC || !s.Defined() {
				continue
			}
			sec := f.Sections[s.Section]
			if s.Value+s.Size > uint64(len(sec.Data)) {
				continue
			}
			fn := maskedCode(target, sec.Data[s.Value:s.Value+s.Size], s.Value, relocs[int(s.Section)])
			start, end := fn.longest()
			if fn.own() < leastEvidence {
				continue
			}
			judged = true
			if fn.in(file, start, end) {
				return true
			}
		}
	}
	return false
}

// linkedBytes is a function's bytes, and which of them the linker may write.
type linkedBytes struct {
	bytes  []byte
	linker []bool
}

// maskedCode marks what relocations fill in; around those by which the linker may rewrite instructions, all that it may touch. base is the
// function's offset in its section.
func maskedCode(target *arch.Target, data []byte, base uint64, relocs []elfobj.Rela) linkedBytes {
	c := linkedBytes{data, make([]bool, len(data))}
	for _, r := range relocs {
		before, behind := int64(4), int64(8)
		switch t := target.Reloc(r.Type); t.Kind {
		case arch.Abs64, arch.Abs32, arch.Abs32S, arch.PC32, arch.Call:
			before, behind = 0, int64(t.Width)
		}
		for at := int64(r.Offset) - before; at < int64(r.Offset)+behind; at++ {
			if i := at - int64(base); i >= 0 && i < int64(len(data)) {
				c.linker[i] = true
			}
		}
	}
	return c
}

// own returns how many bytes the linker leaves alone.
func (c linkedBytes) own() (n int) {
	for _, l := range c.linker {
		if !l {
			n++
		}
	}
	return n
}

// longest returns the longest run of bytes that the linker leaves alone.
func (c linkedBytes) longest() (start, end int) {
	at := 0
	for i := range c.bytes {
		if c.linker[i] {
			at = i + 1
		} else if i+1-at > end-start {
			start, end = at, i+1
		}
	}
	return start, end
}

// in reports whether a file holds the code; [start, end) is a run of bytes that it must hold as they are.
func (c linkedBytes) in(file []byte, start, end int) bool {
	for from := 0; ; {
		i := bytes.Index(file[from:], c.bytes[start:end])
		if i < 0 {
			return false
		}
		if c.at(file, from+i-start) {
			return true
		}
		from += i + 1
	}
}

// at reports whether the code stands at an offset of a file.
func (c linkedBytes) at(file []byte, offset int) bool {
	if offset < 0 || offset+len(c.bytes) > len(file) {
		return false
	}
	for i, b := range c.bytes {
		if !c.linker[i] && file[offset+i] != b {
			return false
		}
	}
	return true
}
