package ld

import (
	"bytes"
	"strconv"
	"strings"

	"gocare/internal/fault"
)

// Map is what a link map says: where each input section went.
type Map struct {
	Linker  string      // "bfd", "gold", "lld" or "mold"
	Entries []Placement // in the order of the map, which is the order of addresses within an output section
	Wrapped []string    // symbols that the link redirects (--wrap), which no map tells
	Own     string      // option by which a library's own symbols are bound to it, "" for none: Bsymbolic-functions, dynamic-list, …

	// Partial says that the link may have inputs that neither the map nor anything else tells.
	Partial bool

	complete bool // discarded sections are those that it does not mention
}

// Placement is one input section of a link map.
type Placement struct {
	Path      string // of the object or archive, as on the linker's command line
	Member    string // archive member, else ""
	Section   string // name in the input; COMMON for common symbols
	Addr      uint64 // link address; 0 if discarded
	Size      uint64 // bytes
	Discarded bool   // address 0: by --gc-sections, as the copy of a COMDAT group, or because it is empty
	Symbols   map[string]uint64
	Output    string // the section of the output that it is in, "" where the map does not tell; GNU ld's does
}

// ReadMap reads the map of GNU ld (bfd), gold, lld or mold. It refuses those of other linkers.
func ReadMap(data []byte) (*Map, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fault.Refuse(fault.ForeignMap, "", "no input section in it: it is empty").
			WithHint("the command that links it writes the map to no regular file (-Map=/dev/null, say): let it write to one, or leave the option out, and link again")
	}
	first, rest, _ := bytes.Cut(data, []byte("\n"))
	if c, ok := columnsOf(string(first)); ok {
		return c.read(rest), nil
	}
	r := mapReader{m: &Map{}}
	for len(data) > 0 {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		r.line(strings.TrimRight(string(line), "\r"))
	}
	if len(r.m.Entries) == 0 {
		return nil, fault.Refuse(fault.ForeignMap, "", "no input section in it")
	}
	r.m.Linker = "bfd"
	if r.gold {
		r.m.Linker = "gold"
	}
	return r.m, nil
}

// mapReader goes by the shape of lines alone: headings are translated into the user's language.
type mapReader struct {
	m    *Map
	gold bool
	name string // an input section's name that stood alone on its line
	last *Placement

	output string // name of the output section that is described
	alone  string // such a name that stood alone on its line
}

func (r *mapReader) line(l string) {
	if len(l) < 2 || l[0] != ' ' { // a heading, or an output section
		r.name, r.last = "", nil
		r.heading(l)
		return
	}
	if r.alone != "" && isPlace(l) {
		r.output = r.alone
	}
	r.alone = ""
	r.entry(l)
}

// heading takes a line that names an output section: "NAME ADDR SIZE", of which a long name stands alone.
func (r *mapReader) heading(l string) {
	name, rest, _ := strings.Cut(l, " ")
	r.alone = ""
	switch {
	case isPlace(rest):
		r.output = name
	case strings.TrimSpace(rest) == "":
		r.alone = name
	}
}

// isPlace reports whether a text begins with an address and a size.
func isPlace(s string) bool {
	_, rest, ok := cutHex(s)
	if ok {
		_, _, ok = cutHex(rest)
	}
	return ok
}

// entry takes a line below a heading. An input section is " NAME ADDR SIZE PATH" with the name from column 1, which a
// long name leaves alone on the line before; a symbol is "ADDR NAME" far to the right.
func (r *mapReader) entry(l string) {
	if l[1] == ' ' {
		if r.name == "" {
			r.symbol(l)
			return
		}
		r.input(r.name, l)
		r.name = ""
		return
	}
	r.name, r.last = "", nil
	name, rest, found := strings.Cut(l[1:], " ")
	switch {
	case name == "**": // what gold made itself
		r.gold = true
	case name == "" || name[0] == '*': // an input pattern, or "*fill*"
	case !found || strings.TrimSpace(rest) == "":
		r.name = name
	default:
		r.input(name, rest)
	}
}

// input records " ADDR SIZE PATH"; anything else under an output section is an expression of the linker script.
func (r *mapReader) input(name, rest string) {
	addr, rest, ok := cutHex(rest)
	if !ok {
		return
	}
	size, rest, ok := cutHex(rest)
	if !ok || !strings.HasPrefix(rest, " ") {
		return
	}
	path, member := splitMember(rest[1:])
	if path == "" {
		return
	}
	r.m.Entries = append(r.m.Entries, Placement{
		Path: path, Member: member, Section: name, Addr: addr, Size: size,
		Discarded: addr == 0, Output: r.output,
	})
	r.last = &r.m.Entries[len(r.m.Entries)-1]
}

// symbol records the places of common symbols, of which an object's symbol table knows only sizes.
func (r *mapReader) symbol(l string) {
	if r.last == nil || r.last.Section != commonSection {
		return
	}
	addr, rest, ok := cutHex(l)
	name := strings.TrimSpace(rest)
	if !ok || name == "" || strings.ContainsAny(name, " \t(") {
		return
	}
	r.last.addSymbol(name, addr)
}

func (p *Placement) addSymbol(name string, addr uint64) {
	if p.Symbols == nil {
		p.Symbols = map[string]uint64{}
	}
	p.Symbols[name] = addr
}

// InputSection names a section of an input that is no archive.
type InputSection struct{ Path, Section string }

// Places returns where sections of inputs went, without those of which an input has several of one name.
func (m *Map) Places() map[InputSection]uint64 {
	places, twice := map[InputSection]uint64{}, map[InputSection]bool{}
	for _, e := range m.Entries {
		k := InputSection{e.Path, e.Section}
		if _, found := places[k]; found || e.Member != "" {
			twice[k] = true
		}
		places[k] = e.Addr
	}
	for k := range twice {
		delete(places, k)
	}
	return places
}

// commonSection is what maps call the place of common symbols.
const commonSection = "COMMON"

// cutHex cuts leading spaces and a number written as 0x... off s.
func cutHex(s string) (uint64, string, bool) {
	s = strings.TrimLeft(s, " ")
	if !strings.HasPrefix(s, "0x") {
		return 0, s, false
	}
	digits, rest := s[2:], ""
	if i := strings.IndexByte(digits, ' '); i >= 0 {
		digits, rest = digits[:i], digits[i:]
	}
	v, err := strconv.ParseUint(digits, 16, 64)
	return v, rest, err == nil
}

// splitMember splits "lib.a(member.o)".
func splitMember(s string) (path, member string) {
	if !strings.HasSuffix(s, ")") {
		return s, ""
	}
	i := strings.LastIndexByte(s, '(')
	if i <= 0 {
		return s, ""
	}
	return s[:i], s[i+1 : len(s)-1]
}
