package elfobj

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

const (
	archiveMagic     = "!<arch>\n"
	thinArchiveMagic = "!<thin>\n"
	memberHeaderSize = 60
)

// Member is one file in a static library.
type Member struct {
	Name   string
	Data   []byte // nil in a thin archive, whose members are files of their own
	Offset int64  // of the member's header in the archive
	Origin int64  // where Name is an archive that a thin one lists a member of: the offset of that there, else 0
}

// isArchive reports whether data begins like a static library, thin ones included.
func isArchive(data []byte) bool {
	return bytes.HasPrefix(data, []byte(archiveMagic)) || bytes.HasPrefix(data, []byte(thinArchiveMagic))
}

// Members returns the files in a static library in order, without the symbol index and the table of long names. It
// reads the GNU form ("name/", "/123" into the table "//") and BSD long names ("#1/20").
func Members(data []byte) ([]Member, error) {
	if !isArchive(data) {
		return nil, fmt.Errorf("not an archive")
	}
	a := archive{data: data, thin: data[2] == 't', at: uint64(len(archiveMagic))}
	var members []Member
	for a.at < uint64(len(data)) {
		m, err := a.next()
		if err != nil {
			return nil, fmt.Errorf("archive member at 0x%x: %w", a.at, err)
		}
		if m != nil {
			members = append(members, *m)
		}
	}
	return members, nil
}

type archive struct {
	data      []byte
	thin      bool
	at        uint64 // offset of the next header
	longNames string
}

// next reads one member and steps over it; nil stands for the archive's own tables.
//
//	0     16     28    34    40     48    58  60
//	name  mtime  uid   gid   mode   size  `\n
func (a *archive) next() (*Member, error) {
	h, err := slice(a.data, a.at, memberHeaderSize)
	if err != nil {
		return nil, err
	}
	if string(h[58:]) != "`\n" {
		return nil, fmt.Errorf("bad header end %q", h[58:])
	}
	size, err := strconv.ParseUint(strings.TrimRight(string(h[48:58]), " "), 10, 63)
	if err != nil {
		return nil, fmt.Errorf("bad size %q", h[48:58])
	}
	name := strings.TrimRight(string(h[:16]), " ")
	table := name == "/" || name == "//" || name == "/SYM64/"
	m := &Member{Offset: int64(a.at)}
	end := a.at + memberHeaderSize
	if table || !a.thin {
		if m.Data, err = slice(a.data, end, size); err != nil {
			return nil, err
		}
		end += size + size%2
	}
	if name == "//" {
		a.longNames = string(m.Data)
	}
	if !table {
		if n, origin, nested := strings.Cut(name, ":"); nested && a.thin && strings.HasPrefix(n, "/") {
			if m.Origin, err = strconv.ParseInt(origin, 10, 64); err != nil {
				return nil, fmt.Errorf("bad long name %q", name)
			}
			name = n
		}
		if m.Name, m.Data, err = a.memberName(name, m.Data); err != nil {
			return nil, err
		}
	}
	a.at = end
	if table || m.Name == "__.SYMDEF" || m.Name == "__.SYMDEF SORTED" {
		return nil, nil
	}
	return m, nil
}

// memberName resolves a member's name field; a BSD long name stands at the start of the contents.
func (a *archive) memberName(field string, contents []byte) (string, []byte, error) {
	if n, ok := strings.CutPrefix(field, "#1/"); ok && !a.thin {
		length, err := strconv.ParseUint(n, 10, 32)
		if err != nil || length > uint64(len(contents)) {
			return "", nil, fmt.Errorf("bad long name %q", field)
		}
		return strings.TrimRight(string(contents[:length]), "\x00"), contents[length:], nil
	}
	n, ok := strings.CutPrefix(field, "/")
	if !ok {
		return strings.TrimSuffix(field, "/"), contents, nil
	}
	// GNU ar leaves the "/" that ends a name of 15 characters behind the number that a thin archive has in its place.
	off, err := strconv.ParseUint(strings.TrimRight(n, " /"), 10, 32)
	if err != nil || off >= uint64(len(a.longNames)) {
		return "", nil, fmt.Errorf("bad long name %q", field)
	}
	name, _, _ := strings.Cut(a.longNames[off:], "\n")
	return strings.TrimSuffix(name, "/"), contents, nil
}
