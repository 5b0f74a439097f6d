package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"gocare/internal/fault"
	"gocare/internal/ui"
)

// passwords asks for the password of a key: a file has it, or who sits at the terminal.
type passwords struct {
	ctx   context.Context
	file  string // "" for the terminal, "-" for standard input
	stdin io.Reader
	u     *ui.UI
}

// once returns the password of a key that is there.
func (p passwords) once() (string, error) {
	switch p.file {
	case "":
		return p.prompt("password: ")
	case "-":
		return firstLine(p.stdin)
	}
	f, err := os.Open(p.file)
	if err != nil {
		return "", fault.New(fault.Environment, "", "cannot read the password").WithCause(err).WithHint("name a file whose first line is the password")
	}
	defer f.Close()
	return firstLine(f)
}

// twice returns the password for a new key, which whoever types it must type twice.
func (p passwords) twice() (string, error) {
	password, err := p.once()
	if err == nil && p.file == "" {
		again, againErr := p.prompt("the same again: ")
		if err = againErr; err == nil && again != password {
			return "", usage("the two passwords differ")
		}
	}
	if err == nil && password == "" {
		return "", usage("the password is empty").WithHint("use --no-password for a key without one")
	}
	return password, err
}

func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fault.New(fault.Environment, "", "cannot read the password").WithCause(err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// prompt asks at the terminal, without showing what is typed. An interrupt ends that.
func (p passwords) prompt(text string) (string, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", fault.New(fault.Environment, "", "no terminal to ask for the password").WithHint("use --password-file FILE, or - for standard input")
	}
	state, err := term.GetState(int(tty.Fd()))
	if err != nil {
		return "", err
	}
	fmt.Fprint(tty, text)
	type typed struct {
		password []byte
		err      error
	}
	done := make(chan typed, 1)
	go func() {
		password, err := term.ReadPassword(int(tty.Fd()))
		done <- typed{password, err}
	}()
	select {
	case t := <-done:
		fmt.Fprintln(tty)
		return string(t.password), errors.Join(t.err, tty.Close())
	case <-p.ctx.Done():
		_ = term.Restore(int(tty.Fd()), state) // the terminal shows again what is typed
		return "", fault.Refuse(fault.Interrupted, "", "interrupted")
	}
}
