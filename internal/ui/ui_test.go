package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"gocare/internal/fault"
)

func TestFail(t *testing.T) {
	busy := fault.New(fault.Busy, "pid 7", `thread 8 is executing "f"`).
		WithState("process unchanged and running").WithHint("try again")
	busy.Code = "busy-thread"
	for _, tt := range []struct {
		name string
		err  error
		exit int
		code string
		want string
	}{
		{"none", nil, 0, "", ""},
		{"plain", errors.New("x"), 1, "failed", "p: error: x\n"},
		{"interrupted", context.Canceled, 1, "interrupted", "p: error: context canceled\n"},
		{"refused", fault.Refuse("elf-type", "a.o", "bad"), 1, "elf-type", "p: error: a.o: bad\n"},
		{"usage", fault.New(fault.Usage, "", "bad id"), 2, "usage", "p: error: bad id\n"},
		{"environment", fault.New(fault.Environment, "gcc", "not found"), 1, "environment", "p: error: gcc: not found\n"},
		{"bug", fault.New(fault.Bug, "", "odd").WithHint("h"), 1, "bug", "p: error: odd\np: hint: h\n"},
		{
			"three lines, wrapped", fmt.Errorf("a: %w", busy), 3, "busy-thread",
			"p: error: a: pid 7: thread 8 is executing \"f\"\np: state: process unchanged and running\np: hint: try again\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if got := New("p", &out, &errs, Quiet, true).Fail(tt.err); got != tt.exit {
				t.Errorf("exit %d, want %d", got, tt.exit)
			}
			if errs.String() != tt.want {
				t.Errorf("stderr %q, want %q", errs.String(), tt.want)
			}
			if tt.err == nil {
				return
			}
			var doc struct{ Error Failure }
			if err := json.Unmarshal(out.Bytes(), &doc); err != nil || doc.Error.Code != tt.code {
				t.Errorf("stdout %q: code %q, want %q (%v)", out.String(), doc.Error.Code, tt.code, err)
			}
		})
	}
}

func TestLevels(t *testing.T) {
	for _, tt := range []struct {
		name      string
		level     Level
		json      bool
		out, errs string
	}{
		{"quiet", Quiet, false, "result\n", "p: warning: warn\n"},
		{"normal", Normal, false, "HEAD\nresult\n", "p: note: note\np: warning: warn\n"},
		{"verbose", Verbose, false, "HEAD\nresult\n", "p: step\np: note: note\np: warning: warn\n"},
		{"json", Normal, true, "{\n  \"N\": 1\n}\n", "HEAD\np: note: note\np: warning: warn\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			u := New("p", &out, &errs, tt.level, tt.json)
			u.Heading("HEAD")
			u.Progress("step")
			u.Note("note")
			u.Warn("warn")
			u.Info("result")
			u.Result(struct{ N int }{1})
			u.Result(struct{ N int }{2}) // never a second document
			if out.String() != tt.out || errs.String() != tt.errs {
				t.Errorf("stdout %q, stderr %q; want %q, %q", out.String(), errs.String(), tt.out, tt.errs)
			}
		})
	}
}
