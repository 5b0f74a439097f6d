package ui

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"gocare/internal/cxxname"
	"gocare/internal/plain"
)

// Level says how much is shown.
type Level int

const (
	Quiet   Level = iota - 1 // results and errors only
	Normal                   // headings and notes too
	Verbose                  // progress too
)

// UI writes what one command has to say. It is not safe for concurrent use, but for Working.
type UI struct {
	prog     string
	stdout   io.Writer
	stderr   io.Writer
	level    Level
	json     bool
	document bool // the one JSON document has been written

	mu    sync.Mutex // held while a line is written
	drawn bool       // Working has drawn something
}

// New returns a UI for the program named prog. With json, standard output is kept for one JSON document.
func New(prog string, stdout, stderr io.Writer, level Level, json bool) *UI {
	return &UI{prog: prog, stdout: stdout, stderr: stderr, level: level, json: json}
}

// JSON reports whether standard output is kept for one JSON document.
func (u *UI) JSON() bool { return u.json }

// Verbose reports whether progress is shown.
func (u *UI) Verbose() bool { return u.level >= Verbose }

// Heading writes a line that says which step begins: standard output, unless quiet; standard error with JSON.
func (u *UI) Heading(format string, args ...any) {
	if u.level < Normal {
		return
	}
	u.line(u.text(), format, args...)
}

// Info writes a line of the result: standard output whatever the level; nothing with JSON, whose document says it.
func (u *UI) Info(format string, args ...any) {
	if u.json {
		return
	}
	u.line(u.stdout, format, args...)
}

// Progress writes a line about work going on: standard error, only when verbose.
func (u *UI) Progress(format string, args ...any) {
	if u.level < Verbose {
		return
	}
	u.line(u.stderr, u.prog+": "+format, args...)
}

// Note writes a line that is worth knowing but no failure: standard error, unless quiet.
func (u *UI) Note(format string, args ...any) {
	if u.level < Normal {
		return
	}
	u.line(u.stderr, u.prog+": note: "+format, args...)
}

// Warn writes a line about something that may be wrong: standard error, whatever the level.
func (u *UI) Warn(format string, args ...any) {
	u.line(u.stderr, u.prog+": warning: "+format, args...)
}

// Result writes v as the one JSON document. Without JSON it does nothing, nor for a second document.
func (u *UI) Result(v any) error {
	if !u.json || u.document {
		return nil
	}
	u.document = true
	enc := json.NewEncoder(u.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// text is where headings go.
func (u *UI) text() io.Writer {
	if u.json {
		return u.stderr
	}
	return u.stdout
}

// line writes a line for people, who know functions of C++ by the names in the source. What others call things does not command their
// terminals.
func (u *UI) line(w io.Writer, format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	fmt.Fprintln(w, plain.Lines(cxxname.Readable(fmt.Sprintf(format, args...))))
}
