package wrapper

import (
	"path/filepath"
	"slices"
	"strings"
)

// loads is what a link map says about the files that went in.
type loads struct {
	loaded []string            // in order
	pulled map[string][]string // archive -> members in the order they were pulled
	thin   []string            // paths of thin archives' members in the order they were pulled
}

// madeByLinker is what GNU ld lists as an input where it may have to write veneers itself, as for aarch64. No file has that.
const madeByLinker = "linker stubs"

// readLoads reads a link map: the list under "Archive member included" (GNU ld and gold; the reason stands on the
// same line after spaces, or on the next) and GNU ld's LOAD lines. In the maps of other linkers every "X.a(Y.o)" counts.
func readLoads(text []byte) loads {
	m := loads{pulled: map[string][]string{}}
	const outside, heading, entries = 0, 1, 2 // the list: a heading, an empty line, entries, an empty line
	at, listed := outside, false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		path, isLoad := strings.CutPrefix(line, "LOAD ")
		switch {
		case strings.HasPrefix(line, "Archive member included"):
			at, listed = heading, true
		case isLoad && path == madeByLinker:
		case isLoad:
			m.loaded = append(m.loaded, path)
		case line == "" && at == entries:
			at = outside
		case line != "" && line[0] != ' ' && line[0] != '\t' && at != outside:
			at = entries
			m.pull(line)
		}
	}
	if !listed && len(m.loaded) == 0 {
		m.scanMembers(string(text))
	}
	return m
}

// pull notes a line of the list: "archive(member)", for a thin archive the member's own path, then at least two spaces
// and what needed it, unless that stands on the next line.
func (m *loads) pull(line string) {
	name, _, _ := strings.Cut(line, "  ")
	i := strings.LastIndexByte(name, '(')
	if i <= 0 || !strings.HasSuffix(name, ")") {
		m.thin = append(m.thin, name)
		return
	}
	archive := name[:i]
	m.pulled[archive] = append(m.pulled[archive], name[i+1:len(name)-1])
}

// scanMembers notes each archive member that a section came from, once.
func (m *loads) scanMembers(text string) {
	for line := range strings.Lines(text) {
		for _, word := range strings.Fields(line) {
			word, _, _ = strings.Cut(word, ":(")
			archive, member, ok := strings.Cut(strings.TrimSuffix(word, ")"), "(")
			if ok && strings.HasSuffix(archive, ".a") && !slices.Contains(m.pulled[archive], member) {
				m.pulled[archive] = append(m.pulled[archive], member)
			}
		}
	}
}

// archives returns the archives that members were pulled from, sorted.
func (m *loads) archives() []string {
	var list []string
	for a := range m.pulled {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b string) int { return strings.Compare(filepath.Clean(a), filepath.Clean(b)) })
	return list
}
