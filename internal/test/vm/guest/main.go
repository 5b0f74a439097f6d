//go:build linux

// Command guest is the first program of the virtual machine in which tests of aarch64 run, and under other names the tools that it
// lacks: a compiler there would be slow, so the host's cross tools are asked.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if name := filepath.Base(os.Args[0]); name != "init" {
		os.Exit(askHost(name, os.Args[1:]))
	}
	if err := boot(); err != nil {
		fmt.Println("guest:", err)
	}
	powerOff()
}
