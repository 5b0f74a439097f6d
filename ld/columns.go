package ld

import (
	"bytes"
	"strconv"
	"strings"
)

// columns is the layout of a map in columns: numbers, then a name whose depth says what it names.
//
//	VMA LMA Size Align Out     In      Symbol    lld, all but Align in hex
//	VMA     Size Align Out     In      Symbol    mold, VMA with 0x, Size and Align decimal
//
// Out is behind one space; In is eight columns deeper and reads FILE:(SECTION), Symbol is sixteen columns deeper.
type columns struct {
	linker  string
	numbers int // before the name
	size    int // which of them
	base    int // of the size
}

// columnsOf recognises a map by its first line.
func columnsOf(first string) (columns, bool) {
	switch strings.Join(strings.Fields(first), " ") {
	case "VMA LMA Size Align Out In Symbol":
		return columns{"lld", 4, 2, 16}, true
	case "VMA Size Align Out In Symbol":
		return columns{"mold", 3, 1, 10}, true
	}
	return columns{}, false
}

// read reads all lines behind the first. Such a map lists whatever is in the output, so what it does not list was left
// out.
func (c columns) read(data []byte) *Map {
	m := &Map{Linker: c.linker, complete: true}
	for len(data) > 0 {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		c.line(m, strings.TrimRight(string(line), "\r"))
	}
	return m
}

func (c columns) line(m *Map, l string) {
	var fields []string
	for range c.numbers {
		l = strings.TrimLeft(l, " ")
		i := strings.IndexByte(l, ' ')
		if i <= 0 {
			return
		}
		fields, l = append(fields, l[:i]), l[i:]
	}
	addr, err := strconv.ParseUint(strings.TrimPrefix(fields[0], "0x"), 16, 64)
	if err != nil {
		return
	}
	size, err := strconv.ParseUint(fields[c.size], c.base, 64)
	if err != nil {
		return
	}
	name := strings.TrimLeft(l, " ")
	switch depth := len(l) - len(name); {
	case depth > 16:
		m.symbol(name, addr)
	case depth > 8:
		m.column(name, addr, size)
	}
}

// column records an input section. Pieces of one, "FILE:(.eh_frame+0x40)", and what the linker made are no places of
// whole sections.
func (m *Map) column(name string, addr, size uint64) {
	i := strings.LastIndex(name, ":(")
	if i <= 0 || !strings.HasSuffix(name, ")") || strings.HasPrefix(name, "<internal>") {
		return
	}
	section := name[i+2 : len(name)-1]
	if strings.Contains(section, "+0x") || addr == 0 {
		return
	}
	if section == ".common" {
		section = commonSection
	}
	path, member := splitMember(name[:i])
	m.Entries = append(m.Entries, Placement{Path: path, Member: member, Section: section, Addr: addr, Size: size})
}

// symbol records a common symbol, which stands behind the place made for it.
func (m *Map) symbol(name string, addr uint64) {
	if len(m.Entries) == 0 {
		return
	}
	if last := &m.Entries[len(m.Entries)-1]; last.Section == commonSection && !strings.ContainsAny(name, " (") {
		last.addSymbol(name, addr)
	}
}
