package planner

import (
	"bytes"
	"compress/zlib"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"

	"gocare/internal/elfobj"
	"gocare/internal/lazyregexp"
)

// language is what an object with gcc's intermediate language says of the names in its source. GCC Internals, "LTO file sections".
type language struct {
	unit      string          // which source it is, the same in both versions
	functions map[string]bool // with a body, by assembler name
	globals   map[string]bool // names that other sources see, too
	uses      map[string]bool // those that it leaves to others
	strings   []byte          // all names of what it declares, each behind its length; nil once found is known
	found     map[string]bool // those of the names that were looked for
	known     bool            // the above could be read
}

const languagePrefix = ".gnu.lto_"

// functionSection is ".gnu.lto_", the function, a number, and a digest that differs from run to run.
var functionSection = lazyregexp.New(`^\.gnu\.lto_([^.].*?)(?:\.\d+)?\.[0-9a-f]+$`)

// IsLTOSource reports whether an object holds the language of gcc in which the code that is made at link time is written.
func IsLTOSource(f *elfobj.File) bool {
	_, ok := readLanguage("", f)
	return ok
}

// readLanguage reads an object; ok is false if it holds none.
func readLanguage(unit string, f *elfobj.File) (l language, ok bool) {
	l = language{unit: unit, functions: map[string]bool{}, globals: map[string]bool{}, uses: map[string]bool{}, known: true}
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
		l.globals[string(name)] = true
		if rest[0] == symbolUndefined || rest[0] == symbolWeakUndefined {
			l.uses[string(name)] = true
		}
		data = rest[fixed:]
	}
}

// longestName is the length up to which names are looked for: it fits one byte.
const longestName = 127

// find looks for names among the declarations.
func (l *language) find(names map[string]bool) {
	l.found = map[string]bool{}
	for i, n := range l.strings {
		end := i + 1 + int(n)
		if n == 0 || n > longestName || end > len(l.strings) || !startsName(l.strings[i+1]) {
			continue
		}
		if names[string(l.strings[i+1:end])] {
			l.found[string(l.strings[i+1:end])] = true
		}
	}
	l.strings = nil
}

func startsName(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// declares reports whether the source may declare something of a name that was looked for.
func (l *language) declares(name string) bool {
	return !l.known || len(name) > longestName || l.found[name]
}

// everySource is the owner of names that mean the same in all sources.
const everySource = "*"

// owner returns whose a private symbol of a program may be, by its name without numbers; "" if it cannot be from this source. A static
// variable of a function may have the name of a global one that the source uses.
func (l *language) owner(name string, function, local bool) string {
	switch {
	case !l.known:
		return l.unit
	case function && !l.functions[name], !function && !l.declares(name), !function && !local && l.uses[name]:
		return ""
	case !local && l.globals[name]:
		return everySource
	}
	return l.unit
}
