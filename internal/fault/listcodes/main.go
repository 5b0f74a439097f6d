// Command listcodes writes what is made of the register of refusals: the constants in internal/fault/codes.go and the
// sections of doc/man/gocare.7 that describe the codes. go generate ./internal/fault runs it, in internal/fault.
package main

import (
	"fmt"
	"os"

	"gocare/internal/fault"
)

// The files written, from the package's directory.
const (
	constantsFile = "codes.go"
	pageFile      = "../../doc/man/gocare.7"
)

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, "listcodes:", err)
		os.Exit(1)
	}
}

func write() error {
	source, err := constants(fault.Reasons())
	if err != nil {
		return err
	}
	if err := os.WriteFile(constantsFile, source, 0o644); err != nil {
		return err
	}
	old, err := os.ReadFile(pageFile)
	if err != nil {
		return err
	}
	text, err := page(string(old), fault.Reasons())
	if err != nil {
		return err
	}
	return os.WriteFile(pageFile, []byte(text), 0o644)
}
