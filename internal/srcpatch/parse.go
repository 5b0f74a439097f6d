package srcpatch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"gocare/internal/fault"
	"gocare/internal/kpname"
	"gocare/internal/lazyregexp"
)

// Parse reads a unified diff, a git diff, or mail and commit messages around either. name is what messages call it.
func Parse(name string, data []byte) (*Patch, error) {
	sum := sha256.Sum256(data)
	p := &parser{name: name, lines: splitLines(string(data))}
	p.crlf = allCRLF(p.lines)
	if err := p.run(); err != nil {
		return nil, err
	}
	cves := kpname.CVEs(append(p.text, baseName(name))...)
	return &Patch{Name: baseName(name), Files: p.files, SHA256: hex.EncodeToString(sum[:]), CVEs: cves}, nil
}

// parser walks the lines of one patch.
type parser struct {
	name  string
	lines []string // with their line ends
	at    int      // index of the next line
	crlf  bool
	files []FilePatch
	text  []string // lines of no diff
}

func baseName(name string) string {
	if name == "-" || name == "" {
		return "-"
	}
	return path.Base(name)
}

// run reads the whole patch: text between diffs is skipped, everything that looks like a diff must be one.
func (p *parser) run() error {
	if len(bytes.TrimSpace([]byte(strings.Join(p.lines, "")))) == 0 {
		return fault.Refuse(fault.PatchEmpty, p.name, "the patch is empty").WithHint("make it with diff -u or git diff")
	}
	for p.at < len(p.lines) {
		if err := p.step(); err != nil {
			return err
		}
	}
	if len(p.files) == 0 {
		return p.nothingFound()
	}
	return nil
}

// step reads one file's diff or skips one line of text.
func (p *parser) step() error {
	line := p.line(0)
	switch {
	case strings.HasPrefix(line, "diff --git "):
		return p.gitFile()
	case strings.HasPrefix(line, "diff --cc "), strings.HasPrefix(line, "diff --combined "):
		return p.syntax("combined diff of a merge").WithHint("give the merge's diff against one parent (git diff A B)")
	case line == "GIT binary patch", isBinaryNotice(line):
		return p.binary()
	case p.atHeader():
		return p.plainFile()
	case p.atContextDiff():
		return p.syntax("context diff, not a unified one").WithHint("make the patch with diff -u or git diff")
	case hunkHeader.MatchString(line):
		return p.syntax("hunk without a file header (--- and +++ lines)")
	}
	p.text = append(p.text, line)
	p.at++
	return nil
}

// nothingFound says what a file without any unified diff is.
func (p *parser) nothingFound() error {
	for i, line := range p.lines {
		line = strings.TrimRight(line, "\r\n")
		next := ""
		if i+1 < len(p.lines) {
			next = p.lines[i+1]
		}
		if normalCommand.MatchString(line) && (strings.HasPrefix(next, "< ") || strings.HasPrefix(next, "> ")) {
			p.at = i
			return p.syntax("diff without context (diff's default format), not a unified one").
				WithHint("make the patch with diff -u or git diff")
		}
		if edCommand.MatchString(line) {
			p.at = i
			return p.syntax("ed script, not a unified diff").WithHint("make the patch with diff -u or git diff")
		}
	}
	return fault.Refuse(fault.PatchSyntax, p.name, "no diff found in it").
		WithHint("make the patch with diff -u or git diff")
}

var (
	hunkHeader    = lazyregexp.New(`^@@ -\d+(,\d+)? \+\d+(,\d+)? @@`)
	normalCommand = lazyregexp.New(`^\d+(,\d+)?[acd]\d+(,\d+)?$`)
	edCommand     = lazyregexp.New(`^\d+(,\d+)?[acd]$`)
)

// line returns the line ahead by n without its line end, "" past the end.
func (p *parser) line(n int) string {
	if p.at+n >= len(p.lines) {
		return ""
	}
	return strings.TrimRight(p.lines[p.at+n], "\r\n")
}

// atHeader tells whether a "---" and "+++" pair starts here.
func (p *parser) atHeader() bool {
	return strings.HasPrefix(p.line(0), "--- ") && strings.HasPrefix(p.line(1), "+++ ")
}

func (p *parser) atContextDiff() bool {
	return strings.HasPrefix(p.line(0), "*** ") && strings.HasPrefix(p.line(1), "--- ") &&
		strings.HasPrefix(p.line(2), "***************")
}

func isBinaryNotice(line string) bool {
	return (strings.HasPrefix(line, "Binary files ") || strings.HasPrefix(line, "Files ")) &&
		strings.HasSuffix(line, " differ")
}

// syntax makes the error for the line the parser is at.
func (p *parser) syntax(format string, args ...any) *fault.Error {
	return fault.Refuse(fault.PatchSyntax, fmt.Sprintf("%s:%d", p.name, p.at+1), format, args...).
		WithHint("it may be cut off or edited by hand: make it again with diff -u or git diff")
}

func (p *parser) binary() error {
	return fault.Refuse(fault.PatchBinary, fmt.Sprintf("%s:%d", p.name, p.at+1), "binary patch")
}

// plainFile reads "---", "+++" and the hunks of a diff without a git header.
func (p *parser) plainFile() error {
	f := FilePatch{Line: p.at + 1, crlf: p.crlf}
	if err := p.names(&f); err != nil {
		return err
	}
	if !strings.HasPrefix(p.line(0), "@@ ") {
		return p.syntax("no hunk after the file header")
	}
	return p.finish(&f)
}

// finish reads the hunks of f and adds it. A time stamp at the epoch means "no such file" only where the hunk has no
// lines on that side: trees unpacked from archives without times have such stamps everywhere.
func (p *parser) finish(f *FilePatch) error {
	if err := p.hunks(f); err != nil {
		return err
	}
	if f.oldEpoch && f.makes() {
		f.Old = ""
	}
	if f.newEpoch && len(f.Hunks) == 1 && f.Hunks[0].NewStart == 0 && f.Hunks[0].NewLines == 0 {
		f.New = ""
	}
	if f.Old == "" && f.New == "" {
		return fault.Refuse(fault.PatchSyntax, p.name, "line %d: neither side names a file", f.Line)
	}
	p.files = append(p.files, *f)
	return nil
}

// names reads the "---" and "+++" lines into f.
func (p *parser) names(f *FilePatch) error {
	before, err := parseName(strings.TrimPrefix(p.line(0), "--- "))
	if err != nil {
		return p.syntax("file name: %v", err)
	}
	p.at++
	after, err := parseName(strings.TrimPrefix(p.line(0), "+++ "))
	if err != nil {
		return p.syntax("file name: %v", err)
	}
	p.at++
	f.Old, f.New = before.name, after.name
	f.oldEpoch, f.newEpoch = before.epoch, after.epoch
	return nil
}

// splitLines cuts s after each newline; the last piece may lack one.
func splitLines(s string) []string {
	if s == "" {
		return nil
	}
	lines := strings.SplitAfter(s, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

func allCRLF(lines []string) bool {
	for i, line := range lines {
		if !strings.HasSuffix(line, "\r\n") && (i+1 < len(lines) || strings.HasSuffix(line, "\n")) {
			return false
		}
	}
	return len(lines) > 0
}

// makes tells whether the hunks start from nothing.
func (f *FilePatch) makes() bool {
	return len(f.Hunks) == 1 && f.Hunks[0].OldStart == 0 && f.Hunks[0].OldLines == 0
}
