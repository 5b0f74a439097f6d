package srcpatch

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"gocare/internal/fault"
	"gocare/internal/lazyregexp"
)

// fileName is what one "---" or "+++" line says.
type fileName struct {
	name  string // "" for /dev/null
	epoch bool   // the time stamp is the epoch: the file may not exist on this side
}

// parseName reads a name with an optional time stamp behind a tab (or, as in patches copied from a page, behind blanks).
func parseName(s string) (fileName, error) {
	name, stamp := s, ""
	if strings.HasPrefix(s, `"`) {
		var err error
		if name, stamp, err = unquote(s); err != nil {
			return fileName{}, err
		}
	} else if tab := strings.IndexByte(s, '\t'); tab >= 0 {
		name, stamp = s[:tab], s[tab+1:]
	} else if at := trailingStamp.FindStringIndex(s); at != nil {
		name, stamp = s[:at[0]], s[at[0]:]
	}
	name = strings.TrimRight(name, " ")
	if name == "" || strings.ContainsRune(name, 0) {
		return fileName{}, errors.New("it is empty or holds a NUL byte")
	}
	if name == "/dev/null" {
		name = ""
	}
	return fileName{name: name, epoch: isEpoch(strings.TrimSpace(stamp))}, nil
}

var trailingStamp = lazyregexp.New(`\s+(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?( [+-]\d{4})?|` +
	`(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})\s*$`)

// isEpoch tells whether a time stamp is 1970-01-01 00:00:00 UTC, with which GNU diff -N marks a file that is not there.
// Without a zone it may be that instant anywhere on earth.
func isEpoch(stamp string) bool {
	for _, layout := range []string{"2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05.999999999 -0700"} {
		if t, err := time.Parse(layout, stamp); err == nil {
			return t.Unix() == 0
		}
	}
	for _, layout := range []string{"2006-01-02 15:04:05", time.ANSIC} {
		if t, err := time.Parse(layout, stamp); err == nil {
			return t.Unix() > -14*3600 && t.Unix() < 15*3600 && t.Unix()%900 == 0
		}
	}
	return false
}

// unquote reads a C-quoted name at the start of s, as git and GNU diff write them, and returns the rest.
func unquote(s string) (name, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], nil
		case '\\':
			c, n := unescape(s[i+1:])
			if n == 0 {
				return "", "", errors.New("unknown escape in a quoted name")
			}
			b.WriteByte(c)
			i += n
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", errors.New("quoted name without an end")
}

