// Package fault holds the one error type whose cause, state and remedy are known.
//
// Input: what a package knows about a failure. Output: an error that cmd turns into up to three lines
// (what failed and where, the state that leaves, what to do) and an exit code. It prints nothing itself.
//
// The register (Reasons) holds all that is known about each reason code: its section and paragraph in gocare(7), whether it
// can be overridden, its hint. To add one, give it an entry in reasons_*.go and run go generate, which writes the constants
// and the manual page; then raise it, and name its test in internal/test/endtoend.
package fault

import (
	"errors"
	"fmt"
	"slices"
)

// Kind says what sort of failure an Error is; cmd maps it to the exit code.
type Kind int

const (
	Refused     Kind = iota // a valid request, unsafe or unsupported; exit 1
	Environment             // a missing tool, a permission, a kernel setting; exit 1
	Usage                   // a wrong command line; exit 2
	Busy                    // may work later: a thread in the way, another tracer; exit 3
	Bug                     // a broken invariant of ours; exit 1, asks for a report
)

// Error is a failure with everything its reader needs.
type Error struct {
	Kind  Kind
	Code  Code   // stable reason code, one of the register; empty when no script needs it
	Where string // "src/http.c:41", "pid 4242", "section .kpatch.text"; may be empty
	What  string // what failed, lower case, no full stop
	State string // what state that leaves: "tree unchanged", "process unchanged and running"; may be empty
	Hint  string // what to do; may be empty
	Err   error  // the cause, may be nil

	Function string   // symbol of the function that it is about; may be empty
	Vouched  bool     // the source patch takes care of it itself, by a macro of gocare.h
	Others   []string // symbols of more functions that it is about
}

func (e *Error) Error() string {
	s := e.What
	if e.Where != "" {
		s = e.Where + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// New returns an Error of the given kind at a place ("" for none).
func New(kind Kind, where, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Where: where, What: err.Error(), Err: nil}
}

// Refuse returns a refusal with a reason code at a place ("" for none), and with the code's own hint where it has one.
func Refuse(code Code, where, format string, args ...any) *Error {
	e := New(Refused, where, format, args...)
	r, _ := Lookup(code)
	e.Code, e.Hint = code, r.Hint
	return e
}

// About, WithHint, WithState and WithCause return e with that field set.
func (e *Error) About(function string) *Error {
	e.Function = function
	return e
}

// AlsoAbout adds functions that it is about.
func (e *Error) AlsoAbout(functions ...string) *Error {
	for _, f := range functions {
		if f != e.Function && !slices.Contains(e.Others, f) {
			e.Others = append(e.Others, f)
		}
	}
	return e
}

func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

func (e *Error) WithState(format string, args ...any) *Error {
	e.State = fmt.Sprintf(format, args...)
	return e
}

func (e *Error) WithCause(err error) *Error {
	e.Err = err
	return e
}

// As returns the first Error in err's chain, or nil.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// All returns every Error that err joins, in order, without the causes of these.
func All(err error) []*Error {
	if e, ok := err.(*Error); ok {
		return []*Error{e}
	}
	switch w := err.(type) {
	case interface{ Unwrap() []error }:
		var list []*Error
		for _, part := range w.Unwrap() {
			list = append(list, All(part)...)
		}
		return list
	case interface{ Unwrap() error }:
		return All(w.Unwrap())
	}
	return nil
}

// Leaves adds the state that a failure leaves to an error in err's chain that names none, and returns err.
func Leaves(err error, state string) error {
	if e := As(err); e != nil && e.State == "" {
		e.State = state
	}
	return err
}
