package patcher

import (
	"bytes"
	"compress/zlib"
	"io"
	"regexp"
	"strings"

	"github.com/klauspost/compress/zstd"

	"gocare/internal/elfobj"
)

// language is what an object with gcc's intermediate language says of the names in its source. GCC Internals, "LTO file sections".
type language struct {
	unit      string          // which source it is, the same in both versions
	functions map[string]bool // with a body, by assembler name
	uses      map[string]bool // global names that it leaves to others
	strings   []byte          // all names of what it declares: each behind its length
	known     bool            // the above could be read
}

const languagePrefix = ".gnu.lto_"

// functionSection is ".gnu.lto_", the function, a number, and a digest that differs from run to run.
var functionSection = regexp.MustCompile(`^\.gnu\.lto_([^.].*?)(?:\.\d+)?\.[0-9a-f]+$`)

// readLanguage reads an object; ok is false if it holds none.
func readLanguage(unit string, f *elfobj.File) (l language, ok bool) {
	l = language{unit: unit, functions: map[string]bool{}, uses: map[string]bool{}, known: true}
	for i := range f.Sections {
		s := &f.Sections[i]
		name, found := strings.CutPrefix(s.Name, languagePrefix)
		switch {
		case !found:
			continue
		case strings.HasPrefix(name, ".decls"):
			text, err := unpack(s.Data)
			l.strings, l.known = append(l.strings, text...), l.known && err == nil
		case strings.HasPrefix(name, ".symtab"):
			l.readSymbols(s.Data)
		default:
			if m := functionSection.FindStringSubmatch(s.Name); m != nil {
				l.functions[m[1]] = true
			}
		}
		ok = true
	}
	return l, ok
}

// unpack decompresses a section: gcc uses zstd, zlib or nothing.
func unpack(data []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(data, []byte("\x28\xb5\x2f\xfd")):
		dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		defer dec.Close()
		return dec.DecodeAll(data, nil)
	case len(data) > 0 && data[0] == 0x78:
		r, err := zlib.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	}
	return data, nil
}

// Kinds of symbols in the table for linkers: plugin-api.h, enum ld_plugin_symbol_kind.
const (
	symbolUndefined     = 2
	symbolWeakUndefined = 3
)

// readSymbols reads the table for linkers: name and group, each ended by a zero, a kind, a visibility, a size and a slot.
func (l *language) readSymbols(data []byte) {
	for len(data) > 0 {
		name, rest, ok := bytes.Cut(data, []byte{0})
		_, rest, ok2 := bytes.Cut(rest, []byte{0})
		const fixed = 1 + 1 + 8 + 4
		if !ok || !ok2 || len(rest) < fixed {
			l.known = false
			return
		}
		if rest[0] == symbolUndefined || rest[0] == symbolWeakUndefined {
			l.uses[string(name)] = true
		}
		data = rest[fixed:]
	}
}

// declares reports whether the source may declare something of that name.
func (l *language) declares(name string) bool {
	if !l.known || len(name) > 127 {
		return true
	}
	return bytes.Contains(l.strings, append([]byte{byte(len(name))}, name...))
}

// mayOwn reports whether a private symbol of a program may be from this source, by its name without numbers. A static variable of a
// function may have the name of a global one that the source uses.
func (l *language) mayOwn(name string, function, local bool) bool {
	switch {
	case !l.known:
		return true
	case function:
		return l.functions[name]
	case l.uses[name] && !local:
		return false
	}
	return l.declares(name)
}
