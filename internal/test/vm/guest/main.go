//go:build linux

// Command guest is the first program of the virtual machine in which tests of aarch64 run, and under other names the tools that it
// lacks: a compiler there would be slow, so the host's cross tools are asked. As "play CARECTL FOLDER" it plays cells, as "jobs FOLDER" it
// runs what the host asks for.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	switch name := filepath.Base(os.Args[0]); {
	case name == playTool && len(os.Args) == 3:
		os.Exit(playAll(os.Args[1], os.Args[2]))
	case name == jobsTool && len(os.Args) == 2:
		os.Exit(doJobs(os.Args[1]))
	case name != "init":
		os.Exit(askHost(name, os.Args[1:]))
	}
	if err := boot(); err != nil {
		fmt.Println("guest:", err)
	}
	powerOff()
}