// unescape decodes what follows a backslash and says how many bytes that took, 0 when it is no escape.
func unescape(s string) (byte, int) {
	if len(s) >= 3 && s[0] >= '0' && s[0] <= '3' {
		v, err := strconv.ParseUint(s[:3], 8, 8)
		if err != nil {
			return 0, 0
		}
		return byte(v), 3
	}
	if s == "" {
		return 0, 0
	}
	if at := strings.IndexByte(`abtnvfr"\`, s[0]); at >= 0 {
		return "\a\b\t\n\v\f\r\"\\"[at], 1
	}
	return 0, 0
}

// gitFile reads a "diff --git" header and what belongs to it.
func (p *parser) gitFile() error {
	g := gitHeader{args: strings.TrimPrefix(p.line(0), "diff --git ")}
	f := FilePatch{Line: p.at + 1, Git: true, crlf: p.crlf}
	p.at++
	for p.at < len(p.lines) {
		line := p.line(0)
		if line == "GIT binary patch" || isBinaryNotice(line) {
			return p.binary()
		}
		known, err := g.extended(&f, line)
		if err != nil {
			return p.gitError(err)
		}
		if !known {
			break
		}
		p.at++
	}
	return p.gitBody(&f, g)
}

// gitBody reads the names and hunks behind git's extended header lines.
func (p *parser) gitBody(f *FilePatch, g gitHeader) error {
	old, fresh, ok := g.names()
	if p.atHeader() {
		if err := p.names(f); err != nil {
			return err
		}
	} else if !ok {
		return fault.Refuse(fault.PatchSyntax, p.name, "line %d: cannot tell the file names in the diff --git line", f.Line)
	} else {
		f.Old, f.New = old, fresh
	}
	if g.created {
		f.Old = ""
	}
	if g.deleted {
		f.New = ""
	}
	return p.finish(f)
}

func (p *parser) gitError(err error) error {
	if f := fault.As(err); f != nil {
		return p.syntax("%s", f.What).WithHint("%s", f.Hint)
	}
	return p.syntax("%v", err)
}

// gitHeader gathers the lines between "diff --git" and the hunks. go-gitdiff 0.9.0 cannot read them for us: it takes one
// directory off each name, also where git put no prefix in front (--no-prefix), and the strip level is found by the names as
// written; it keeps the CR of a mail program's line ends in names, and refuses a quoted name that ends in a backslash.
type gitHeader struct {
	args             string // behind "diff --git "
	from, to         string // of a rename or copy, without prefixes
	created, deleted bool
}

// extended takes one extended header line; known is false for a line that is none.
func (g *gitHeader) extended(f *FilePatch, line string) (known bool, err error) {
	for _, h := range []struct {
		prefix string
		take   func(rest string) error
	}{
		{"old mode ", func(s string) error { return setMode(&f.OldMode, s) }},
		{"new mode ", func(s string) error { return setMode(&f.NewMode, s) }},
		{"new file mode ", func(s string) error { g.created = true; return setMode(&f.NewMode, s) }},
		{"deleted file mode ", func(s string) error { g.deleted = true; return setMode(&f.OldMode, s) }},
		{"rename from ", func(s string) error { f.Rename = true; return setName(&g.from, s) }},
		{"rename to ", func(s string) error { f.Rename = true; return setName(&g.to, s) }},
		{"copy from ", func(s string) error { f.Copy = true; return setName(&g.from, s) }},
		{"copy to ", func(s string) error { f.Copy = true; return setName(&g.to, s) }},
		{"similarity index ", func(string) error { return nil }},
		{"dissimilarity index ", func(string) error { return nil }},
		{"index ", func(string) error { return nil }},
	} {
		if rest, ok := strings.CutPrefix(line, h.prefix); ok {
			return true, h.take(rest)
		}
	}
	return false, nil
}

// setMode reads git's octal mode; only regular files can be patched.
func setMode(mode *fs.FileMode, s string) error {
	v, err := strconv.ParseUint(strings.TrimSpace(s), 8, 32)
	if err != nil {
		return errors.New("malformed mode")
	}
	switch v &^ 0o777 {
	case 0o100000, 0:
		*mode = fs.FileMode(v & 0o777)
		return nil
	case 0o120000:
		return fault.Refuse(fault.PatchSyntax, "", "the patch changes a symbolic link").
			WithHint("leave it out of the patch")
	case 0o160000:
		return fault.Refuse(fault.PatchSyntax, "", "the patch moves a submodule").
			WithHint("patch the submodule's own files")
	}
	return errors.New("mode of no regular file")
}

func setName(name *string, s string) error {
	n, err := parseName(s)
	*name = n.name
	return err
}

// names finds both names in the arguments of "diff --git", which separates them by a blank even when they hold some:
// the right split is where rename or copy lines, or equal names behind the prefixes, say so.
func (g *gitHeader) names() (old, fresh string, ok bool) {
	if strings.ContainsRune(g.args, '"') {
		return g.quotedNames()
	}
	for i := 0; i < len(g.args); i++ {
		if g.args[i] != ' ' {
			continue
		}
		old, fresh = g.args[:i], g.args[i+1:]
		if g.from != "" && g.to != "" {
			ok = hasTail(old, g.from) && hasTail(fresh, g.to)
		} else {
			ok = old != "" && (old == fresh || afterSlash(old) == afterSlash(fresh))
		}
		if ok {
			return old, fresh, true
		}
	}
	return "", "", false
}

func (g *gitHeader) quotedNames() (old, fresh string, ok bool) {
	rest := g.args
	if strings.HasPrefix(rest, `"`) {
		var err error
		if old, rest, err = unquote(rest); err != nil {
			return "", "", false
		}
		rest = strings.TrimPrefix(rest, " ")
	} else {
		old, rest, _ = strings.Cut(rest, ` "`)
		rest = `"` + rest
	}
	n, err := parseName(rest)
	return old, n.name, err == nil && old != ""
}

// hasTail tells whether name is tail with or without one leading directory.
func hasTail(name, tail string) bool {
	return name == tail || strings.HasSuffix(name, "/"+tail)
}

func afterSlash(s string) string {
	_, rest, ok := strings.Cut(s, "/")
	if !ok {
		return s
	}
	return rest
}
