package ui

import (
	"context"
	"errors"
	"strings"

	"gocare/internal/fault"
)

// Exit codes of every command.
const (
	ExitDone   = 0
	ExitFailed = 1
	ExitUsage  = 2
	ExitBusy   = 3
)

// Failure is an error as JSON.
type Failure struct {
	Code    string `json:"code"`    // stable reason code, "failed" when there is none
	Message string `json:"message"` // what failed and where
	State   string `json:"state"`   // what state that leaves
	Hint    string `json:"hint"`    // what to do
}

// FailureOf describes err, which must not be nil.
func FailureOf(err error) *Failure {
	f := &Failure{Code: "failed", Message: err.Error()}
	e := fault.As(err)
	if e == nil {
		if errors.Is(err, context.Canceled) {
			f.Code = "interrupted"
		}
		return f
	}
	f.State, f.Hint = e.State, e.Hint
	if e.Code != "" {
		f.Code = string(e.Code)
	} else if name := kindCodes[e.Kind]; name != "" {
		f.Code = name
	}
	if e.Kind == fault.Bug && f.Hint == "" {
		f.Hint = "this is a bug: please report it with the command line and the input"
	}
	return f
}

var kindCodes = map[fault.Kind]string{
	fault.Refused:     "refused",
	fault.Environment: "environment",
	fault.Usage:       "usage",
	fault.Busy:        "busy",
	fault.Bug:         "bug",
}

// ExitCode maps an error to an exit code; nil is ExitDone.
func ExitCode(err error) int {
	if err == nil {
		return ExitDone
	}
	e := fault.As(err)
	switch {
	case e == nil:
		return ExitFailed
	case e.Kind == fault.Usage:
		return ExitUsage
	case e.Kind == fault.Busy:
		return ExitBusy
	}
	return ExitFailed
}

// Fail writes err as up to three lines on standard error, and as the JSON document {"error": …} when none was written
// yet, and returns the exit code.
func (u *UI) Fail(err error) int {
	if err == nil {
		return ExitDone
	}
	u.Explain(err)
	u.Result(struct {
		Error *Failure `json:"error"`
	}{FailureOf(err)})
	return ExitCode(err)
}

// Explain writes err as up to three lines on standard error.
func (u *UI) Explain(err error) {
	f := FailureOf(err)
	for _, line := range []struct{ label, text string }{{"error", f.Message}, {"state", f.State}, {"hint", f.Hint}} {
		if line.text != "" {
			u.line(u.stderr, "%s: %s: %s", u.prog, line.label, strings.TrimRight(line.text, "\n"))
		}
	}
}
